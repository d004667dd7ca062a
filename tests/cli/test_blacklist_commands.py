"""`cpaas blacklist`, run as a person runs it."""

from pathlib import Path

import pytest
from tests.cli.test_commands import Run, run

__all__ = ["run"]
NUMBER = "+919876543210"


def test_block_check_and_unblock(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("account", "create", "acme")
    made = run("blacklist", "add", NUMBER, "--reason", "court order")
    assert (made["account"], made["number"], made["new"]) == ("ALL", NUMBER, True)
    assert made["created_by"].startswith("cli:")
    assert run("blacklist", "add", NUMBER)["new"] is False
    run("blacklist", "add", NUMBER, "--account", "acme", "--channel", "rcs")
    stops = run("blacklist", "check", NUMBER, "--account", "acme")["entries"]
    assert [(one["account"], one["channel"]) for one in stops] == [("ALL", ""), ("acme", "rcs")]
    assert len(run("blacklist", "list", "--account", "acme")["entries"]) == 1
    assert run("blacklist", "remove", NUMBER, "--account", "acme")["removed"] == 1
    error = run("blacklist", "remove", NUMBER, "--account", "acme", code=1)
    assert "cpaas blacklist check" in error["todo"]
    assert "E.164" in run("blacklist", "add", "98765", code=1)["todo"]
    assert "fax" in run("blacklist", "add", NUMBER, "--channel", "fax", code=1)["error"]


def test_a_csv(run: Run, tmp_path: Path) -> None:
    file, bad = tmp_path / "numbers.csv", tmp_path / "bad.csv"
    file.write_text("phone,reason\n+919876543210,a\n+919876543210,b\nnobody,c\n", "utf-16")
    done = run("blacklist", "import", str(file), "--errors", str(bad), "--channel", "sms")
    assert (done["rows"], done["added"], done["known"], done["rejected"]) == (3, 1, 1, 1)
    assert bad.read_text().splitlines()[1].startswith("4,nobody,")
    assert [one["channel"] for one in run("blacklist", "list")["entries"]] == ["sms"]
    file.write_bytes(b"\xff\xfd\n")
    assert "UTF-8" in run("blacklist", "import", str(file), code=1)["todo"]
