"""Your account: password, second factor, and the sessions that are open in your name."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.agents import browser
from cpaas.consoles.shared.runtime import change, look, runtime, user_id
from cpaas.consoles.shared.sessions import digest


def account(request: HttpRequest) -> HttpResponse:
    """The page."""
    who = user_id(request)
    table = runtime().console.session_table
    here = digest(request.session.session_key or "")
    rows = look(request, lambda c: queries.sessions(c, table, who))
    sessions = [
        {
            "key": row.session_key,
            "browser": browser(row.agent),
            "address": row.address,
            "since": row.created_at,
            "seen": row.seen_at,
            "here": row.session_key == here,
        }
        for row in rows
    ]
    page = {"title": "Your account", "sessions": sessions}
    return render(request, "console/account.html", page)


@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """Ends one session, or all others."""
    who = user_id(request)
    table = runtime().console.session_table
    key = request.POST.get("key", "")
    here = digest(request.session.session_key or "")
    ended = change(
        request, lambda c: queries.end_sessions(c, table, who, only=key, but=here),
        note="ended sessions",
    )  # fmt: skip
    word = "session" if ended == 1 else "sessions"
    messages.success(request, f"{ended} {word} ended. Whoever used it must log in again.")
    return redirect("account")
