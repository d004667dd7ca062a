"""Pages for what went wrong: each says what happened and what to do."""

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def _page(request: HttpRequest, status: int, title: str, what: str, todo: str) -> HttpResponse:
    words = {"title": title, "what": what, "todo": todo}
    return render(request, "console/failure.html", words, status=status)


class OneLine(logging.Filter):
    """A page that is refused is one line of the log, with its reason; a defect keeps its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record through, those below 500 without their traceback."""
        if record.exc_info and getattr(record, "status_code", 500) < 500:
            reason = record.exc_info[1]
            record.msg = f"{record.getMessage()}: {reason}" if str(reason) else record.getMessage()
            record.args, record.exc_info = (), None
        return True


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """404: also for what is somebody else's."""
    what = str(exception) if exception and not isinstance(exception.args, dict) else ""
    if not what or "path" in what:
        what = "There is nothing at this address."
    return _page(request, 404, "Not found", what, "Choose a screen at the left.")


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """403: the role does not reach so far."""
    what = str(exception) or "Your role does not allow this."
    return _page(request, 403, "Not allowed", what, "Ask the owner of the account for it.")


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django names it
    """403: the form is too old or came from another site."""
    return _page(
        request, 403, "This form is out of date",
        "It was opened before you logged in, or in another window.",
        "Go back, reload the page and send it again. Nothing was changed.",
    )  # fmt: skip


def unreadable(request: HttpRequest) -> HttpResponse:
    """400: a NUL, which no text here may hold and no browser sends by itself."""
    return _page(
        request, 400, "This cannot be read",
        "What was sent holds a NUL character, which cannot be stored. Nothing was changed.",
        "Go back, write the text anew and send it again.",
    )  # fmt: skip


def defect(_request: HttpRequest) -> HttpResponse:
    """500: a defect of ours, which the log of the service holds."""
    return HttpResponse(
        "<!doctype html><title>Error</title><p>This page failed; nothing was changed. "
        "The service's log holds the details (./cpaas logs).",
        status=500,
    )


def unavailable(_request: HttpRequest) -> HttpResponse:
    """503: the database does not answer."""
    return HttpResponse(
        "<!doctype html><title>Unavailable</title><p>The database does not answer. Nothing was "
        "changed; load the page again in a moment.",
        status=503,
        headers={"Retry-After": "5"},
    )
