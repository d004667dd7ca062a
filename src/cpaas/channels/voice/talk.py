"""One call in the SIP worker: it rings, says its message, hears keys, and ends once."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

import baresip
from baresip import Event
from baresip.errors import split_status

from cpaas.channels.voice.frames import Answered, Digit, Ended, FromWorker, Place, Ringing

#: nobody hears what is said while the handset is on its way to the ear.
LEAD_SECONDS: Final = 0.5
BETWEEN_SECONDS: Final = 1.0
FEED_SECONDS: Final = 0.1
#: after the last sample: what lies in the far end's jitter buffer is still to be heard.
TAIL_SECONDS: Final = 0.4
BYTES_PER_SECOND: Final = 16_000
#: how long after the answer sound may take to be there.
MEDIA_SECONDS: Final = 3.0
#: a hang-up that the stack never confirms.
END_SECONDS: Final = 5.0
DIGITS_MAX: Final = 64


class Talk:
    """A call from dialling to its end, of which exactly one Ended is told."""

    def __init__(
        self,
        wanted: Place,
        pcm: bytes,
        tell: Callable[[FromWorker], None],
        gone: Callable[["Talk"], None],
    ) -> None:
        self.number = wanted.call
        self.handle = 0
        self._wanted = wanted
        self._pcm = pcm
        self._tell = tell
        self._gone = gone
        self._call: baresip.Call | None = None
        self._by = ""
        self._call_id = ""
        self._rung = False
        self._answered_at: float | None = None
        self._digits = ""
        self._pressed = asyncio.Event()
        self._complete = asyncio.Event()
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False

    def placed(self, call: baresip.Call) -> None:
        """The INVITE is on its way."""
        self._call, self.handle = call, call.handle
        self._later(self._wanted.ring_seconds, self._unanswered)
        if self._by:
            self._hang_up()

    def lost(self, *, placed: bool, reason: str) -> None:
        """It could not be dialled, or nobody knows whether it was."""
        self._finish(placed=placed, status=0, reason=reason, packets=0)

    def end(self, by: str) -> None:
        """Hangs up; `by` says why."""
        if not self._by:
            self._by = by
            if self._call is not None:
                self._hang_up()

    def on_event(self, event: Any) -> None:
        """What the stack tells of this call."""
        self._call_id = event.call_id or self._call_id
        match event.event:
            case Event.CALL_RINGING | Event.CALL_PROGRESS:
                if not self._rung:
                    self._rung = True
                    self._tell(Ringing(self.number, self._call_id))
            case Event.CALL_ESTABLISHED:
                self._established()
            case Event.CALL_DTMF_START:
                self._digit(event.text or "")
            case Event.CALL_CLOSED:
                status, reason = split_status(event.text or "")
                packets = int((event.stats or {}).get("tx", {}).get("packets", 0))
                self._finish(placed=True, status=status or 0, reason=reason, packets=packets)

    def _unanswered(self) -> None:
        if self._answered_at is None:
            self.end("ring")

    def _established(self) -> None:
        if self._answered_at is not None:
            return
        self._answered_at = time.monotonic()
        self._tell(Answered(self.number, self._call_id))
        self._later(self._wanted.limit_seconds, lambda: self.end("limit"))
        self._task(self._speak())

    def _digit(self, text: str) -> None:
        # A key may come with more than itself, such as its duration.
        digit = text[:1].upper()
        if not digit or digit not in "0123456789*#ABCD":
            return
        self._tell(Digit(self.number, digit))
        wanted = self._wanted
        if wanted.digits_max and digit == wanted.finish_on:
            self._complete.set()
        elif len(self._digits) < (wanted.digits_max or DIGITS_MAX):
            self._digits += digit
            if wanted.digits_max and len(self._digits) >= wanted.digits_max:
                self._complete.set()
        self._pressed.set()

    async def _speak(self) -> None:
        try:
            if await self._ready(LEAD_SECONDS) or await self._say():
                self.end("us")
                return
        except baresip.BaresipError:
            # The other end hung up, of which the stack is about to tell; or there is no sound.
            await asyncio.sleep(MEDIA_SECONDS)
        self.end("stop")

    async def _say(self) -> bool:
        """Says all, as often as wanted, and hears the keys; False when there is no way to."""
        if not await self._media():
            return False
        for number in range(self._wanted.repeat):
            if (number and await self._ready(BETWEEN_SECONDS)) or await self._play():
                return True
        await self._wait_for_keys()
        return True

    async def _media(self) -> bool:
        """Waits until sound can be sent."""
        call = self._call
        assert call is not None  # noqa: S101
        for _ in range(int(MEDIA_SECONDS / FEED_SECONDS)):
            with contextlib.suppress(baresip.AudioNotActive):
                if call.audio.info().tx_ready:
                    return True
            await asyncio.sleep(FEED_SECONDS)
        return False

    async def _ready(self, seconds: float) -> bool:
        """Waits; True at once when the keys that were asked for are complete."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._complete.wait()
            return True
        return False

    async def _play(self) -> bool:
        """Says it once; True when the keys were complete before its end."""
        call = self._call
        assert call is not None  # noqa: S101
        left = memoryview(self._pcm)
        while left:
            with contextlib.suppress(baresip.AudioRestarted):
                left = left[call.audio.write(left[:BYTES_PER_SECOND]) :]
            if await self._ready(FEED_SECONDS):
                with contextlib.suppress(baresip.AudioRestarted):
                    call.audio.flush_tx()
                return True
        while call.audio.info().tx_buffered:
            if await self._ready(FEED_SECONDS):
                with contextlib.suppress(baresip.AudioRestarted):
                    call.audio.flush_tx()
                return True
        return await self._ready(TAIL_SECONDS)

    async def _wait_for_keys(self) -> None:
        if not self._wanted.digits_max:
            return
        # Each key gives time for the next one.
        while not self._complete.is_set():
            self._pressed.clear()
            waiting = [
                asyncio.ensure_future(self._pressed.wait()),
                asyncio.ensure_future(self._complete.wait()),
            ]
            done, _ = await asyncio.wait(
                waiting, timeout=self._wanted.digits_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for one in waiting:
                one.cancel()
            if not done:
                return

    def _hang_up(self) -> None:
        self._task(self._send_end())

    async def _send_end(self) -> None:
        assert self._call is not None  # noqa: S101
        with contextlib.suppress(baresip.BaresipError):
            await self._call.hangup()
        await asyncio.sleep(END_SECONDS)
        self._finish(placed=True, status=0, reason="the stack did not confirm the end", packets=0)

    def _finish(self, *, placed: bool, status: int, reason: str, packets: int) -> None:
        if self._over:
            return
        self._over = True
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        answered = self._answered_at
        taken = None if answered is None else int((time.monotonic() - answered) * 1000)
        self._tell(
            Ended(
                self.number, self._call_id, placed, self._by or "them", status, reason, taken,
                self._digits, packets,
            )
        )  # fmt: skip
        self._gone(self)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, then))

    def _task(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))
