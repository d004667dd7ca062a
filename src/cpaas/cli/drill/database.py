"""PostgreSQL of a drill that runs it itself, so that the network to it can be disturbed.

The copy then takes it for a server elsewhere, as an operator's own would be.
"""

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from cpaas.cli import output
from cpaas.config import load
from cpaas.db import embedded, server
from cpaas.kit.child import spawn
from cpaas.kit.logfile import LogFile
from cpaas.simulators.tcp_proxy import Proxy
from cpaas.supervisor.process import Child
from cpaas.supervisor.supervise import POSTGRES

START_SECONDS_MAX: Final = 60
STOP_SECONDS_MAX: Final = 10.0
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGQUIT)
LOG_BYTES_MAX: Final = 20_000_000


class Database:
    """One server behind a link that can be disturbed; `dsn` leads through the link."""

    def __init__(self, home: Path) -> None:
        real, told = _free_ports(2)
        self._settings = load({"CPAAS_HOME": str(home), "CPAAS_POSTGRES_PORT": str(real)})
        self._cluster = embedded.prepare(self._settings)
        self._child: Child | None = None
        self._told = told
        self.link = Proxy("127.0.0.1", real)
        parts = urlsplit(self._settings.dsn())
        login = parts.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{told}"))

    async def start(self) -> None:
        """Starts the server and its link."""
        await self._spawn()
        await self.link.start(self._told)

    async def kill(self) -> None:
        """SIGKILL to its first process; returns when a new one answers."""
        child = self._child
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            await child.wait()
            # Its own children must not meet the next start.
            await child.stop((), 0.0)
        await self._spawn()

    async def stop(self) -> None:
        """Ends link and server."""
        await self.link.stop()
        if self._child is not None:
            await self._child.stop(STOP_SIGNALS, STOP_SECONDS_MAX)

    async def _spawn(self) -> None:
        log = LogFile(self._settings.logs / f"{POSTGRES}.log", LOG_BYTES_MAX)
        await asyncio.to_thread(embedded.end_orphan, self._cluster.data)
        child = Child(await spawn(self._cluster.command()), log)
        self._child = child
        await server.wait_ready(
            self._settings, seconds_max=START_SECONDS_MAX, still_alive=lambda: child.running
        )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        found = [int(probe.getsockname()[1]) for probe in probes]
    if len(set(found)) < count:
        raise output.CliError("no free ports were found", "stop what uses so many")
    return found
