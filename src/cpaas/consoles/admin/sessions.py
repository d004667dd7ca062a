"""The admin console's sessions, in a table of their own."""

from typing import Any

from cpaas.consoles.shared.sessions import Store


class SessionStore(Store):
    """Django finds the session engine by this name."""

    scoped = False

    @classmethod
    def get_model_class(cls) -> Any:
        """The table."""
        from cpaas.schema.models import AdminSession

        return AdminSession
