"""A private RabbitMQ node for tests, of the kind that `up --rabbitmq` runs."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.parts import require
from tests.postgres_keeper import free_port

from cpaas import config
from cpaas.broker import address, node
from cpaas.kit.child import Command, dies_with_parent

START_SECONDS_MAX = 90


class RabbitNode:
    """Started once, killed and started again by tests that ask for it."""

    def __init__(self) -> None:
        require("rabbitmq")
        self.home = Path(tempfile.mkdtemp(prefix="cpaas-rabbit-"))
        ports = {f"CPAAS_RABBITMQ_{name}PORT": str(free_port()) for name in ("", "DIST_", "EPMD_")}
        self.settings = config.load({"CPAAS_HOME": str(self.home), "CPAAS_RABBITMQ": "on"} | ports)
        self._programs = node.prepare(self.settings)
        self._epmd = self._spawn(self._programs.epmd)
        self._server = self._spawn(self._programs.server)
        self.wait()

    @property
    def url(self) -> str:
        """Its AMQP URL."""
        return address.url(self.settings)

    def kill(self) -> None:
        """SIGKILL, to the server alone."""
        self._server.kill()
        self._server.wait()

    def start(self) -> None:
        """Starts it again; returns when it answers."""
        self._server = self._spawn(self._programs.server)
        self.wait()

    def freeze(self) -> None:
        """It stands still, and its connections stay open."""
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._server.send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            assert self._server.poll() is None, self._log
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.settings.rabbitmq_port), 1).close()
                return
            assert time.monotonic() < deadline, self._log
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends both programs and removes their folder."""
        for process in (self._server, self._epmd):
            process.kill()
            process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def _log(self) -> str:
        return (self.home / "node.log").read_text()[-2000:]

    def _spawn(self, command: Command) -> "subprocess.Popen[bytes]":
        with (self.home / "node.log").open("ab") as log:
            return subprocess.Popen(
                command.argv, env=dict(command.env), cwd=command.cwd, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, process_group=0,
                preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509 as `spawn` does
            )  # fmt: skip
