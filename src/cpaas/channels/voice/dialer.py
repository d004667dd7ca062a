"""The service's end of a SIP worker: starts it, asks it to dial, hears what becomes of calls.

A worker that dies takes its calls with it. They are told as lost, and never dialled again from
here: a phone may have rung.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import OrderedDict
from typing import Any, Final, Protocol

from cpaas.channels.voice.frames import (
    Audio,
    Ended,
    Forget,
    FromWorker,
    HangUp,
    Leave,
    Place,
    Ready,
    Splitter,
    ToWorker,
    Trouble,
    Trunk,
    decode_from_worker,
    framed,
)
from cpaas.kit.child import dies_with_parent
from cpaas.kit.log import get_logger

READ_BYTES: Final = 256 * 1024
RESTART_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
#: sounds that the worker keeps, for campaigns say the same to everybody.
SOUNDS_MAX: Final = 64
LEAVE_SECONDS: Final = 4.0
_log = get_logger(__name__)


class Hears(Protocol):
    """Whom a dialer tells."""

    def on_ready(self) -> None:
        """Calls can be placed, or cannot any more."""

    def on_call(self, event: FromWorker) -> None:
        """Something happened to a call."""

    def on_lost(self, calls: list[int]) -> None:
        """The worker is gone, and with it these calls."""


class Dialer:
    """One trunk's worker process, kept alive."""

    def __init__(self, trunk: Trunk, hears: Hears) -> None:
        self._trunk = trunk
        self._hears = hears
        self._out: asyncio.StreamWriter | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._calls: set[int] = set()
        self._sounds: OrderedDict[bytes, int] = OrderedDict()
        self._next = 0
        self.stopping = False
        self.ready = False
        self.last_error = ""

    @property
    def pid(self) -> int:
        """The worker's process, 0 when there is none."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Starts the worker, and again whenever it dies."""
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Hangs up what is left and ends the worker."""
        self.stopping = True
        self._send(Leave())
        if self._keeping is not None:
            await asyncio.wait([self._keeping], timeout=LEAVE_SECONDS)
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    def place(self, sound: bytes, wanted: dict[str, Any]) -> int:
        """Dials; the number that the call has from now on. `wanted`: Place without its numbers."""
        self._next += 1
        audio = self._sound(sound)
        self._calls.add(self._next)
        self._send(Place(call=self._next, audio=audio, **wanted))
        return self._next

    def hang_up(self, call: int) -> None:
        """Ends a call."""
        self._send(HangUp(call))

    def _sound(self, pcm: bytes) -> int:
        number = self._sounds.get(pcm)
        if number is None:
            while len(self._sounds) >= SOUNDS_MAX:
                _, old = self._sounds.popitem(last=False)
                self._send(Forget(old))
            self._next += 1
            number = self._sounds[pcm] = self._next
            self._send(Audio(number, pcm))
        self._sounds.move_to_end(pcm)
        return number

    def _send(self, message: ToWorker) -> None:
        if self._out is not None and not self._out.is_closing():
            self._out.write(framed(message))

    async def _keep(self) -> None:
        failures = 0
        while not self.stopping:
            try:
                await self._run()
            except Exception as error:  # noqa: BLE001 - a trunk must never end; it shows what is wrong
                self.last_error = f"the SIP worker failed: {error}"
                if not isinstance(error, OSError | ValueError):
                    _log.exception("sip_worker_failed")
            was_ready, self.ready = self.ready, False
            lost, self._calls = sorted(self._calls), set()
            self._sounds.clear()
            if lost or not self.stopping:
                _log.warning("sip_worker_gone", calls=len(lost), error=self.last_error)
                self._hears.on_lost(lost)
            failures = 0 if was_ready else min(failures + 1, len(RESTART_SECONDS) - 1)
            if not self.stopping:
                await asyncio.sleep(RESTART_SECONDS[failures])

    async def _run(self) -> None:
        ours, theirs = socket.socketpair()
        argv = (sys.executable, "-m", "cpaas.channels.voice.worker", str(theirs.fileno()))
        try:
            # By this thread, whose end the kernel tells the child; uvloop knows no process
            # groups. What the worker says goes where this service's log goes.
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it must be of this thread
                argv, stdin=subprocess.DEVNULL, env=_environment(), process_group=0,
                pass_fds=[theirs.fileno()],
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - it only calls prctl
            )  # fmt: skip
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, self._out = await asyncio.open_unix_connection(sock=ours)
        try:
            self._send(self._trunk)
            splitter = Splitter()
            while data := await reader.read(READ_BYTES):
                for frame in splitter.feed(data):
                    self._heard(decode_from_worker(frame))
        finally:
            out, self._out = self._out, None
            out.close()
            with contextlib.suppress(OSError):
                await out.wait_closed()
            await self._reap()

    async def _reap(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101
        try:
            await asyncio.to_thread(process.wait, LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        self._process = None
        if process.returncode and not self.stopping:
            self.last_error = f"the SIP worker ended with {process.returncode}"

    def _heard(self, message: FromWorker) -> None:
        match message:
            case Ready():
                self.ready, self.last_error = True, ""
                self._hears.on_ready()
            case Trouble():
                self.ready, self.last_error = False, message.text
                self._hears.on_ready()
            case _:
                if isinstance(message, Ended):
                    self._calls.discard(message.call)
                self._hears.on_call(message)


def _environment() -> dict[str, str]:
    """What Python needs to find us, and none of the platform's secrets."""
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TMPDIR", "HOME")
    return {name: os.environ[name] for name in kept if name in os.environ}
