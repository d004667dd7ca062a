"""Pages for what went wrong: each says what happened and what to do."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def _page(request: HttpRequest, status: int, title: str, what: str, todo: str) -> HttpResponse:
    words = {"title": title, "what": what, "todo": todo}
    return render(request, "console/failure.html", words, status=status)


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
