"""The customers of a drill: they send, and as the documentation tells them, send again.

A request with an Idempotency-Key is repeated until it is answered for good. One without a key is
never repeated once it may have arrived: it was stored or not, and the books must show which.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import aiohttp
import msgspec

from cpaas.cli.drill.plan import Wanted
from cpaas.simulators.load.requests import SENDER

ANSWER_SECONDS_MAX: Final = 20.0
GIVE_UP_SECONDS: Final = 180.0
PAUSE_SECONDS: Final = 0.2
REPLAYED: Final = "Idempotent-Replayed"
#: answers after which nothing of the request is stored, for sure: it may be sent again.
NOTHING_STORED: Final = frozenset({"unavailable", "busy", "rate_limited"})


class Sent(msgspec.Struct, kw_only=True):
    """What became of one request. ids: in the order of its recipients, once it was answered 202.

    outcome: accepted; refused (code says why); lost (no key, the answer never came).
    """

    wanted: Wanted
    outcome: str = "lost"
    code: str = ""
    ids: tuple[str, ...] = ()
    tries: int = 0
    replays: int = 0
    replays_wrong: int = 0


class Traffic:
    """Sends requests over some connections and remembers every answer."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, keys: tuple[str, ...], connections: int
    ) -> None:
        self.sent: list[Sent] = []
        self.answered = 0
        self._session = session
        self._url = url
        self._keys = keys
        self._connections = connections
        self._sent_bodies: dict[int, bytes] = {}

    async def send(self, burst: Iterable[Wanted], progress: Callable[[], None]) -> None:
        """Sends a burst, as many requests at a time as there are connections."""
        waiting = iter(burst)

        async def one_connection() -> None:
            for wanted in waiting:
                self.sent.append(await self._until_answered(wanted))
                self.answered += len(wanted.recipients)
                progress()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._connections):
                tasks.create_task(one_connection())

    async def replay(self, sent: Sent) -> None:
        """Sends an accepted request again; the same ids must come back."""
        wanted = sent.wanted
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            status, answer, replayed = await self._post(wanted)
            if status == 202:
                sent.replays += 1
                sent.replays_wrong += not (replayed and _ids(answer) == sent.ids)
                return
            await asyncio.sleep(PAUSE_SECONDS)
        sent.replays += 1
        sent.replays_wrong += 1

    async def _until_answered(self, wanted: Wanted) -> Sent:
        sent = Sent(wanted=wanted)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            sent.tries += 1
            status, answer, _ = await self._post(wanted)
            code = str(answer.get("code", ""))
            if status == 202:
                sent.outcome, sent.ids = "accepted", _ids(answer)
                break
            # 401: a key this new is known everywhere within a second.
            again = status in {401, 409, 429} or status >= 500 or not status
            if not again:
                sent.outcome, sent.code = "refused", code
                break
            if not wanted.key and code not in NOTHING_STORED and status != 401:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        if sent.outcome == "accepted" and wanted.key and wanted.replay:
            await self.replay(sent)
        return sent

    async def _post(self, wanted: Wanted) -> tuple[int, dict[str, Any], bool]:
        headers = {
            "Authorization": f"Bearer {self._keys[wanted.account]}",
            "Content-Type": "application/json",
        }
        if wanted.key:
            headers["Idempotency-Key"] = wanted.key
        try:
            async with self._session.post(
                self._url, data=self._body(wanted), headers=headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX),
            ) as reply:  # fmt: skip
                raw = await reply.read()
                return reply.status, _decoded(raw), REPLAYED in reply.headers
        except (OSError, TimeoutError, aiohttp.ClientError):
            return 0, {}, False

    def _body(self, wanted: Wanted) -> bytes:
        """The same bytes each time: a repeated request is the same request."""
        made = self._sent_bodies.get(wanted.number)
        if made is not None:
            return made
        recipients = wanted.recipients
        message: dict[str, Any] = {
            "channel": "sms", "from": SENDER, "text": wanted.text,
            "to": recipients[0] if len(recipients) == 1 else recipients,
            "traffic_class": wanted.lane, "reference": str(wanted.number),
        }  # fmt: skip
        if wanted.send_in:
            due = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=wanted.send_in)
            message["send_at"] = due.isoformat()
        made = msgspec.json.encode(message)
        if wanted.send_in:
            self._sent_bodies[wanted.number] = made
        return made


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _ids(answer: dict[str, Any]) -> tuple[str, ...]:
    if "messages" in answer:
        return tuple(str(one.get("id")) for one in answer["messages"])
    return (str(answer.get("id")),)
