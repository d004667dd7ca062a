"""Keeps a screen with its filters under a name of its owner."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.runtime import account_id, change, user_id
from cpaas.consoles.shared.screen import screens
from cpaas.consoles.shared.table import ID_DIGITS_MAX

NAME_CHARS_MAX = 40
QUERY_CHARS_MAX = 2000


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Saves the view and goes back to it."""
    slug = request.POST.get("screen", "")
    name = request.POST.get("name", "").strip()[:NAME_CHARS_MAX]
    query = request.POST.get("query", "")[:QUERY_CHARS_MAX]
    screen = next((one for one in screens() if one.slug == slug), None)
    if screen is None:
        return redirect("home")
    target = reverse(f"{slug}:{screen.pages[0].name}")
    if not name:
        messages.error(request, "Not saved: a view needs a name.")
    else:
        who, account = user_id(request), account_id(request)
        change(request, lambda c: queries.save_view(c, who, account, slug, name, query))
        messages.success(request, f"View “{name}” saved.")
    return redirect(f"{target}?{query}" if query else target)


@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    """Removes a view of one's own."""
    given = request.POST.get("id", "")
    view_id = int(given) if given.isdecimal() and len(given) < ID_DIGITS_MAX else 0
    change(request, lambda c: queries.forget_view(c, user_id(request), view_id))
    back = request.POST.get("back", "/")
    return redirect(back if back.startswith("/") and not back.startswith("//") else "/")
