"""Finds the keys that sign an account's events, and makes them for one that has none.

A message may name its own URL before its account has an endpoint; an unsigned call would teach
customers to trust anybody, so the account gets a secret then and learns it when it asks.
"""

from typing import Any, Final

from cpaas.db.queries import set_actor
from cpaas.kit.secrets import Keyring
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks import queries
from cpaas.webhooks.sign import new_key

TABLE: Final = "webhook_endpoint"
TWILIO_TABLE: Final = "twilio_credential"
ACTOR: Final = "system:webhooks"
KEPT_MAX: Final = 4_096


class Keys:
    """Decrypted keys by their stored form."""

    def __init__(self, pool: Any, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring
        self._keys: dict[bytes, bytes] = {}
        self._lazy: dict[int, bytes] = {}

    async def of(self, snapshot: Snapshot, account_id: int, now_us: int) -> list[bytes]:
        """The keys to sign with: the current one and, while both hold, the one before."""
        endpoint = snapshot.webhooks.get(account_id)
        if endpoint is None:
            return [self._decrypted(account_id, await self._lazy_secret(account_id))]
        keys = [self._decrypted(account_id, endpoint.secret)]
        until = endpoint.previous_until
        if endpoint.previous_secret and until is not None and until.timestamp() * 1e6 > now_us:
            keys.append(self._decrypted(account_id, endpoint.previous_secret))
        return keys

    def twilio(self, snapshot: Snapshot, account_id: int) -> str:
        """The auth token that signs callbacks of the Twilio interface; "" when there is none."""
        known = snapshot.twilio.get(account_id)
        if known is None:
            return ""
        plain = self._keyring.decrypt(known.secret, table=TWILIO_TABLE, row=str(account_id))
        return plain.decode()

    def _decrypted(self, account_id: int, blob: bytes) -> bytes:
        key = self._keys.get(blob)
        if key is None:
            key = self._keyring.decrypt(blob, table=TABLE, row=str(account_id))
            if len(self._keys) >= KEPT_MAX:
                self._keys.clear()
            self._keys[blob] = key
        return key

    async def _lazy_secret(self, account_id: int) -> bytes:
        # Kept until the snapshot has it, which is a moment behind.
        secret = self._lazy.get(account_id)
        if secret is None:
            fresh = self._keyring.encrypt(new_key(), table=TABLE, row=str(account_id))
            async with self._pool.acquire() as connection, connection.transaction():
                await set_actor(connection, ACTOR, "", "a message named its own webhook_url")
                secret = await queries.lazy_secret(connection, account_id, fresh)
            if len(self._lazy) >= KEPT_MAX:
                self._lazy.clear()
            self._lazy[account_id] = secret
        return secret
