"""Who may be in a console: its own role only, active, of an active account.

An admin is nobody on the portal, a customer nobody on the dashboard.
"""

from typing import Any

from cpaas.consoles.shared.runtime import runtime
from cpaas.schema.models import User


class Backend:
    """Loads the person of a session; logging in is done by `login.py`."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        """Never by this way."""
        return

    def get_user(self, user_id: int) -> User | None:
        """The person, if they still may be here."""
        console = runtime().console
        user = (
            User.objects.select_related("account")
            .filter(pk=user_id, role=console.role, is_active=True)
            .first()
        )
        if user is None or (user.account is not None and not user.account.active):
            return None
        return user
