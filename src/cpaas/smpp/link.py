"""The asyncio shell around one session, shared by client and server: bytes, timer, back-pressure.

All PDUs of one read are handed over together and all writes of one call are joined, because the
cost of this program is system calls and wake-ups, not bytes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from cpaas.smpp.codec import PduBuffer, encode_header
from cpaas.smpp.events import Limits, Received
from cpaas.smpp.layout import GENERIC_NACK
from cpaas.smpp.session import Session
from cpaas.smpp.states import Role

WRITE_BUFFER_BYTES_MAX = 512 * 1024
CLOSE_PATIENCE_SECONDS = 5.0
_TICK_SECONDS_MIN = 0.02
_NEVER = float("inf")


class Link(asyncio.Protocol):
    """One connection; subclasses say what to do with what it brings."""

    def __init__(
        self, role: Role, limits: Limits, clock: Callable[[], float], *, inbound_max: int
    ) -> None:
        self.session = Session(role, limits, clock())
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.paused = False
        self.close_reason = ""
        self._clock = clock
        self._inbound_max = inbound_max
        self._buffer = PduBuffer()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self._reading = True

    # What subclasses override

    def allow(self, requests: int) -> None:
        """How many requests of the other side may wait for their answer before reading stops."""
        self._inbound_max = requests

    def opened(self) -> None:
        """The connection is there."""

    def received(self, got: Received) -> None:
        """One read's PDUs are there; the session's own replies are already written."""

    def timed_out(self, tags: list[Any]) -> None:
        """These messages got no answer in time."""

    def writable(self) -> None:
        """The peer reads again."""

    def lost(self, unanswered: list[Any], reason: str) -> None:
        """The connection is gone."""

    # What subclasses use

    @property
    def peer(self) -> tuple[str, int]:
        """The other end's address and port."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return (name[0], name[1]) if name else ("", 0)

    @property
    def closing(self) -> bool:
        """Tell whether nothing can be written any more."""
        return self._transport is None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write at once; what is written to a closing link is lost, as its reason tells."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self.arm()

    def close(self, reason: str) -> None:
        """Flush and close; cut the connection if the peer does not take the rest."""
        if self._transport is None or self._transport.is_closing():
            return
        self.close_reason = self.close_reason or reason
        self._transport.close()
        asyncio.get_running_loop().call_later(CLOSE_PATIENCE_SECONDS, self._transport.abort)

    def abort(self, reason: str) -> None:
        """Cut the connection without flushing."""
        self.close_reason = self.close_reason or reason
        if self._transport is not None:
            self._transport.abort()

    def settle(self) -> None:
        """After requests were answered: read on, and part if the peer asked to."""
        reply = self.session.unbind_reply()
        if reply:
            self.write(reply)
            self.close("unbound by the peer")
        self._steer_reading()

    def arm(self) -> None:
        """Make sure that the timer fires when the session next wants it."""
        deadline = self.session.next_deadline()
        if deadline >= self._timer_at or self._transport is None:
            # It fires too early then, which costs one look and is simpler than moving it.
            return
        if self._timer is not None:
            self._timer.cancel()
        delay = max(_TICK_SECONDS_MIN, deadline - self._clock())
        self._timer_at = deadline
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        self.opened()
        self.arm()

    def data_received(self, data: bytes) -> None:
        """Handle one read as one batch."""
        if self.closing:
            return
        frames = self._buffer.feed(data)
        got = self.session.receive(frames, self._clock())
        if got.replies:
            self.write(b"".join(got.replies))
        self.received(got)
        self.settle()
        broken = self._buffer.broken
        if broken is not None:
            self.write(encode_header(GENERIC_NACK, broken.command_status, broken.sequence))
            self.close(f"the peer sent what is not SMPP: {broken.reason}")
        elif got.close_reason:
            self.close(got.close_reason)
        else:
            self.arm()

    def pause_writing(self) -> None:
        """The peer does not read and the write buffer is full."""
        self.paused = True
        self._steer_reading()

    def resume_writing(self) -> None:
        """The peer took what was waiting."""
        self.paused = False
        self._steer_reading()
        self.writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report what is left without an answer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = _NEVER
        self._transport = None
        reason = self.close_reason or (str(exc) if exc else "") or "closed by the peer"
        self.close_reason = reason
        unanswered = self.session.close()
        if not self.closed.done():
            self.closed.set_result(reason)
        self.lost(unanswered, reason)

    # Inner workings

    def _steer_reading(self) -> None:
        """Stop reading while the peer does not read our answers or we owe it too many."""
        if self._transport is None or self._transport.is_closing():
            return
        # Only the server's side stops for a full write buffer: if both did, both would wait.
        stuck = self.paused and self.session.role is Role.SMSC
        wanted = not stuck and self.session.inbound_unanswered < self._inbound_max
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif not wanted and self._reading:
            self._transport.pause_reading()
        self._reading = wanted

    def _tick(self) -> None:
        self._timer = None
        self._timer_at = _NEVER
        if self.closing:
            return
        tick = self.session.on_tick(self._clock())
        if tick.timed_out:
            self.timed_out(tick.timed_out)
        self.write(tick.data)
        if tick.close_reason:
            self.close(tick.close_reason)
        self.arm()
