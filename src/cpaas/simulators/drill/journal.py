"""A file of lines that outlives the process that writes it: each line is with the kernel at once.

What an end has told its peer must be in its journal first; a SIGKILL then takes nothing away.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class Journal(Generic[T]):
    """Lines of one kind, appended by one process and read by any."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._encode = msgspec.json.Encoder().encode

    def write(self, line: T) -> None:
        """Appends one line; when it returns, killing this process loses nothing of it."""
        os.write(self._file, self._encode(line) + b"\n")

    def close(self) -> None:
        """Ends writing."""
        os.close(self._file)


def lines(path: Path, kind: Any) -> Iterator[Any]:
    """Every whole line of a journal, decoded; a last one that was cut off does not count."""
    if not path.exists():
        return
    decode = msgspec.json.Decoder(kind).decode
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield decode(raw)
