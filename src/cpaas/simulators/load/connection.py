"""One keep-alive connection of the load: a request goes out, its answer is counted, the next goes.

Only the callbacks of the parser that are needed exist, since each one costs on every answer.
"""

import asyncio
from typing import Any, Final, Protocol, cast

import httptools

BODY_BYTES_KEPT: Final = 400


class Requests(Protocol):
    """Makes the bytes of the number-th request."""

    def make(self, number: int) -> bytes:
        """The whole request."""
        ...


class Owner(Protocol):
    """Who is told of answers and of the end."""

    def answered(self, connection: "Connection", status: int, body: bytes) -> None:
        """An answer is complete; `body` is its beginning."""

    def lost(self, connection: "Connection") -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """A connection with at most one request under way; `since` is when that was due.

    closing: the server wants no further request on it.
    """

    def __init__(self, owner: Owner, requests: Any) -> None:
        self.requests = requests
        self.busy = self.closing = False
        self.since = 0.0
        self._owner = owner
        self._body = b""
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)

    def send(self, request: bytes, since: float) -> None:
        """Writes a request that was due at `since`."""
        self.busy = True
        self.since = since
        if self._transport is not None:
            self._transport.write(request)

    def close(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        self._owner.lost(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if not self._body:
            self._body = body[:BODY_BYTES_KEPT]

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status, body = self._parser.get_status_code(), self._body
        self.busy = False
        self._body = b""
        if not self._parser.should_keep_alive() and self._transport is not None:
            # Its owner hears of the answer now and of the loss when the loop tells it.
            self.closing = True
            self._transport.close()
        self._owner.answered(self, status, body)
