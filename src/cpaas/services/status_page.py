"""GET /health and GET /metrics of a service that has no other HTTP to serve.

By hand, since these two pages shall cost neither memory nor a framework.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import msgspec

from cpaas import __version__

REQUEST_SECONDS_MAX: Final = 5.0
REQUEST_BYTES_MAX: Final = 8_192
CONNECTIONS_MAX: Final = 100
_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Gauge(msgspec.Struct, frozen=True):
    """One value of /metrics."""

    name: str
    value: float
    labels: dict[str, str] = {}


class StatusPage:
    """Serves the two pages until closed."""

    def __init__(
        self,
        service: str,
        healthy: Callable[[], bool],
        gauges: Callable[[], list[Gauge]],
        more: Callable[[], dict[str, object]] = dict,
    ) -> None:
        """more: what /health tells besides."""
        self._service = service
        self._healthy = healthy
        self._gauges = gauges
        self._more = more
        self._server: asyncio.Server | None = None
        self._open = 0

    async def start(self, host: str, port: int) -> int:
        """Listens; returns the port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=REQUEST_BYTES_MAX)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= CONNECTIONS_MAX:
                async with asyncio.timeout(REQUEST_SECONDS_MAX):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def page(self, method: str, path: str) -> tuple[int, str, bytes] | None:
        """Status, content type and body of a page; None = there is none of that path."""
        if method not in ("GET", "HEAD"):
            return 405, _JSON, b'{"code":"method_not_allowed"}'
        if path == "/health":
            up = self._healthy()
            body = {
                "service": self._service, "status": "UP" if up else "DOWN",
                "version": __version__, **self._more(),
            }  # fmt: skip
            return 200 if up else 503, _JSON, msgspec.json.encode(body)
        if path == "/metrics":
            return 200, _METRICS, _metrics(self._gauges())
        return None

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        found = self.page(method, path) or (404, _JSON, b'{"code":"not_found"}')
        return _response(*found, method)


def _response(status: int, kind: str, body: bytes, method: str = "GET") -> bytes:
    words = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
    head = (
        f"HTTP/1.1 {status} {words[status]}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)


def _metrics(gauges: list[Gauge]) -> bytes:
    lines: list[str] = []
    named: set[str] = set()
    for gauge in sorted(gauges, key=lambda one: one.name):
        if gauge.name not in named:
            named.add(gauge.name)
            lines.append(f"# TYPE {gauge.name} gauge")
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in gauge.labels.items())
        lines.append(f"{gauge.name}{{{labels}}} {gauge.value}" if labels else
                     f"{gauge.name} {gauge.value}")  # fmt: skip
    return ("\n".join(lines) + "\n").encode()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
