"""Row-level security of Django's own connection: one transaction per request, bound to an account.

`ATOMIC_REQUESTS` would not do: it covers the view only, while the person is loaded outside of it.
The setting is local to the transaction; one for the whole connection would leak to the next user.
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from cpaas.consoles.shared.runtime import runtime

Respond = Callable[[HttpRequest], HttpResponse]


def bind_account(account_id: int) -> None:
    """Sees this account's rows from here to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.account_id', %s, true)", [str(account_id)])


class Tenancy:
    """Opens the transaction, outside the sessions; the portal sees nothing in it yet."""

    def __init__(self, get_response: Respond) -> None:
        self._respond = get_response
        self._scoped = runtime().console.is_portal

    def __call__(self, request: HttpRequest) -> Any:
        """Runs the request in it; an error of ours undoes what was done."""
        without = request.path.startswith(("/health", "/metrics"))
        if without or not self._scoped:
            return self._respond(request)
        with transaction.atomic():
            bind_account(0)
            response = self._respond(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            return response


class Account:
    """Binds the transaction to the account that the session belongs to."""

    def __init__(self, get_response: Respond) -> None:
        self._respond = get_response
        self._scoped = runtime().console.is_portal

    def __call__(self, request: HttpRequest) -> Any:
        """Binds it when there is a session."""
        if self._scoped and settings.SESSION_COOKIE_NAME in request.COOKIES:
            account_id = request.session.get("account_id", 0)
            if account_id:
                bind_account(account_id)
        return self._respond(request)
