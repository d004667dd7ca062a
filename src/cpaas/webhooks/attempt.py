"""One attempt: where to, signed with what, and what the answer means for the record.

Only this file knows which answers are success, failure, or a wish to be left alone (410).
"""

import random
from collections.abc import Callable
from typing import Any, Final

from cpaas.db.actor import acting
from cpaas.db.trouble import AWAY
from cpaas.kit.clock import now_us
from cpaas.kit.exchange import PostError
from cpaas.kit.http import PostClient, Reply
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring, SecretsError
from cpaas.messages.door_wish import DOOR, read_door
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks import queries
from cpaas.webhooks.door_calls import account_sid, call_of
from cpaas.webhooks.events import uuid_text
from cpaas.webhooks.keys import ACTOR, Keys
from cpaas.webhooks.lanes import Lane
from cpaas.webhooks.schedule import next_attempt
from cpaas.webhooks.sign import signed_headers
from cpaas.webhooks.types import DeliveryStatus, Job, Outcome

GONE: Final = 410
ERROR_CHARS_MAX: Final = 300
GONE_REASON: Final = "the receiver answered 410 Gone; set the URL again to go on"

log = get_logger("webhooks")


def wall_us() -> int:
    """Unix microseconds."""
    return now_us()


class Poster:
    """Makes attempts; what an attempt teaches about the receiver goes to its lane."""

    def __init__(
        self,
        pool: Any,
        client: PostClient,
        *,
        snapshot: Callable[[], Snapshot],
        keyring: Keyring,
        now_us: Callable[[], int] = wall_us,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._pool = pool
        self.client = client
        self._snapshot = snapshot
        self._keys = Keys(pool, keyring)
        self._now_us = now_us
        self.uniform = uniform

    async def attempt(self, job: Job, lane: Lane) -> Outcome:
        """Posts the job once; whatever happens is an outcome."""
        snapshot = self._snapshot()
        url = job.url
        if not url:
            endpoint = snapshot.webhooks.get(job.account_id)
            if endpoint is None or not endpoint.url or not endpoint.active:
                return untried(job, _nowhere(job), self._now_us(), text="no webhook is switched on")
            url = endpoint.url
        at_us = self._now_us()
        if url.startswith(DOOR):
            return await self._as_another_system(job, lane, snapshot, at_us)
        try:
            keys = await self._keys.of(snapshot, job.account_id, at_us)
            headers = signed_headers(
                uuid_text(job.event_id).encode(), at_us // 1_000_000, job.body, keys
            )
            reply = await self.client.post(url, headers, job.body, partition=job.account_id)
        except (PostError, SecretsError) as error:
            lane.failed(at_us)
            duration_ms = (self._now_us() - at_us) // 1000
            return self._failed(job, url, at_us, Reply(0, None, str(error).encode(), duration_ms))
        except AWAY as error:
            # Our own trouble: not the receiver's failure, and no attempt was made.
            log.warning("webhook keys cannot be read", error=str(error))
            return untried(job, job.status, at_us, next_us=at_us + 1_000_000)
        if 200 <= reply.status < 300:
            lane.succeeded(at_us)
            return Outcome(job, url, "delivered", reply.status, "", reply.duration_ms, at_us, None)
        if reply.status >= 500 or reply.status == 429:
            lane.failed(at_us)
        if reply.status == GONE and not job.url:
            await self._switch_off(job, url)
        return self._failed(job, url, at_us, reply)

    async def _as_another_system(
        self, job: Job, lane: Lane, snapshot: Snapshot, at_us: int
    ) -> Outcome:
        """Calls a URL that came with a message by another system's interface, in its words."""
        wish = read_door(job.url)
        try:
            token = self._keys.twilio(snapshot, job.account_id) if wish.kind == "twilio" else ""
            call = call_of(wish, job.event_type, job.body, account_sid(job.account_id), token)
            reply = await self.client.post(
                call.url, call.headers, call.body, partition=job.account_id, method=call.method,
                content_type=call.content_type,
            )  # fmt: skip
        except (PostError, SecretsError) as error:
            lane.failed(at_us)
            duration_ms = (self._now_us() - at_us) // 1000
            return self._failed(
                job, job.url, at_us, Reply(0, None, str(error).encode(), duration_ms)
            )
        said = call.ack in reply.body_start
        if 200 <= reply.status < 300 and said:
            lane.succeeded(at_us)
            return Outcome(
                job, job.url, "delivered", reply.status, "", reply.duration_ms, at_us, None
            )
        if reply.status >= 500 or reply.status == 429:
            lane.failed(at_us)
        return self._failed(job, job.url, at_us, reply)

    def _failed(self, job: Job, url: str, at_us: int, reply: Reply) -> Outcome:
        status, next_us = job.status, None
        if job.status == "retrying":
            if reply.status != GONE:
                next_us = next_attempt(
                    self._now_us(),
                    job.created_us,
                    job.attempts + 1,
                    reply.retry_after,
                    self.uniform,
                )
            status = "failed" if next_us is None else "retrying"
        text = _text(reply)
        return Outcome(job, url, status, reply.status, text, reply.duration_ms, at_us, next_us)

    async def _switch_off(self, job: Job, url: str) -> None:
        try:
            async with (
                self._pool.acquire() as connection,
                acting(connection, ACTOR, note=f"event {uuid_text(job.event_id)}"),
            ):
                await queries.disable(connection, job.account_id, url, GONE_REASON)
        except AWAY as error:
            # The next 410 asks again.
            log.warning("a webhook answered 410 and is still on", error=str(error))


def untried(
    job: Job, status: DeliveryStatus, now_us: int, *, text: str = "", next_us: int | None = None
) -> Outcome:
    """The outcome of a job that was not posted."""
    return Outcome(job, job.url, status, 0, text, 0, now_us, next_us, counted=False)


def _nowhere(job: Job) -> DeliveryStatus:
    return "skipped" if job.status == "retrying" else job.status


def _text(reply: Reply) -> str:
    if 300 <= reply.status < 400:
        return "redirects are not followed: set the final URL"
    text = reply.body_start.decode("utf-8", "replace")
    # Without control characters: the text is stored (no NUL there) and shown to people.
    return "".join(c if c.isprintable() else " " for c in text)[:ERROR_CHARS_MAX].strip()
