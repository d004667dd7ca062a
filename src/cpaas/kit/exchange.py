"""One HTTP/1.1 connection of the POST client: a request goes out, its answer is gathered.

Apart from the pool, so that what a hostile or broken server may send is tested on bytes alone.
"""

import asyncio
from typing import Final, Literal, cast

import httptools

HEAD_BYTES_MAX: Final = 32 * 1024
BODY_BYTES_MAX: Final = 64 * 1024
BODY_BYTES_KEPT: Final = 1024

Kind = Literal["url", "dns", "connect", "tls", "timeout", "closed", "protocol"]


class PostError(Exception):
    """No answer came; `kind` says where it ended, the text what happened."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class StaleError(Exception):
    """A kept connection was closed by the other side before it answered anything."""


class Exchange(asyncio.Protocol):
    """One connection: writes a request, gathers the answer, says whether it can be used again."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.reusable = False
        self.opened_at = 0.0
        self.idle_since = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        # One for all answers: the next request goes out only after a whole one that keeps alive.
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.retry_after = b""
        self.body = b""
        self._body_bytes = 0
        self._received_bytes = 0
        self._headers_done = False
        self._done = False

    async def send(self, request: bytes, timeout_seconds: float) -> None:
        """Writes the request; returns when the answer is in. Errors: StaleError, PostError."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise StaleError
        self._reset()
        self.reusable = False
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._expire_at(loop, loop.time() + timeout_seconds)
        transport.write(request)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if not self.reusable:
                transport.abort()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._waiter is None or self._done:
            # Nothing was asked: whoever sends now cannot be trusted with the next request.
            self._close()
            return
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(PostError("protocol", "the answer switches to another protocol"))
        except httptools.HttpParserError as error:
            self._fail(PostError("protocol", f"the answer is not HTTP: {error}"[:200]))
        else:
            self._check_size()

    def eof_received(self) -> bool:
        """Called by the loop."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self.reusable = False
        self.transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._received_bytes == 0 and not self._done:
            self._fail(StaleError())
        else:
            text = f"the connection ended within the answer{f': {exc}' if exc else ''}"
            self._fail(PostError("closed", text))

    # -- httptools

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self._done:
            self._close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if not self._done and len(name) == 11 and name.lower() == b"retry-after":
            self.retry_after = value

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if not self._done and status >= 200:
            self.status = status
            self._headers_done = True

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if self._done:
            return
        self._body_bytes += len(body)
        if len(self.body) < BODY_BYTES_KEPT:
            self.body += body[: BODY_BYTES_KEPT - len(self.body)]

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._done:
            return
        if not self._headers_done:
            self.retry_after = b""  # 100 Continue and 103 Early Hints: the answer comes behind.
            return
        self._done = True
        self.reusable = self._parser.should_keep_alive()
        self._wake(None)

    # -- ours

    def _check_size(self) -> None:
        if self._done:
            return
        if self._received_bytes > HEAD_BYTES_MAX + BODY_BYTES_MAX:
            self._fail(PostError("protocol", f"the answer is over {BODY_BYTES_MAX} bytes"))
        elif not self._headers_done and self._received_bytes > HEAD_BYTES_MAX:
            self._fail(PostError("protocol", f"the answer's head is over {HEAD_BYTES_MAX} bytes"))

    def _expire_at(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        # The timer of an earlier request stands until it rings and then sees the new deadline:
        # to start and cancel one for every request costs more than to parse its answer.
        self._deadline = deadline
        if self._timer is None or self._rings_at > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._start_timer(loop)

    def _start_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        # Noted here, since what uvloop gives for less than half a millisecond has no `when`.
        self._rings_at = self._deadline
        self._timer = loop.call_at(self._deadline, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if loop.time() < self._deadline:
            self._start_timer(loop)
        else:
            self._fail(PostError("timeout", "no answer in time"))

    def _fail(self, error: Exception) -> None:
        # With the final status in hand the outcome is known: calling again would repeat the event.
        self._done = True
        self._wake(None if self._headers_done else error)
        self._close()

    def _wake(self, error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            if error is None:
                self._waiter.set_result(None)
            else:
                self._waiter.set_exception(error)

    def _close(self) -> None:
        self.reusable = False
        if self.transport is not None:
            self.transport.abort()
