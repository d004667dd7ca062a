"""A log file that is rotated by size, so that logs can never fill a disk.

The supervisor writes what its children print; the children know nothing of files.
"""

import contextlib
import os
from pathlib import Path

OLD_FILES_KEPT = 5


class LogFile:
    """Appends bytes; at `bytes_max` the file becomes `.1`, `.1` becomes `.2`, and so on."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self.path = path
        self._bytes_max = bytes_max
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._open()

    def write(self, data: bytes) -> None:
        """Writes at once; rotates first when the file would grow past its limit."""
        if self._size and self._size + len(data) > self._bytes_max:
            self._rotate()
        os.write(self._descriptor, data)
        self._size += len(data)

    def close(self) -> None:
        """Ends writing."""
        os.close(self._descriptor)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        os.close(self._descriptor)
        for number in range(OLD_FILES_KEPT, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}")
            with contextlib.suppress(FileNotFoundError):
                (newer if number > 1 else self.path).replace(older)
        self._open()
