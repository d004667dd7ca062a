"""Commands that call the API: a key for the moment, patience until it is known, clear refusals."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest

from cpaas.cli import main, output

Run = Callable[..., Any]
ID = "01900000-0000-7000-8000-000000000001"


class Peer(BaseHTTPRequestHandler):
    """Answers as scripted, whatever is asked, and keeps what was asked."""

    answers: ClassVar[list[tuple[int, dict[str, Any]]]] = []
    asked: ClassVar[list[tuple[str, str, str, Any]]] = []

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        key = self.headers["Authorization"].removeprefix("Bearer ")
        self.asked.append((self.command, self.path, key, body))
        status, answer = self.answers.pop(0)
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_POST = do_PUT = do_GET  # noqa: N815 the library's names

    def log_message(self, *words: Any) -> None:
        """Stays quiet."""


@pytest.fixture
def run(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs `cpaas … --json` against the scripted peer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    Peer.answers.clear()
    Peer.asked.clear()
    monkeypatch.setenv("CPAAS_DSN", dsn)
    monkeypatch.setenv("CPAAS_HOME", str(tmp_path))
    monkeypatch.setenv("CPAAS_CORE_PORT", str(server.server_port))
    output.settings.cache_clear()

    def command(*words: str, code: int = 0) -> Any:
        monkeypatch.setattr("sys.argv", ["cpaas", *words, "--json"])
        assert main.main() == code
        return json.loads(capsys.readouterr().out)

    yield command
    output.settings.cache_clear()
    server.shutdown()
    server.server_close()


def in_force(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM api_key WHERE revoked_at IS NULL").fetchone()
    assert row
    return int(row[0])


def test_a_key_is_made_for_the_command_and_revoked(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    unknown = (401, {"code": "invalid_key", "detail": "not valid"})
    Peer.answers += [unknown, unknown, (202, {"id": ID, "status": "QUEUED"}),
                     (200, {"id": ID, "status": "SENDING"}),
                     (200, {"id": ID, "status": "DELIVERED"})]  # fmt: skip
    answer = run("send", "--account", "acme", "--to", "+919876543210", "--text", "hi", "--wait")
    assert answer["status"] == "DELIVERED"
    method, path, key, body = Peer.asked[2]
    assert (method, path) == ("POST", "/v1/messages")
    assert body == {"channel": "sms", "to": "+919876543210", "text": "hi"}
    assert key.startswith("live_")
    assert Peer.asked[3][:2] == ("GET", f"/v1/messages/{ID}")
    assert in_force(dsn) == 2


def test_a_refusal_is_told_and_the_key_revoked(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    Peer.answers.append((402, {"code": "insufficient_balance", "detail": "Top up."}))
    answer = run("send", "--account", "acme", "--to", "+91", "--text", "hi", code=1)
    assert answer["error"] == "insufficient_balance: Top up."
    assert in_force(dsn) == 2


def test_a_given_key_is_used_and_its_refusal_is_final(run: Run) -> None:
    Peer.answers.append((401, {"code": "invalid_key", "detail": "not valid"}))
    answer = run("send", "--key", "live_x", "--to", "+91", "--text", "hi", code=1)
    assert "invalid_key" in answer["error"]
    assert [asked[2] for asked in Peer.asked] == ["live_x"]


def test_the_webhook_is_set_through_the_api(run: Run) -> None:
    Peer.answers.append((200, {"url": "https://example.com", "events": [], "active": True}))
    run("webhook", "set", "https://example.com", "--key", "live_x", "--event", "message.failed",
        "--rotate")  # fmt: skip
    assert Peer.asked[0][3] == {
        "url": "https://example.com", "events": ["message.failed"], "rotate": True
    }  # fmt: skip


def test_nobody_to_send_for_and_nobody_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--account" in run("send", "--to", "+91", "--text", "x", code=1)["todo"]
    monkeypatch.setenv("CPAAS_CORE_PORT", "1")
    output.settings.cache_clear()
    answer = run("send", "--key", "live_x", "--to", "+91", "--text", "x", code=1)
    assert "does not answer" in answer["error"]
    assert "cpaas up" in answer["todo"]
