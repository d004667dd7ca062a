"""Logs as the command line shows them."""

import json
from pathlib import Path

import pytest

from cpaas.cli import logs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cpaas-core.log").write_text("one\ntwo\nhal")
    (tmp_path / "postgres.log").write_text("three\n")
    return tmp_path


def test_one_or_all(folder: Path) -> None:
    assert [path.stem for path in logs._paths(folder, "")] == ["cpaas-core", "postgres"]
    assert logs._paths(folder, "postgres") == [folder / "postgres.log"]
    with pytest.raises(Exception, match="there is no log of nix"):
        logs._paths(folder, "nix")


def test_following_waits_for_whole_lines_and_survives_rotation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "cpaas-core.log"
    position = logs._new_lines(path, 0, named=False, json=True)
    assert [json.loads(line)["line"] for line in capsys.readouterr().out.splitlines()] == [
        "one",
        "two",
    ]
    path.write_text("one\ntwo\nhalf\n")
    position = logs._new_lines(path, position, named=False, json=False)
    assert capsys.readouterr().out == "half\n"
    path.write_text("new\n")
    assert logs._new_lines(path, position, named=False, json=False) == 0
