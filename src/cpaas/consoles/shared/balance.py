"""The balance in the portal's top bar."""

from django.http import HttpRequest

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.runtime import account_id, look


def chip(request: HttpRequest) -> int | None:
    """The balance in micro-units, for roles that may see money."""
    if getattr(request.user, "member_role", "") not in ("owner", "finance", "marketer"):
        return None
    account = account_id(request)
    return look(request, lambda c: queries.balance(c, account))
