"""Lets only those in who are logged in, and first to what must be done first.

Closed unless a view says otherwise: a new page that forgets to ask is not open.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from cpaas.consoles.shared.failures import unreadable
from cpaas.consoles.shared.runtime import runtime
from cpaas.consoles.shared.screen import allowed, screens
from cpaas.consoles.shared.sessions import touch

V = TypeVar("V", bound=Callable[..., Any])
_FIRST = ("password", "logout", "login")


def open_to_all(view: V) -> V:
    """Marks a page that needs no login."""
    view.open_to_all = True  # type: ignore[attr-defined]
    return view


class Gate:
    """The last middleware before the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._respond = get_response

    def __call__(self, request: HttpRequest) -> Any:
        """Goes on; the decision is `process_view`'s."""
        return self._respond(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """None lets the request through."""
        if _holds_nul(request):
            return unreadable(request)
        if getattr(view, "open_to_all", False):
            return None
        if not request.user.is_authenticated:
            return _to(request, "login")
        touch(request.session)
        match = request.resolver_match
        name = match.url_name if match else ""
        if getattr(request.user, "must_change_password", False) and name not in _FIRST:
            return _to(request, "password")
        namespace = match.namespace if match else ""
        if namespace and runtime().console.is_portal:
            screen = next(one for one in screens() if one.slug == namespace)
            role = getattr(request.user, "member_role", "")
            if not allowed(screen, name or "", role):
                raise PermissionDenied(f"The role {role} does not open this page.")
        return None


def _holds_nul(request: HttpRequest) -> bool:
    """Whether a field of the address or the form has the one character PostgreSQL cannot store."""
    return any(
        "\0" in name or any("\0" in value for value in values)
        for given in (request.GET, request.POST)
        for name, values in given.lists()
    )


def _to(request: HttpRequest, name: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        # A live part of a page: the whole page goes there, not the part.
        return HttpResponse(status=204, headers={"HX-Redirect": reverse(name)})
    address = reverse(name)
    if name == "login" and request.method == "GET" and request.path != "/":
        address += "?" + urlencode({"next": request.get_full_path()})
    return redirect(address)
