"""What stands around the platform in a journey, written by others: SMSCs, a webhook receiver."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook
from tests.bearerbox import PORT, bearerbox
from tests.journeys.platform import ROOT, until
from tests.parts import require

PEERS = ROOT / "tests" / "peers"
DRIVE_SMPP = "/usr/lib/kannel/test/drive_smpp"


class Receiver:
    """A webhook receiver on the standard library's HTTP server; keeps every request."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/dlr"

    def events(self, message_id: str = "") -> list[dict[str, Any]]:
        bodies = [json.loads(body) for _, body in list(self.requests)]
        return [b for b in bodies if not message_id or b["data"].get("id") == message_id]

    def verified(self, secret: str) -> int:
        """How many requests came; raises if the reference verifier refuses one."""
        checker = Webhook(secret)
        for headers, body in list(self.requests):
            checker.verify(body, headers)
        return len(self.requests)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class NodeSmsc:
    """An SMSC made with node-smpp; `events` are what it saw."""

    def __init__(self) -> None:
        require("node-smpp")
        self.events: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            ["node", str(PEERS / "smsc.js")], stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        until(lambda: self.of("listening"))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in list(self.events) if event["event"] == kind]

    @property
    def port(self) -> int:
        return int(self.of("listening")[0]["port"])

    def texts(self, destination: str) -> list[str]:
        return [
            event["payload"] or event["text"]
            for event in self.of("submit_sm")
            if event["destination"].lstrip("+") == destination
        ]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def drive_smpp(port: int, folder: Path) -> Iterator[Path]:
    """Kannel's SMPP test server; yields its log, in which each text stands."""
    require("kannel-extras")
    configuration = folder / "drive.conf"
    configuration.write_text(
        f"group = core\nadmin-port = {port + 1}\nadmin-password = x\nsmsbox-port = {PORT}\n\n"
        f"group = smsc\nsmsc = smpp\nhost = 127.0.0.1\nport = {port}\n"
        "smsc-username = me\nsmsc-password = secret\nsystem-type = VMA\n"
    )
    log = folder / "drive.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [DRIVE_SMPP, "-v", "0", "-p", str(port), "-m", "1000", "-c", str(configuration)],
            stdout=out, stderr=out, cwd=folder,
        )  # fmt: skip
    box = bearerbox()
    try:
        yield log
    finally:
        process.kill()
        process.wait()
        box.close()
