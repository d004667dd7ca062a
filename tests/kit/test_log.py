"""Log lines: JSON, one object a line, no secret in them at any depth."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cpaas.kit import log
from cpaas.kit.logfile import LogFile


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_lines_are_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "cpaas-core")
    logger = log.get_logger("accept")
    logger.debug("not written")
    logger.info("accepted", api_key="live_1", carrier={"host": "h", "Password": "p"}, n=1)
    logging.getLogger("other").warning("plain %s", "text")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["event"] == "accepted"
    assert first["service"] == "cpaas-core"
    assert first["component"] == "accept"
    assert first["api_key"] == "***"
    assert first["carrier"] == {"host": "h", "Password": "***"}
    assert first["n"] == 1
    assert second["event"] == "plain text"
    assert second["level"] == "warning"


def test_a_log_file_is_rotated_by_size(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.log"
    file = LogFile(path, 10)
    for number in range(8):
        file.write(f"line {number}\n".encode())
    file.close()
    assert path.read_text() == "line 7\n"
    kept = sorted(p.name for p in path.parent.iterdir())
    assert kept == ["a.log", "a.log.1", "a.log.2", "a.log.3", "a.log.4", "a.log.5"]
    assert (path.parent / "a.log.5").read_text() == "line 2\n"
    assert path.stat().st_mode & 0o777 == 0o600
