"""A private copy of the platform for a test: started by ./cpaas, driven as a user would."""

import json
import os
import random
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from tests import memory, postgres_keeper

ALL_CHANNELS = "sms,whatsapp,rcs,voice"
ROOT = Path(__file__).resolve().parents[2]
#: the ports that an offset moves.
PORTS = (
    2775, 2776, 2778, 4370, 5433, 5673, 5674, 8081, 8082, 8083, 8084, 8085, 8087, 8088, 8092,
    8093, 8094, 8095, 8096,
)  # fmt: skip


def free_offset() -> int:
    """An offset at which every port of a copy is free, below those that callers are given."""
    for _ in range(100):
        offset = random.randrange(11_000, 24_000)
        if is_free(offset):
            return offset
    raise AssertionError("no free range of ports")


def is_free(offset: int) -> bool:
    """Whether nobody listens at any port of a copy with this offset."""
    try:
        for port in PORTS:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port + offset))
    except OSError:
        return False
    return True


def until(what: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Polls until `what` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


class Platform:
    """One copy: its environment, its command line and its REST API."""

    def __init__(
        self, *, home: Path | None = None, offset: int | None = None, **settings: str
    ) -> None:
        # Short and passable: PostgreSQL's socket has a limit, and its user must get there.
        self.home = home or memory.folder("cpj")
        self.offset = free_offset() if offset is None else offset
        self.environment = {
            k: v for k, v in os.environ.items() if not k.startswith("CPAAS_") or k == "CPAAS_VENV"
        } | {
            "CPAAS_HOME": str(self.home / "h"),
            "CPAAS_PORT_OFFSET": str(self.offset),
            "CPAAS_ALLOW_NETWORKS": "127.0.0.0/8",
            # Nobody is there but a test that wants a language model.
            "OLLAMA_HOST": f"http://127.0.0.1:{self.offset + 4434}",
            # Only what opens pages needs the two consoles, and few tests another channel.
            "CPAAS_CONSOLES": "off",
            "CPAAS_CHANNELS": "sms",
        } | settings  # fmt: skip
        self.answer: dict[str, Any] = {}

    def cpaas(self, *words: str, check: bool = True) -> Any:
        """Runs ./cpaas … --json and returns what it printed, decoded."""
        done = subprocess.run(
            [str(ROOT / "cpaas"), *words, "--json"],
            env=self.environment, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        lines = done.stdout.strip().splitlines()
        return json.loads(lines[-1]) if lines else None

    def up(self) -> dict[str, Any]:
        """Starts it and returns what `up` told."""
        self.answer = self.cpaas("up", "--detach")
        return self.answer

    def lay_database(self) -> None:
        """Begins with a migrated, empty database instead of making one: for who tests no start."""
        ready = postgres_keeper.cache()
        if ready.is_dir():
            subprocess.run(["cp", "-a", str(ready), str(self.home / "h")], check=True)

    def down(self) -> None:
        """Stops it and removes what it left."""
        self.cpaas("down", check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def pid(self, service: str) -> int:
        """The process id of a service."""
        rows = self.cpaas("status")["services"]
        return int(next(row["pid"] for row in rows if row["name"] == service))

    def kill(self, service: str) -> None:
        """SIGKILL, and wait until the supervisor has another one up."""
        before = self.pid(service)
        psutil.Process(before).kill()
        until(lambda: self._again(service, before), 60)

    def _again(self, service: str, before: int) -> bool:
        rows = {row["name"]: row for row in self.cpaas("status")["services"]}
        row = rows[service]
        return row["pid"] not in (None, before) and row["status"] == "UP"

    def call(
        self, method: str, path: str, body: Any = None, *, key: str, **headers: str
    ) -> tuple[int, Any]:
        """One call of the REST API: status and decoded body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{8081 + self.offset}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def send(self, key: str, **message: Any) -> dict[str, Any]:
        """Sends one SMS and returns the 202's body."""
        status, body = self.call("POST", "/v1/messages", {"channel": "sms"} | message, key=key)
        assert status == 202, body
        return dict(body)

    def message(self, key: str, message_id: str) -> dict[str, Any]:
        """A message as the API shows it."""
        status, body = self.call("GET", f"/v1/messages/{message_id}", key=key)
        assert status == 200, body
        return dict(body)

    def becomes(self, key: str, message_id: str, *wanted: str, seconds: float = 90) -> Any:
        """Waits until a message has one of the wanted statuses."""
        return until(
            lambda: (m := self.message(key, message_id))["status"] in wanted and m, seconds
        )
