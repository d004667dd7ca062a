"""SQL of recovery: what dead processes left, what carriers never said, what may be thrown away."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

# Any number that only recovery uses.
ELECTION: Final = 7_241_001


class Left(msgspec.Struct, frozen=True):
    """A message whose outcome nobody knows, with all that sending it again needs."""

    id: bytes
    account_id: int
    route_id: int
    attempt: int
    channel: str
    lane: str
    recipient: str
    sender: str
    body: str
    encoding: str
    segments: int
    created_us: int
    valid_until_us: int
    claimed_us: int | None
    price_micro: int
    country: str
    reference: str
    webhook_url: str
    is_test: bool
    campaign_id: int
    rule_id: int
    decision: str
    dlt: str | None
    content: str | None
    in_fallback: bool


class Unknown(msgspec.Struct, frozen=True):
    """An event that says an outcome is unknown; attempt 0 = whichever it is."""

    id: bytes
    message_id: bytes
    attempt: int
    at_us: int


class Unmatched(msgspec.Struct, frozen=True):
    """A kept receipt."""

    id: int
    route_id: int
    provider_message_id: str
    state: str
    error_code: str
    recipient: str
    sender: str
    raw: bytes
    done_us: int | None
    received_us: int
    tries: int


async def elect(connection: Any, sweep: int) -> bool:
    """Whether this process does a sweep, until its transaction ends."""
    won: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock($1, $2)", ELECTION, sweep
    )
    return won


async def unswept_instances(connection: Any, not_instance: int) -> list[tuple[int, int, bool]]:
    """Instances that nobody swept since their last heartbeat: id, its stamp, whether they ended.

    The one that asks lives.
    """
    rows = await connection.fetch(
        """SELECT id, heartbeat_at, stopped_at IS NOT NULL FROM service_instance
           WHERE (recovered_at IS NULL OR recovered_at < heartbeat_at) AND id <> $1
           ORDER BY id LIMIT 1000""",
        not_instance,
    )
    return [tuple(row) for row in rows]


async def mark_recovered(connection: Any, instances: Sequence[int]) -> None:
    """Note that nothing of these instances is left."""
    await connection.execute(
        "UPDATE service_instance SET recovered_at = now() WHERE id = any($1)", list(instances)
    )


async def claimed_by(
    connection: Any, instances: Sequence[int], lowest: bytes, highest: bytes, most: int
) -> list[tuple[bytes, int, int, int]]:
    """Id, account, attempt and route of messages left SENDING and not noted yet."""
    rows = await connection.fetch(
        """SELECT id, account_id, attempt, route_id FROM message
           WHERE id >= $2 AND id < $3 AND status = 'SENDING' AND claimed_by = any($1)
             AND NOT EXISTS (SELECT FROM message_event e
               WHERE e.message_id = message.id AND e.id >= $2 AND e.kind = 'unknown_outcome'
                 AND e.attempt = message.attempt)
           ORDER BY id LIMIT $4""",
        list(instances), lowest, highest, most,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def calls_of(
    connection: Any, instances: Sequence[int], routes: Sequence[int], lowest: bytes, highest: bytes,
    most: int,
) -> list[tuple[bytes, int]]:  # fmt: skip
    """Id and attempt of calls under way that these instances made on these routes."""
    rows = await connection.fetch(
        """SELECT id, attempt FROM message
           WHERE id >= $3 AND id < $4 AND status = 'SUBMITTED' AND channel = 'voice'
             AND claimed_by = any($1) AND route_id = any($2) ORDER BY id LIMIT $5""",
        list(instances), list(routes), lowest, highest, most,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def unknown_events(connection: Any, after: bytes, most: int) -> list[Unknown]:
    """Events of unknown outcomes with ids from `after` on, oldest first."""
    rows = await connection.fetch(
        """SELECT id, message_id, attempt, at FROM message_event
           WHERE kind = 'unknown_outcome' AND id > $1 ORDER BY id LIMIT $2""",
        after, most,
    )  # fmt: skip
    return [Unknown(*row) for row in rows]


async def left(connection: Any, ids: Sequence[bytes]) -> list[Left]:
    """Those of the messages that are still SENDING, and not held for an operator."""
    if not ids:
        return []
    rows = await connection.fetch(
        """SELECT id, account_id, route_id, attempt, channel, lane, recipient, sender, body,
             encoding, segments, created_at, valid_until, claimed_at, price_micro, country,
             reference, webhook_url, is_test, campaign_id, rule_id, decision, dlt::text,
             content::text, fallback IS NOT NULL
           FROM message WHERE id = any($1) AND id >= $2 AND id <= $3 AND status = 'SENDING'
             AND NOT EXISTS (SELECT FROM held_message h WHERE h.message_id = message.id)""",
        list(ids), min(ids), max(ids),
    )  # fmt: skip
    return [Left(*row) for row in rows]


async def parts_known(connection: Any, ids: Sequence[bytes]) -> dict[bytes, set[int]]:
    """Of which messages a carrier has accepted something: the parts' numbers, 0 = a whole one."""
    if not ids:
        return {}
    rows = await connection.fetch(
        """SELECT message_id, part_no FROM message_part
           WHERE message_id = any($1) AND message_id >= $2 AND message_id <= $3""",
        list(ids), min(ids), max(ids),
    )  # fmt: skip
    known: dict[bytes, set[int]] = {}
    for message_id, number in rows:
        known.setdefault(message_id, set()).add(number)
    return known


async def routes_up(connection: Any) -> set[int]:
    """Routes on which a living process can hear a carrier now.

    A state is written when it changes, so that its own age says nothing of an idle route.
    """
    rows = await connection.fetch(
        """SELECT s.route_id FROM route_state s JOIN service_instance i ON i.id = s.instance_id
           WHERE s.binds_up > 0 AND i.stopped_at IS NULL
             AND i.heartbeat_at > now() - interval '10 seconds'"""
    )
    return {row[0] for row in rows}


async def sending_to(
    connection: Any, recipients: Sequence[str], lowest: bytes
) -> list[tuple[str, int, str]]:
    """Recipient, route and sender of every message being sent to these recipients."""
    rows = await connection.fetch(
        """SELECT recipient, route_id, sender FROM message
           WHERE recipient = any($1) AND status = 'SENDING' AND id >= $2""",
        list(recipients), lowest,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def unmatched_of_routes(connection: Any, routes: Sequence[int]) -> list[Unmatched]:
    """Kept receipts of these routes that nobody has given up."""
    rows = await connection.fetch(
        """SELECT id, route_id, provider_message_id, state, error_code, recipient, sender, raw,
             done_at, received_at, tries
           FROM unmatched_receipt WHERE given_up_at IS NULL AND route_id = any($1)
           ORDER BY id DESC LIMIT 20000""",
        list(routes),
    )
    return [Unmatched(*row) for row in rows]


async def try_now(connection: Any, receipt_ids: Sequence[int], now_us: int) -> None:
    """Have kept receipts tried again at once."""
    await connection.execute(
        "UPDATE unmatched_receipt SET next_try_at = $2 WHERE id = any($1)",
        list(receipt_ids), now_us,
    )  # fmt: skip


async def due_unmatched(connection: Any, now_us: int, most: int) -> list[Unmatched]:
    """Kept receipts whose time to be tried again has come; locked until the transaction ends."""
    rows = await connection.fetch(
        """SELECT id, route_id, provider_message_id, state, error_code, recipient, sender, raw,
             done_at, received_at, tries
           FROM unmatched_receipt WHERE given_up_at IS NULL AND next_try_at <= $1
           ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED""",
        now_us, most,
    )  # fmt: skip
    return [Unmatched(*row) for row in rows]


async def delete_unmatched(connection: Any, receipt_ids: Sequence[int]) -> None:
    """Forget receipts that found their message."""
    await connection.execute("DELETE FROM unmatched_receipt WHERE id = any($1)", list(receipt_ids))


async def postpone_unmatched(
    connection: Any, later: Sequence[tuple[int, int]], given_up: Sequence[int], now_us: int
) -> None:
    """Set kept receipts' next tries (id, Unix micros), and give up those that are too old."""
    await connection.execute(
        """UPDATE unmatched_receipt u SET tries = least(u.tries + 1, 32767), next_try_at = g.at
           FROM unnest($1::bigint[], $2::timestamptz[]) g(id, at) WHERE u.id = g.id""",
        [one[0] for one in later], [one[1] for one in later],
    )  # fmt: skip
    await connection.execute(
        "UPDATE unmatched_receipt SET given_up_at = $2 WHERE id = any($1)", list(given_up), now_us
    )


async def silent(
    connection: Any, lowest: bytes, highest: bytes, submitted_before_us: int, most: int
) -> list[bytes]:
    """Messages within a range of ids that a carrier took and never spoke of again."""
    rows = await connection.fetch(
        """SELECT id FROM message
           WHERE id >= $1 AND id < $2 AND status = 'SUBMITTED' AND submitted_at < $3
           ORDER BY id LIMIT $4""",
        lowest, highest, submitted_before_us, most,
    )  # fmt: skip
    return [row[0] for row in rows]


async def stranded(connection: Any, lowest: bytes) -> int:
    """By how many the QUEUED messages outnumber what queues and dead letters hold."""
    missing: int = await connection.fetchval(
        """SELECT (SELECT count(*) FROM message WHERE id >= $1 AND status = 'QUEUED')
             - (SELECT coalesce(sum(messages), 0) FROM queue_item
                WHERE queue LIKE 'cpaas.%.submit' OR queue LIKE 'submit\\_%')
             - (SELECT coalesce(sum(messages), 0) FROM dead_letter)""",
        lowest,
    )
    return max(0, missing)


async def delete_old_keys(connection: Any, before_us: int, most: int) -> int:
    """Throw away idempotency keys older than that; returns how many."""
    return await _deleted(
        connection,
        """DELETE FROM idempotency_key WHERE ctid = any(array(
             SELECT ctid FROM idempotency_key WHERE created_at < $1 LIMIT $2))""",
        before_us, most,
    )  # fmt: skip


async def delete_old_receipts(connection: Any, before_us: int, most: int) -> int:
    """Throw away receipts that were given up before then; returns how many."""
    return await _deleted(
        connection,
        """DELETE FROM unmatched_receipt WHERE id = any(array(
             SELECT id FROM unmatched_receipt WHERE given_up_at < $1 ORDER BY id LIMIT $2))""",
        before_us, most,
    )  # fmt: skip


async def delete_old_instances(connection: Any, before_us: int, most: int) -> int:
    """Throw away instances that are long dead and swept; returns how many."""
    return await _deleted(
        connection,
        """DELETE FROM service_instance WHERE id = any(array(
             SELECT id FROM service_instance
             WHERE heartbeat_at < $1 AND recovered_at > heartbeat_at LIMIT $2))""",
        before_us, most,
    )  # fmt: skip


async def _deleted(connection: Any, sql: str, *values: Any) -> int:
    status: str = await connection.execute(sql, *values)
    return int(status.rpartition(" ")[2])


async def waiting_items(connection: Any, after: int, most: int, messages: int) -> list[Any]:
    """(id, payload) of items with messages that have been ready for a minute, oldest first.

    As many as hold so many messages, at least one.
    """
    rows: list[Any] = await connection.fetch(
        r"""SELECT id, payload FROM (
             SELECT id, payload, sum(messages) OVER (ORDER BY id) - messages AS before FROM (
               SELECT id, payload, messages FROM queue_item
               WHERE id > $1 AND available_at < now() - interval '1 minute'
                 AND (queue LIKE 'cpaas.%.submit' OR queue LIKE 'submit\_%')
               ORDER BY id LIMIT $2) waiting) counted
           WHERE before < $3 ORDER BY id""",
        after, most, messages,
    )  # fmt: skip
    return rows
