"""Pages that refresh a part of themselves: the same view answers with the part alone."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_live(
    request: HttpRequest, page: str, part: str, context: dict[str, Any]
) -> HttpResponse:
    """The whole page, or only `part` when htmx asks. The page includes `part` itself."""
    asked = request.headers.get("HX-Request")
    return render(request, part if asked else page, context)
