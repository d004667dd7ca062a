"""A small client of Ollama: one question, one answer that fits a schema, or a clear "not now".

A model that is absent, slow or wrong costs its asker a bounded time and never an error page.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from cpaas.kit.log import get_logger

SECONDS_MAX: Final = 40.0
CONNECT_SECONDS: Final = 2.0
#: after a failure nobody waits again for so long.
REST_SECONDS: Final = 15.0
#: questions at once in one process: each one takes a whole core or more.
AT_ONCE: Final = 2
ANSWER_CHARS_MAX: Final = 20_000
TOKENS_MAX: Final = 700
_log = get_logger(__name__)
T = TypeVar("T")


class ModelError(Exception):
    """The model gave no answer that can be used; says why in words for a person."""


class Model:
    """One Ollama server and one of its models. Threads may share it."""

    def __init__(
        self,
        host: str,
        name: str,
        *,
        seconds: float = SECONDS_MAX,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._host = host
        self._seconds = seconds
        self._now = now
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._rest_until = 0.0

    @property
    def wanted(self) -> bool:
        """Whether a server is named at all."""
        return bool(self._host and self.name)

    def ask(self, instructions: str, question: str, wanted: type[T]) -> T:
        """An answer of this type. Errors: ModelError."""
        if not self.wanted:
            raise ModelError("No language model is set up.")
        if self._now() < self._rest_until:
            raise ModelError("The language model could not be reached a moment ago.")
        if not self._slots.acquire(blocking=False):
            raise ModelError("The language model is busy; try again in a moment.")
        try:
            return _read(self._said(instructions, question, wanted), wanted)
        finally:
            self._slots.release()

    def _said(self, instructions: str, question: str, wanted: type[Any]) -> str:
        # Here: most processes that know of a model never ask one, and these take long to load.
        import httpx
        import ollama

        timeout = httpx.Timeout(self._seconds, connect=CONNECT_SECONDS)
        client = ollama.Client(host=self._host, timeout=timeout)
        try:
            # Read in pieces, so that the whole of it has one limit of time and size.
            return self._collected(
                client.chat(
                    model=self.name,
                    messages=[
                        {"role": "system", "content": instructions},
                        {"role": "user", "content": question},
                    ],
                    format=msgspec.json.schema(wanted),
                    options={"temperature": 0.3, "num_predict": TOKENS_MAX},
                    stream=True,
                )
            )
        except ollama.ResponseError as error:
            _log.warning("model_refused", status=error.status_code, reason=error.error[:200])
            raise ModelError(f"The language model refused: {error.error[:200]}.") from None
        except (OSError, httpx.HTTPError, ValueError) as error:
            self._rest_until = self._now() + REST_SECONDS
            _log.warning("model_away", reason=repr(error)[:200])
            raise ModelError("The language model cannot be reached now.") from None

    def _collected(self, pieces: Any) -> str:
        deadline, found = self._now() + self._seconds, ""
        for piece in pieces:
            found += piece.message.content or ""
            if len(found) > ANSWER_CHARS_MAX:
                raise ModelError("The language model said too much.")
            if self._now() > deadline:
                raise ModelError(f"The language model took more than {self._seconds:g} seconds.")
        return found


def _read(text: str, wanted: type[T]) -> T:
    """The answer, which servers may wrap in words or a code block in spite of the schema."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        return msgspec.json.decode(text[begin : end + 1], type=wanted)
    except (msgspec.DecodeError, UnicodeError):
        raise ModelError("The language model's answer cannot be used.") from None
