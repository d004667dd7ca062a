"""A private copy of the platform for bench and drill, made by the same commands that a user has.

Its home, its ports and its database are its own, so that neither ever touches real traffic.
"""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from cpaas.cli import output
from cpaas.cli.client import Api
from cpaas.config import PORTS, Settings, load
from cpaas.simulators.load.ends import Ports
from cpaas.simulators.load.requests import SENDER

ROUTE: Final = "bench"
CREDIT: Final = "100000000"
PRICE: Final = "0.12"
COMMAND_SECONDS_MAX: Final = 180
BOUND_SECONDS_MAX: Final = 30
WINDOW: Final = 500
OFFSETS: Final = range(11_000, 50_000)


class Copy:
    """One copy, up as long as the context lasts."""

    def __init__(self, folder: Path | None, **options: str) -> None:
        """folder: where its home is made, None = the system's; options: its CPAAS_ settings."""
        # Short and passable: PostgreSQL's socket has a limit, and its user must get there.
        self.home = Path(tempfile.mkdtemp(prefix="cpb", dir=folder))
        self.home.chmod(0o711)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CPAAS_")}
        self._environment = kept | {
            "CPAAS_HOME": str(self.home / "h"),
            "CPAAS_PORT_OFFSET": str(free_offset()),
            "CPAAS_SANDBOX": "off",
            "CPAAS_ALLOW_NETWORKS": "127.0.0.0/8",
        } | options  # fmt: skip
        self.settings: Settings = load(self._environment)
        self.keys: tuple[str, ...] = ()
        self.processes: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def stop(self) -> None:
        """Ends it; its home stays as long as the context."""
        with contextlib.suppress(output.CliError):
            self.command("down")

    def command(self, *words: str) -> dict[str, Any]:
        """Runs `cpaas … --json` on this copy and returns what it told."""
        done = subprocess.run(
            [sys.executable, "-m", "cpaas", *words, "--json"],
            env=self._environment, capture_output=True, timeout=COMMAND_SECONDS_MAX, check=False,
        )  # fmt: skip
        lines = done.stdout.strip().splitlines()
        answer: dict[str, Any] = msgspec.json.decode(lines[-1]) if lines else {}
        if done.returncode:
            said = answer.get("error") or done.stderr.decode(errors="replace").strip()
            raise output.CliError(
                f"`cpaas {' '.join(words)}` failed on the copy: {said}", str(answer.get("todo", ""))
            )
        return answer

    def start(self, ports: Ports, accounts: int, *, events: list[str] | None) -> None:
        """Brings it up with accounts, prices, senders, one route to the carrier and webhooks."""
        self.command("up", "--detach")
        names = [f"bench{n}" for n in range(1, accounts + 1)]
        self.keys = tuple(
            str(self.command("account", "create", name, "--credit", CREDIT)["api_key"])
            for name in names
        )
        for name in names:
            of = ("--account", name, "--channel", "sms")
            self.command("price", "set", PRICE, *of)
            self.command("sender", "create", SENDER, *of, "--approve")
        self.command(
            "route", "create", ROUTE, "--channel", "sms", "--host", "127.0.0.1",
            "--port", str(ports.smsc), "--system-id", "bench", "--password", "bench",
            "--window", str(WINDOW), "--tps", "0",
        )  # fmt: skip
        self.command("rule", "create", "--channel", "sms", "--route", ROUTE, "--priority", "1")
        for key in self.keys:
            api = Api("127.0.0.1", self.settings.core_port, key, fresh=True)
            url = f"http://127.0.0.1:{ports.customer}/events"
            api.call("PUT", "/v1/webhook", {"url": url} | ({"events": events} if events else {}))
        wait_for(self._bound, BOUND_SECONDS_MAX, "the route to bind to the simulated SMSC")
        if self.settings.rabbitmq or self.settings.amqp_url:
            wait_for(self._carried, BOUND_SECONDS_MAX, "the services to connect to RabbitMQ")
        self.processes = self._pids()

    def _bound(self) -> bool:
        return any(row["binds_up"] for row in self.command("route", "list")["routes"])

    def _carried(self) -> bool:
        findings = self.command("doctor")["findings"]
        seen = [one["verdict"] for one in findings if one["check"] == "RabbitMQ"]
        return len(seen) > 1 and set(seen) == {"ok"}

    def _pids(self) -> dict[str, int]:
        from cpaas.supervisor import lock

        rows = self.command("status")["services"]
        pids = {row["name"]: row["pid"] for row in rows if row["pid"]}
        return pids | {"supervisor": lock.holder_pid(self.settings.run) or 0}


def free_offset() -> int:
    """An offset at which every port of a copy is free."""
    for _ in range(100):
        offset = random.choice(OFFSETS)  # noqa: S311 - no secret
        try:
            for option in PORTS:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", option.default + offset))
        except OSError:
            continue
        return offset
    raise output.CliError("no free range of ports was found", "stop what listens above port 11000")


def wait_for(what: Callable[[], bool], seconds: float, name: str) -> None:
    """Polls until `what` is true; CliError when it does not become so."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise output.CliError(
                f"waited {seconds:g} s for {name}", "run it again with --keep and see its logs"
            )
        time.sleep(0.1)
