"""What every page needs: the console's name, its sidebar, who is logged in."""

from typing import Any

from django.http import HttpRequest

from cpaas.consoles.shared import balance
from cpaas.consoles.shared.runtime import runtime
from cpaas.consoles.shared.screen import screens, sidebar


def page(request: HttpRequest) -> dict[str, Any]:
    """Context of the layout; only what the login pages need while nobody is logged in."""
    here = runtime()
    found: dict[str, Any] = {
        "console": here.console,
        "zone": here.settings.timezone,
        "currency": here.settings.currency,
        "platform_name": here.current.name,
        "logo": here.current.logo,
    }
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return found
    if request.headers.get("HX-Request"):
        return found
    match = request.resolver_match
    screen = next((one for one in screens() if match and one.slug == match.namespace), None)
    if user.must_change_password:
        return found | {"screen": screen, "sidebar": []}
    found |= {"screen": screen, "sidebar": sidebar(request)}
    if here.console.is_portal:
        found |= {"account_name": user.account.name, "balance": balance.chip(request)}
    return found
