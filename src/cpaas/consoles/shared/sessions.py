"""Sessions in the database under the hash of their cookie, with what their owner wants to know.

On the portal a session is read before its account is known; row-level security then opens the one
row whose hash came along.
"""

import hashlib
import time
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import connection
from django.utils import timezone
from django.utils.crypto import get_random_string

SEEN_EVERY_SECONDS = 60
KEY_CHARS = 40


def digest(key: str) -> str:
    """What a session is stored under."""
    return hashlib.sha256(key.encode()).hexdigest()


class Store(DatabaseStore):
    """Django's database sessions; the subclass of each console names its model."""

    scoped = False

    @classmethod
    def get_model_class(cls) -> Any:
        """The console's own table."""
        raise NotImplementedError

    def _open(self, key: str) -> str:
        hashed = digest(key)
        if self.scoped:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('app.session', %s, true)", [hashed])
        return hashed

    def _get_session_from_db(self) -> Any:
        if not self.session_key:
            return None
        found = self.model.objects.filter(
            session_key=self._open(self.session_key), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        """Whether the key is taken."""
        return bool(self.model.objects.filter(session_key=self._open(session_key)).exists())

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """The row of this session, written now."""
        return self.model(
            session_key=self._open(self._own_key()),
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            user_id=int(data.get("_auth_user_id", 0)),
            account_id=int(data.get("account_id", 0)),
            address=data.get("address", ""),
            agent=data.get("agent", ""),
            created_at=datetime.fromtimestamp(
                data.get("since", time.time()), tz=timezone.get_default_timezone()
            ),
            seen_at=timezone.now(),
        )

    def _own_key(self) -> str:
        if not self._session_key:
            self._session_key = get_random_string(KEY_CHARS, VALID_KEY_CHARS)
        return str(self._session_key)

    def delete(self, session_key: str | None = None) -> None:
        """Ends a session."""
        key = session_key or self.session_key
        if key:
            self.model.objects.filter(session_key=self._open(key)).delete()


def touch(session: Any) -> None:
    """Remembers about once a minute that the session is in use, which also prolongs it."""
    now = int(time.time())
    if now - session.get("seen", 0) >= SEEN_EVERY_SECONDS:
        session["seen"] = now
