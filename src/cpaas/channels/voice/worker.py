"""The SIP worker: a process of its own that dials, plays and listens, and knows nothing else.

`python -m cpaas.channels.voice.worker FD`: frames on the socket FD. The SIP stack is C code of
another house and one per process; when it crashes, this process is lost and not the service. When
the service is lost, the socket ends, and every call is hung up.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from typing import Any, Final

import baresip
import msgspec
from baresip import Event

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
    Trouble,
    Trunk,
    decode_to_worker,
    framed,
)
from cpaas.channels.voice.talk import Talk

READ_BYTES: Final = 256 * 1024
#: how long calls that are hung up at the end may take to say so.
FAREWELL_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 0.3
REGISTER_RETRY_SECONDS: Final = 10.0
#: one user agent stands for one caller, and the stack never lets go of one.
CALLERS_MAX: Final = 1_000
EARLY_MAX: Final = 1_000
DISTRUST_SECONDS: Final = 10.0
#: how far the stack's log may come behind what it tells of.
LOG_SECONDS: Final = 0.2
UNTRUSTED: Final = "the carrier's certificate is not good: see verify and ca_file of the route"
#: srtp of a trunk -> what the stack calls it.
_ENCRYPTION: Final[dict[str, tuple[str, ...]]] = {
    "off": (), "offer": ("mediaenc=srtp",), "require": ("mediaenc=srtp-mand",)
}  # fmt: skip


class Distrust(logging.Handler):
    """Notices that the carrier's certificate was refused, which the stack only logs.

    It is looked at before a word of a call is said, so such a call was not placed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._at = -DISTRUST_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Reads one line of the stack."""
        said = record.getMessage()
        if "certificate verify failed" in said or "tls_verify_handler: err" in said:
            self._at = time.monotonic()

    @property
    def lately(self) -> bool:
        """Whether it was refused just now."""
        return time.monotonic() - self._at < DISTRUST_SECONDS


class Worker:
    """Calls of one trunk."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._runtime = baresip.Runtime()
        self._trunk: Trunk | None = None
        self._agents: dict[str, baresip.UserAgent] = {}
        self._audio: dict[int, bytes] = {}
        self._talks: dict[int, Talk] = {}
        self._by_handle: dict[int, Talk] = {}
        # What the stack tells of a call before dialling has returned its handle.
        self._early: dict[int, list[Any]] = {}
        self._placing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: asyncio.Queue[FromWorker] = asyncio.Queue()
        self._distrust = Distrust()
        logging.getLogger("baresip.native").addHandler(self._distrust)

    async def run(self) -> None:
        """Works until the socket ends or it is told to leave."""
        loop = asyncio.get_running_loop()
        splitter = Splitter()
        writing = asyncio.create_task(self._write())
        try:
            while data := await loop.sock_recv(self._pipe, READ_BYTES):
                for frame in splitter.feed(data):
                    message = decode_to_worker(frame)
                    if isinstance(message, Leave):
                        return
                    await self._obey(message)
        finally:
            await self._farewell()
            writing.cancel()

    async def _obey(self, message: object) -> None:
        match message:
            case Trunk():
                await self._start(message)
            case Audio():
                self._audio[message.number] = message.pcm
            case Forget():
                self._audio.pop(message.number, None)
            case Place():
                self._task(self._place(message, self._audio.get(message.audio, b"")))
            case HangUp():
                talk = self._talks.get(message.call)
                if talk is not None:
                    talk.end("stop")

    async def _start(self, trunk: Trunk) -> None:
        self._trunk = trunk
        extra = f"sip_listen {trunk.listen}\n" if trunk.listen else ""
        if trunk.transport == "tls":
            extra += f"sip_verify_server {'yes' if trunk.ca_file else 'no'}\n"
            extra += f"sip_cafile {trunk.ca_file}\n" if trunk.ca_file else ""
        self._runtime.subscribe(self._on_event)
        await self._runtime.start(
            baresip.Config(
                net_interface=trunk.interface or None, max_concurrent_calls=None,
                extra_config_text=extra,
            )
        )  # fmt: skip
        await self._agent("")
        if trunk.register:
            self._task(self._register(self._agents[""]))
        else:
            self._tell(Ready())

    async def _register(self, agent: baresip.UserAgent) -> None:
        while True:
            try:
                await agent.register()
            except baresip.BaresipError as error:
                self._tell(Trouble(str(error)))
                await asyncio.sleep(REGISTER_RETRY_SECONDS)
            else:
                self._tell(Ready())
                return

    async def _agent(self, caller: str) -> baresip.UserAgent:
        """The user agent that calls as `caller`; with too many of them, the trunk's own."""
        known = self._agents.get(caller)
        if known is not None:
            return known
        if len(self._agents) >= CALLERS_MAX:
            return self._agents[""]
        trunk = self._trunk
        assert trunk is not None  # noqa: S101
        near = f"{trunk.host}:{trunk.port};transport={trunk.transport}"
        agent = await baresip.UserAgent.create(
            self._runtime,
            baresip.Account(
                user=caller or trunk.user, domain=trunk.domain, password=trunk.password,
                registrar=near, transport=trunk.transport, audio_codecs=trunk.codecs,
                reg_interval=600 if trunk.register and not caller else 0,
                auth_user=trunk.auth_user or None, extra_params=_ENCRYPTION[trunk.srtp],
            ),
        )  # fmt: skip
        self._agents[caller] = agent
        return agent

    async def _place(self, wanted: Place, pcm: bytes) -> None:
        talk = Talk(wanted, pcm, self._tell, self._gone)
        self._talks[wanted.call] = talk
        self._placing += 1
        try:
            agent = await self._agent(wanted.caller)
            call = await agent.dial(wanted.uri)
        except baresip.CommandTimeout as error:
            # It may be ringing: whoever asked must count it as unknown.
            talk.lost(placed=True, reason=str(error))
            return
        except (baresip.BaresipError, ValueError) as error:
            talk.lost(placed=False, reason=str(error))
            return
        finally:
            self._placing -= 1
        self._by_handle[call.handle] = talk
        talk.placed(call)
        for event in self._early.pop(call.handle, ()):
            talk.on_event(event)
        if not self._placing:
            self._early.clear()

    def _on_event(self, event: Any) -> None:
        if not event.call:
            if event.event is Event.REGISTER_FAIL:
                self._tell(Trouble(f"registration failed: {event.text}"))
            elif event.event is Event.REGISTER_OK:
                self._tell(Ready())
            return
        talk = self._by_handle.get(event.call)
        if talk is not None:
            talk.on_event(event)
        elif event.event is Event.CALL_INCOMING:
            # Nobody is here to be called.
            call = baresip.Call._from_incoming(self._runtime, event)
            self._task(_refuse(call))
        elif self._placing and len(self._early) < EARLY_MAX:
            self._early.setdefault(event.call, []).append(event)

    def _gone(self, talk: Talk) -> None:
        self._talks.pop(talk.number, None)
        if talk.handle:
            self._by_handle.pop(talk.handle, None)

    def _tell(self, message: FromWorker) -> None:
        if isinstance(message, Ended) and _may_be_distrust(message):
            self._task(self._tell_why(message))
        else:
            self._out.put_nowait(message)

    async def _tell_why(self, message: Ended) -> None:
        # The stack's log comes by a way of its own, sometimes just behind the call's end.
        try:
            await asyncio.sleep(LOG_SECONDS)
        finally:
            # A worker that leaves meanwhile still tells of the end.
            if self._distrust.lately:
                message = msgspec.structs.replace(message, placed=False, reason=UNTRUSTED)
            self._out.put_nowait(message)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = framed(await self._out.get())
            while not self._out.empty():
                data += framed(self._out.get_nowait())
            await loop.sock_sendall(self._pipe, data)

    async def _farewell(self) -> None:
        """Hangs up, and gives the hang-ups a moment to leave the machine."""
        for talk in list(self._talks.values()):
            talk.end("stop")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                while self._talks or not self._out.empty():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        for task in list(self._tasks):
            task.cancel()
        if self._trunk is not None:
            # Answers to CANCEL and BYE are still to be acknowledged.
            await asyncio.sleep(SETTLE_SECONDS)
            with contextlib.suppress(baresip.BaresipError):
                await self._runtime.close()

    def _task(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _may_be_distrust(message: Ended) -> bool:
    return message.placed and not message.status and message.reason.startswith("Protocol error")


async def _refuse(call: baresip.Call) -> None:
    with contextlib.suppress(baresip.BaresipError):
        await call.reject()


async def _main(fd: int) -> None:
    pipe = socket.socket(fileno=fd)
    pipe.setblocking(False)
    working = asyncio.create_task(Worker(pipe).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await working


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s")
    asyncio.run(_main(int(sys.argv[1])))
