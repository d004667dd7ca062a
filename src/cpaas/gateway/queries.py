"""SQL of the gateway: claims, the leases of routes, their visible state, replies from handsets."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from cpaas.gateway.quality import Counted
from cpaas.kit.ids import lowest_at

#: a message's id, and which attempt at sending it.
Attempt = tuple[bytes, int]


class Claim(msgspec.Struct, frozen=True):
    """What a claim writes into all messages of a group."""

    attempt: int
    rule_id: int
    decision: str
    routed_us: int


# Found by `= any` alone: with a join, a plan made on an empty partition would read the whole day.
_CLAIM = """
UPDATE message SET status = 'SENDING', claimed_at = $5, claimed_by = $6, route_id = $7,
    rule_id = $8, decision = $9, routed_at = $10
WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 AND status = 'QUEUED' AND attempt = $4
RETURNING id
"""


async def claim(
    connection: Any, ids: Sequence[bytes], group: Claim, *, at_us: int, instance_id: int,
    route_id: int,
) -> list[bytes]:  # fmt: skip
    """QUEUED -> SENDING for those that still wait in this attempt; `ids` in order."""
    rows = await connection.fetch(
        _CLAIM, ids, ids[0], ids[-1], group.attempt, at_us, instance_id, route_id, group.rule_id,
        group.decision, group.routed_us or at_us,
    )  # fmt: skip
    return [row[0] for row in rows]


async def claimed_at(
    connection: Any, ids: Sequence[bytes], *, at_us: int, instance_id: int
) -> set[Attempt]:
    """Which of these this very claim holds: asked when the answer to its commit was lost.

    Locks, in order, so that a commit that is still under way is waited for: looked past, it would
    leave claimed what nobody sends.
    """
    rows = await connection.fetch(
        """
        SELECT id, attempt, status = 'SENDING' AND claimed_at = $4 AND claimed_by = $5 FROM message
        WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 ORDER BY id FOR UPDATE
        """,
        ids, ids[0], ids[-1], at_us, instance_id,
    )  # fmt: skip
    return {(row[0], row[1]) for row in rows if row[2]}


async def renew_leases(
    connection: Any, route_ids: Sequence[int], instance_id: int, seconds: float
) -> set[int]:
    """Takes or prolongs the leases of routes; returns those that this instance holds now."""
    rows = await connection.fetch(
        """
        INSERT INTO route_lease AS l (route_id, instance_id, leased_until)
        SELECT r, $2, now() + $3 * interval '1 second' FROM unnest($1::bigint[]) r ORDER BY r
        ON CONFLICT (route_id) DO UPDATE
        SET instance_id = excluded.instance_id, leased_until = excluded.leased_until
        WHERE l.instance_id = $2 OR l.leased_until < now()
          -- Made before the database's clock stepped back.
          OR l.leased_until > now() + 2 * $3 * interval '1 second' OR EXISTS (
            SELECT 1 FROM service_instance i
            WHERE i.id = l.instance_id AND i.stopped_at IS NOT NULL)
        RETURNING route_id
        """,
        route_ids, instance_id, seconds,
    )  # fmt: skip
    return {row[0] for row in rows}


async def end_leases(connection: Any, route_ids: Sequence[int], instance_id: int) -> None:
    """Gives leases back before their time."""
    await connection.execute(
        "DELETE FROM route_lease WHERE route_id = any($1::bigint[]) AND instance_id = $2",
        route_ids, instance_id,
    )  # fmt: skip


class RouteStateRow(msgspec.Struct, frozen=True):
    """A route as its holder sees it now."""

    route_id: int
    state: str
    binds_up: int
    binds_wanted: int
    in_flight: int
    tps_now: float
    throttled_until_us: int | None
    last_error: str


async def write_states(connection: Any, instance_id: int, states: Sequence[RouteStateRow]) -> None:
    """Shows the states of routes."""
    await connection.execute(
        """
        INSERT INTO route_state (route_id, instance_id, state, binds_up, binds_wanted, in_flight,
            tps_now, throttled_until, last_error, updated_at)
        SELECT g.*, now() FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[],
            $5::smallint[], $6::integer[], $7::float8[], $8::timestamptz[], $9::text[]) g
        ON CONFLICT (route_id) DO UPDATE SET instance_id = excluded.instance_id,
            state = excluded.state, binds_up = excluded.binds_up,
            binds_wanted = excluded.binds_wanted, in_flight = excluded.in_flight,
            tps_now = excluded.tps_now, throttled_until = excluded.throttled_until,
            last_error = excluded.last_error, updated_at = excluded.updated_at
        """,
        [s.route_id for s in states], [instance_id] * len(states), [s.state for s in states],
        [s.binds_up for s in states], [s.binds_wanted for s in states],
        [s.in_flight for s in states], [s.tps_now for s in states],
        [s.throttled_until_us for s in states], [s.last_error for s in states],
    )  # fmt: skip


async def add_quality(
    connection: Any, instance_id: int, counted: Sequence[tuple[int, int, Counted]]
) -> None:
    """Adds what routes did: (route id, minute in Unix microseconds, counts)."""
    await connection.execute(
        """
        INSERT INTO route_quality AS q (route_id, minute, instance_id, answers, errors, in_time,
            slow, failed)
        SELECT g.route_id, g.minute, $3, g.answers, g.errors, g.in_time, g.slow, g.failed
        FROM unnest($1::bigint[], $2::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[],
            $7::bigint[], $8::bigint[])
            g(route_id, minute, answers, errors, in_time, slow, failed)
        ON CONFLICT (route_id, minute, instance_id) DO UPDATE SET
            answers = q.answers + excluded.answers, errors = q.errors + excluded.errors,
            in_time = q.in_time + excluded.in_time, slow = q.slow + excluded.slow,
            failed = q.failed + excluded.failed
        """,
        [route_id for route_id, _, _ in counted], [minute for _, minute, _ in counted],
        instance_id, [c.answers for _, _, c in counted], [c.errors for _, _, c in counted],
        [c.in_time for _, _, c in counted], [c.slow for _, _, c in counted],
        [c.failed for _, _, c in counted],
    )  # fmt: skip


async def instances_here(connection: Any, host: str, instance_id: int) -> list[tuple[int, int]]:
    """(instance id, process id) of the other instances of a host that were alive lately."""
    rows = await connection.fetch(
        "SELECT id, pid FROM service_instance WHERE host = $1 AND id <> $2"
        " AND stopped_at IS NULL AND heartbeat_at > now() - interval '1 hour'",
        host, instance_id,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def end_leases_of(connection: Any, instance_ids: Sequence[int]) -> None:
    """Ends every lease of instances that are dead."""
    await connection.execute(
        "DELETE FROM route_lease WHERE instance_id = any($1::bigint[])", instance_ids
    )


async def conversations(
    connection: Any, channel: str, pairs: Sequence[tuple[str, str]], at_us: int
) -> set[tuple[str, str]]:
    """Which conversations (our sender without plus, recipient) are open at a moment."""
    rows = await connection.fetch(
        """SELECT c.sender, c.recipient FROM conversation c
           JOIN unnest($2::text[], $3::text[]) g (sender, recipient) USING (sender, recipient)
           WHERE c.channel = $1 AND c.open_until > $4""",
        channel, [one[0] for one in pairs], [one[1] for one in pairs], at_us,
    )  # fmt: skip
    return {(row[0], row[1]) for row in rows}


async def open_calls(
    connection: Any, after: bytes, seconds: float, days: int, most: int
) -> list[Any]:
    """Calls that were submitted so long ago and have not ended, by their ids."""
    lowest = lowest_at(time.time_ns() // 1_000_000 - days * 86_400_000).bytes
    rows: list[Any] = await connection.fetch(
        """SELECT id, route_id, provider_message_id, recipient, sender FROM message
           WHERE id > $1 AND channel = 'voice' AND status = 'SUBMITTED'
             AND provider_message_id IS NOT NULL
             AND submitted_at < now() - $2 * interval '1 second' ORDER BY id LIMIT $3""",
        max(after, lowest), seconds, most,
    )  # fmt: skip
    return rows


async def written_to(
    connection: Any, account_ids: Sequence[int], channel: str, senders: Sequence[str],
    day: timedelta, accepted: timedelta,
) -> list[tuple[str, float]]:  # fmt: skip
    """Whom templates of these senders went to within a day: (recipient, seconds since).

    accepted: how long before now a message of it may have been accepted. Longest ago first.
    """
    rows = await connection.fetch(
        """
        SELECT recipient, extract(epoch FROM now() - max(claimed_at))::float8 AS since FROM message
        WHERE account_id = any($1::bigint[]) AND id >= $2 AND channel = $3
            AND sender = any($4::text[]) AND claimed_at > now() - $5::float8 * interval '1 second'
            AND content ? 'template' AND NOT is_test
            AND status NOT IN ('QUEUED', 'SCHEDULED', 'BLOCKED', 'CANCELLED')
        GROUP BY recipient ORDER BY since DESC
        """,
        account_ids, lowest_at(int((time.time() - accepted.total_seconds()) * 1000)).bytes, channel,
        senders, day.total_seconds(),
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]
