"""A screen: its place in the sidebar, its pages, and who may open it."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse

from cpaas.consoles.shared.runtime import runtime

View = Callable[..., HttpResponseBase]
#: (text, tone) beside the name in the sidebar, or None.
Badge = Callable[[HttpRequest], tuple[str, str] | None]
EVERYBODY = frozenset({"owner", "developer", "marketer", "finance", "viewer"})


class Page(msgspec.Struct, frozen=True):
    """One address below its screen's: `route` as in Django's `path`, `view`, and its name."""

    route: str
    view: View
    name: str
    #: roles within an account that may open it; None: those of the screen.
    roles: frozenset[str] | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the sidebar. `slug` is its address and the namespace of its pages' names."""

    title: str
    icon: str
    slug: str
    pages: Sequence[Page]
    group: str = ""
    roles: frozenset[str] = EVERYBODY
    badge: Badge | None = None
    #: in the user menu instead of the sidebar.
    in_menu: bool = False

    @property
    def link(self) -> str:
        """Where the sidebar leads."""
        return reverse(f"{self.slug}:{self.pages[0].name}")

    def urls(self) -> tuple[list[URLPattern], str]:
        """The patterns of its pages, with their namespace."""
        return [path(page.route, page.view, name=page.name) for page in self.pages], self.slug


@cache
def screens() -> tuple[Screen, ...]:
    """This console's screens, in the order of its sidebar."""
    found: Any = import_module(runtime().console.screens).SCREENS
    return tuple(found)


def allowed(screen: Screen, page_name: str, member_role: str) -> bool:
    """Whether a member of an account may open a page."""
    page = next((one for one in screen.pages if one.name == page_name), None)
    roles = page.roles if page is not None and page.roles is not None else screen.roles
    return member_role in roles


def sidebar(request: HttpRequest) -> list[tuple[str, list[dict[str, Any]]]]:
    """Groups with their items, for who is logged in."""
    groups: list[tuple[str, list[dict[str, Any]]]] = []
    here = getattr(request.resolver_match, "namespace", "")
    role = getattr(request.user, "member_role", "owner")
    for screen in screens():
        if screen.in_menu or (runtime().console.is_portal and role not in screen.roles):
            continue
        item = {
            "title": screen.title,
            "icon": screen.icon,
            "link": screen.link,
            "active": screen.slug == here,
            "badge": screen.badge(request) if screen.badge else None,
        }
        if not groups or groups[-1][0] != screen.group:
            groups.append((screen.group, []))
        groups[-1][1].append(item)
    return groups
