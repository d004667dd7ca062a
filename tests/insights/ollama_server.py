"""A small HTTP server that speaks Ollama's API: what it says is handed in, or a real model's."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: the request's JSON -> the words of the answer, or (status, error).
Say = Callable[[dict[str, Any]], str | tuple[int, str]]


@contextmanager
def ollama(say: Say, *, port: int = 0, pause: float = 0.0) -> Iterator[str]:
    """Its address while it runs; `pause` seconds between the pieces of an answer."""

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            """/api/chat: NDJSON pieces, as Ollama streams them."""
            length = int(self.headers["Content-Length"])
            asked = json.loads(self.rfile.read(length))
            said = say(asked)
            if isinstance(said, tuple):
                self._head(said[0])
                self.wfile.write(json.dumps({"error": said[1]}).encode())
                return
            self._head(200)
            pieces = [said[at : at + 40] for at in range(0, len(said), 40)] or [""]
            for number, piece in enumerate(pieces):
                line = {
                    "model": asked["model"], "created_at": "2026-11-26T10:00:00Z",
                    "message": {"role": "assistant", "content": piece},
                    "done": number == len(pieces) - 1,
                }  # fmt: skip
                try:
                    self.wfile.write(json.dumps(line).encode() + b"\n")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(pause)

        def _head(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-ndjson")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Talk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
