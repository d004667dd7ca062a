"""Starts programs as copies of a process that has imported what they need already.

Only while the platform starts, when twelve processes would import the same at once. What is
restarted later starts by itself, with the code of then. Whatever goes wrong here (no such kernel,
a module that cannot be imported), a program starts by itself as well.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterable

import msgspec

from cpaas.kit.adopted import Adopted, adopt_orphans
from cpaas.kit.child import Command, spawn
from cpaas.kit.copies import Request
from cpaas.kit.log import get_logger
from cpaas.supervisor.types import Process, Program

COPY_SECONDS_MAX = 60.0
ANSWER_BYTES_MAX = 64

log = get_logger("supervisor")


class TemplateError(Exception):
    """No copy could be had."""


class _Template:
    """One process to copy, and the socket that it hears."""

    def __init__(self, process: asyncio.subprocess.Process, requests: socket.socket) -> None:
        self._process = process
        self._requests = requests
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def start(cls, command: Command) -> "_Template":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            argv = tuple(one.replace("{socket}", str(theirs.fileno())) for one in command.argv)
            command = msgspec.structs.replace(command, argv=argv)
            try:
                process = await spawn(command, pass_fds=[theirs.fileno()])
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        return cls(process, ours)

    async def copy(self, argv: list[str]) -> Adopted:
        lifeline_theirs, lifeline = os.pipe()
        output, output_theirs = os.pipe()
        try:
            try:
                pid = await self._ask(argv, [lifeline_theirs, output_theirs])
            finally:
                os.close(lifeline_theirs)
                os.close(output_theirs)
            return await Adopted.take(pid, lifeline=lifeline, output=output)
        except BaseException:
            # Without its lifeline a copy that came too late ends by itself.
            os.close(lifeline)
            with contextlib.suppress(OSError):
                os.close(output)
            raise

    async def _ask(self, argv: list[str], pipes: list[int]) -> int:
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(COPY_SECONDS_MAX):
                    message = msgspec.json.encode(Request(argv))
                    socket.send_fds(self._requests, [message], pipes)
                    answer = await loop.sock_recv(self._requests, ANSWER_BYTES_MAX)
            except (OSError, TimeoutError) as error:
                raise TemplateError(str(error)) from error
        if not answer:
            raise TemplateError("it ended")
        return int(answer)

    async def end(self) -> str:
        """Ends it, if it has not ended; returns what it said."""
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        said, _ = await self._process.communicate()
        return said.decode(errors="replace").strip()


class Templates:
    """The processes to copy of one start of the platform; `spawn` works before and after, too."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, ...], asyncio.Task[_Template]] = {}

    def begin(self, programs: Iterable[Program]) -> None:
        """Starts one process for all programs that name the same."""
        commands = {one.template.argv: one.template for one in programs if one.template}
        if commands and adopt_orphans(on=True):
            for argv, command in commands.items():
                self._running[argv] = asyncio.create_task(_Template.start(command))

    async def spawn(self, program: Program) -> Process:
        """Starts a program: as a copy if it can be had, else by itself.

        Raises OSError when it cannot be executed.
        """
        argv = program.template.argv if program.template else ()
        if argv in self._running:
            try:
                template = await asyncio.shield(self._running[argv])
                return await template.copy(list(program.arguments))
            except (TemplateError, OSError) as error:
                log.warning("no copy to be had", program=program.name, reason=str(error))
                await self._end(argv)
        return await spawn(program.command)

    async def end(self) -> None:
        """Ends them: from now on each program starts by itself."""
        for argv in list(self._running):
            await self._end(argv)
        adopt_orphans(on=False)

    async def _end(self, argv: tuple[str, ...]) -> None:
        task = self._running.pop(argv, None)
        if task is not None:
            with contextlib.suppress(OSError):
                if said := await (await task).end():
                    log.warning("a template said", output=said[-500:])
