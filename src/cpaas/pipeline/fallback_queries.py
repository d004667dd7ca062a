"""SQL of fallback families: a root with its steps, and the attempts made instead of it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from cpaas.messages.envelopes import Channel, Lane
from cpaas.pipeline.drafts import stored_steps


class Member(msgspec.Struct, frozen=True):
    """A message of a family.

    steps: the family's, as stored. taken: how many of them were (of an attempt: which it is).
    """

    id: bytes
    account_id: int
    parent_id: bytes | None
    status: str
    channel: Channel
    lane: Lane
    taken: int
    steps: list[dict[str, Any]]

    @property
    def root(self) -> bytes:
        """The first message of the family."""
        return self.parent_id or self.id

    @property
    def own_step(self) -> int:
        """The step that this message's own end makes due: 0 for the root."""
        return 0 if self.parent_id is None else self.taken


class Root(msgspec.Struct, frozen=True):
    """What the next attempt takes over from the family's first message. Times are Unix micros."""

    id: bytes
    account_id: int
    status: str
    taken: int
    steps: list[dict[str, Any]]
    channel: str
    lane: Lane
    origin: str
    actor_id: int
    campaign_id: int
    is_test: bool
    recipient: str
    body: str
    reference: str
    webhook_url: str
    dlt: dict[str, str] | None
    created_us: int
    send_us: int | None
    valid_until_us: int


_MEMBER: Final = (
    "SELECT id, account_id, parent_id, status, channel, lane, fallback_step,"
    " fallback -> 'steps' FROM message"
)


async def members(connection: Any, ids: Sequence[bytes]) -> dict[bytes, Member]:
    """Messages of families, by id."""
    ordered = sorted(ids)
    rows = await connection.fetch(
        f"{_MEMBER} WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 AND fallback IS NOT NULL",
        ordered, ordered[0], ordered[-1],
    )  # fmt: skip
    return {row[0]: Member(*row) for row in rows}


async def lock_families(connection: Any, roots: Sequence[bytes]) -> dict[bytes, list[Member]]:
    """All messages of families, root first, by root; the roots are locked. `roots` in order."""
    rows = await connection.fetch(
        f"{_MEMBER} WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 ORDER BY id FOR UPDATE",
        roots, roots[0], roots[-1],
    )  # fmt: skip
    families = {row[0]: [Member(*row)] for row in rows}
    # Asked only now: what committed while the lock was waited for has to be seen.
    for family in families.values():
        attempts = attempts_of(family[0].steps)
        if attempts:
            found = await members(connection, attempts)
            family += [found[one] for one in attempts if one in found]
    return families


def attempts_of(steps: Sequence[dict[str, Any]]) -> list[bytes]:
    """The messages that a root's steps were made as."""
    return [UUID(step["message_id"]).bytes for step in steps if step.get("message_id")]


async def mark_duplicates(connection: Any, ids: Sequence[bytes], code: str, text: str) -> None:
    """Messages that arrived second: told so, and their whole price goes back."""
    if ids:
        ordered = sorted(ids)
        await connection.execute(
            """UPDATE message SET error_code = $4, error = $5, refunded_micro = price_micro
               WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3""",
            ordered, ordered[0], ordered[-1], code, text,
        )  # fmt: skip


async def lock_root(connection: Any, root: bytes) -> Root | None:
    """A family's first message, locked; None if it is gone."""
    row = await connection.fetchrow(
        """SELECT id, account_id, status, fallback_step, fallback -> 'steps', channel, lane, origin,
             actor_id, campaign_id, is_test, recipient, body, reference, webhook_url, dlt,
             created_at, send_at, valid_until
           FROM message WHERE id = $1 AND fallback IS NOT NULL FOR UPDATE""",
        root,
    )
    return None if row is None else Root(*row)


async def advance(
    connection: Any, root: bytes, step: int, taken: int, steps: Sequence[dict[str, Any]]
) -> bool:
    """Moves a root on from a step; False when it had moved, or has been delivered."""
    status = await connection.execute(
        """UPDATE message SET fallback_step = $3, fallback = $4
           WHERE id = $1 AND fallback_step = $2 AND status NOT IN ('DELIVERED', 'READ')""",
        root, step, taken, stored_steps(steps),
    )  # fmt: skip
    return bool(status == "UPDATE 1")


async def link(connection: Any, attempt: bytes, root: bytes, step: int) -> None:
    """Makes a new message an attempt of a family, and says which step it is."""
    await connection.execute(
        "UPDATE message SET parent_id = $2, fallback_step = $3 WHERE id = $1", attempt, root, step
    )


async def revocable(connection: Any, account_id: int, message_id: bytes) -> list[Any]:
    """(route, provider id, sender, recipient) of what a carrier may still hold of a message."""
    rows: list[Any] = await connection.fetch(
        """SELECT m.route_id, m.provider_message_id, m.sender, m.recipient FROM message m
           WHERE m.id = $2 AND m.account_id = $1 AND m.status = 'SUBMITTED'
             AND m.provider_message_id IS NOT NULL
           UNION
           SELECT p.route_id, p.provider_message_id, m.sender, m.recipient
           FROM message m JOIN message_part p ON p.message_id = m.id AND p.attempt = m.attempt
           WHERE m.id = $2 AND p.message_id = $2 AND m.account_id = $1 AND m.status = 'SUBMITTED'
             AND p.status = 'SUBMITTED' AND p.provider_message_id IS NOT NULL""",
        account_id, message_id,
    )  # fmt: skip
    return rows
