"""The portal console's sessions, in a table of their own."""

from typing import Any

from cpaas.consoles.shared.sessions import Store


class SessionStore(Store):
    """Django finds the session engine by this name."""

    scoped = True

    @classmethod
    def get_model_class(cls) -> Any:
        """The table."""
        from cpaas.schema.models import PortalSession

        return PortalSession
