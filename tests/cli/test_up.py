"""`up`, `status`, `service` and `down` as a person uses them, with the real services."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.journeys.platform import free_offset
from tests.supervisor.fakes import gone, until

from cpaas.supervisor import lock

pytestmark = pytest.mark.slow

SECRETS = ("password", "api_key", "test_key", "smpp_password")


class Installation:
    """A home of its own with ports of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {
            **os.environ,
            "CPAAS_HOME": str(home),
            "CPAAS_PORT_OFFSET": str(free_offset()),
            "CPAAS_CHANNELS": "sms",
        }

    def run(self, *arguments: str, **environ: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "cpaas", *arguments, "--json"],
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def statuses(self) -> dict[str, str]:
        return {row["name"]: row["status"] for row in self.run("status")["services"]}


@pytest.fixture
def installation(home: Path) -> Iterator[Installation]:
    pytest.importorskip("cpaas.services.core")
    pytest.importorskip("cpaas.services.sms")
    pytest.importorskip("cpaas.simulators.smsc")
    made = Installation(home)
    yield made
    made.run("down")


def test_a_day_in_the_life(installation: Installation) -> None:
    first = installation.run("up", "--detach")
    assert first["admin"]["username"]
    assert first["admin"]["password"]
    assert all(first["account"][name] for name in SECRETS)
    assert first["urls"]["admin"]
    assert first["urls"]["portal"]
    with urllib.request.urlopen(first["urls"]["core"] + "/health") as answer:
        assert json.loads(answer.read())["status"] == "UP"
    assert set(installation.statuses().values()) == {"UP"}

    installation.run("service", "stop", "cpaas-sms")
    until(lambda: installation.statuses()["cpaas-sms"] == "STOPPED", "sms stops")

    pid = lock.holder_pid(installation.home / "run")
    assert pid is not None
    family = psutil.Process(pid).children(recursive=True)
    assert installation.run("down") == {"stopped": True}
    assert all(gone(process.pid) for process in family)

    again = installation.run("up", "--detach")
    assert all(again["account"][name] is None for name in SECRETS)
    assert again["account"]["username"] == first["account"]["username"]
    assert installation.statuses()["cpaas-sms"] == "STOPPED"
    installation.run("service", "start", "cpaas-sms")
    until(lambda: installation.statuses()["cpaas-sms"] == "UP", "sms starts")


def test_without_the_sandbox_there_is_no_account(installation: Installation) -> None:
    made = installation.run("up", "--detach", CPAAS_SANDBOX="off", CPAAS_CONSOLES="off")
    assert made["account"] is None
    assert made["admin"]["password"]
