"""Failures of the command line: two lines for a person, one object for a program, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def cpaas(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cpaas", *arguments],
        env={**os.environ, "CPAAS_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_bad_setting(tmp_path: Path) -> None:
    done = cpaas(tmp_path, "status", CPAAS_CORE_PORT="x")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "cpaas: CPAAS_CORE_PORT is 'x'",
        "  -> it must be a whole number from 1 to 65535",
    ]


def test_the_same_for_a_program(tmp_path: Path) -> None:
    done = cpaas(tmp_path, "status", "--json", CPAAS_CORE_PORT="x")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == "CPAAS_CORE_PORT is 'x'"


@pytest.mark.parametrize("command", [("serve", "nix"), ("service", "stop", "nix")])
def test_an_unknown_service(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = cpaas(tmp_path, *command)
    assert done.returncode == 2
    assert "there is no service nix" in done.stderr
    assert "cpaas-core" in done.stderr


def test_no_database(tmp_path: Path) -> None:
    dsn = "postgresql://u:hush@127.0.0.1:1/x"
    done = cpaas(tmp_path, "service", "stop", "cpaas-sms", CPAAS_DSN=dsn)
    assert done.returncode == 1
    assert "the database does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr


def test_what_nobody_expected_leaves_its_traceback_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder must be")
    done = cpaas(tmp_path, "status")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Traceback" in (tmp_path / "logs" / "cli.log").read_text()


def test_nothing_runs(tmp_path: Path) -> None:
    rows = json.loads(cpaas(tmp_path, "status", "--json").stdout)["services"]
    assert [row["name"] for row in rows][:2] == ["postgres", "simulator-smsc"]
    assert {row["status"] for row in rows} == {"STOPPED"}
    assert json.loads(cpaas(tmp_path, "down", "--json").stdout) == {"stopped": False}


def test_the_command_line_imports_nothing_heavy() -> None:
    program = "import sys, cpaas.cli.main; print([m for m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    for heavy in ("asyncpg", "structlog", "litestar", "django", "uvloop", "aiohttp", "psutil"):
        assert f"'{heavy}'" not in loaded


def test_every_command_has_help(tmp_path: Path) -> None:
    from cpaas.cli.main import COMMANDS

    shown = cpaas(tmp_path, "--help").stdout
    for name, entry in COMMANDS.items():
        assert name in shown
        assert entry.help
