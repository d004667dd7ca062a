"""Sends what waits: mails and posts to the operator's webhook, again and again for a day.

Any number of processes may run it; one notice is held by one of them.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from cpaas.db.trouble import is_passing
from cpaas.kit.exchange import PostError
from cpaas.kit.guard import Guard
from cpaas.kit.http import PostClient
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring, SecretsError
from cpaas.notices import mail, queries
from cpaas.notices.queries import Notice
from cpaas.settings.current import Current
from cpaas.webhooks.sign import signed_headers

LOOK_SECONDS: Final = 2.0
HOLD_SECONDS: Final = 120
AT_ONCE: Final = 10
KEPT_DAYS: Final = 30
GIVE_UP_SECONDS: Final = 86_400
FORGET_SECONDS: Final = 3600.0
#: seconds after the first, second, … attempt; the last repeats.
DELAYS: Final = (5, 30, 120, 600, 1800, 3600)
_log = get_logger(__name__)
#: how a pool or one connection is had: `async with connect() as connection`.
Connect = Callable[[], Any]


class Sender:
    """What sending needs. `current` gives the settings in force."""

    def __init__(
        self, connect: Connect, keyring: Keyring, guard: Guard, current: Callable[[], Current]
    ) -> None:
        self._connect = connect
        self._keyring = keyring
        self._client = PostClient(guard, user_agent="cpaas-alerts/1")
        self._current = current
        self._forget_at = 0.0

    async def run(self, every_seconds: float = LOOK_SECONDS) -> None:
        """Sends for ever."""
        while True:
            try:
                while await self.turn():
                    pass
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                if is_passing(error):
                    _log.warning("notices_wait_for_the_database", error=repr(error))
                else:
                    _log.exception("notices_failed")
            await asyncio.sleep(every_seconds)

    async def turn(self) -> int:
        """Sends what is due now, a few at most; how many were tried."""
        async with self._connect() as connection:
            due = await queries.claim(connection, AT_ONCE, HOLD_SECONDS)
            if time.monotonic() >= self._forget_at:
                self._forget_at = time.monotonic() + FORGET_SECONDS
                await queries.forget(connection, KEPT_DAYS)
        for one in due:
            fault = await self.send(one)
            async with self._connect() as connection:
                if fault:
                    await queries.failed(connection, one.id, fault, again(one))
                else:
                    await queries.sent(connection, one.id)
        return len(due)

    async def send(self, one: Notice) -> str:
        """Tries once; "" or why it failed."""
        try:
            if one.kind == "mail":
                server = mail.server(self._current(), self._keyring)
                if server is None:
                    return "no mail server is set up: Settings, Mail"
                await asyncio.to_thread(mail.send, server, one.recipient, one.subject, one.body)
                return ""
            return await self._post(one)
        except (mail.MailError, PostError, SecretsError) as error:
            return str(error)[:300]

    async def _post(self, one: Notice) -> str:
        key = self._current().secret("alert_webhook_secret", self._keyring)
        body = one.body.encode()
        event_id = f"notice_{one.id}".encode()
        headers = signed_headers(event_id, int(time.time()), body, [key])
        reply = await self._client.post(one.recipient, headers, body)
        return "" if 200 <= reply.status < 300 else f"the webhook answered {reply.status}"

    async def close(self) -> None:
        """Closes kept connections."""
        await self._client.close()


def again(one: Notice) -> float | None:
    """In how many seconds a failed one is tried again; None: it is given up."""
    if one.age_s > GIVE_UP_SECONDS:
        return None
    return float(DELAYS[min(one.attempts, len(DELAYS)) - 1])
