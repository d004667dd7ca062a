"""The outermost layer: headers that let nothing foreign in, figures, and words for a dead database.

No inline script and no eval anywhere, so that text which slips into a page can never run.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import asyncpg
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from cpaas.consoles.shared.failures import unavailable
from cpaas.db.trouble import AWAY

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_REQUESTS = Counter("cpaas_console_requests", "Requests of pages.", ("status",))
_SECONDS = Histogram(
    "cpaas_console_seconds", "Time that a page took.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 15),
)  # fmt: skip
_GONE: Final = (*AWAY, OperationalError, InterfaceError, asyncpg.InterfaceError, TimeoutError)


class Protect:
    """Adds the headers to every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._respond = get_response

    def __call__(self, request: HttpRequest) -> Any:
        """Answers, with headers, and counts it."""
        begun = time.perf_counter()
        try:
            response = self._respond(request)
        except (*_GONE, DatabaseError):
            response = unavailable(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not request.path.startswith(("/static/", "/health", "/metrics")):
            # What a person sees is nobody else's, also not the next one's at this browser.
            response.headers["Cache-Control"] = "no-store"
            _REQUESTS.labels(f"{response.status_code // 100}xx").inc()
            took = time.perf_counter() - begun
            _SECONDS.observe(took)
            response.headers["Server-Timing"] = f"page;dur={took * 1000:.1f}"
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A database that is away is said in words; anything else is a defect and stays one."""
        return unavailable(request) if isinstance(error, _GONE) else None
