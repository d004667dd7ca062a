"""SQL of the embedded queue: rows of queue_item are published, leased, deleted, buried.

A take walks from account to account along the index (queue, lane, account_id, available_at), so
that a million rows of one account cost no more than one row; a lease moves a row's available_at
into the future, out of the next take's way. No joins: a plan made while the table was empty must
still be right with a million rows in it (the pool switches sequential scans off for that, too);
an EXISTS would become such a join.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg

from cpaas.broker.wakeups import CHANNEL_CHARS_MAX

#: accounts looked at in one take; the next take goes on where this one ended.
ACCOUNTS_WALKED_MAX = 500

INSERT = """
INSERT INTO queue_item (queue, lane, account_id, available_at, messages, payload)
SELECT q, l, a, now() + d * interval '1 millisecond', m, p
FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::integer[], $6::bytea[])
    AS item (q, l, a, d, m, p)
"""

# walk: in each lane the accounts after the one where its last take ended, then from the lowest
# again up to that one, one index probe each. ready stands in the order of the lanes, and the
# lateral join after it keeps that order, so that its LIMIT locks no row that is not taken.
PICK = """
WITH RECURSIVE walk (lane, place, after, account_id, wrapped, step) AS (
    SELECT l, p, a, a, false, 0
    FROM unnest($2::smallint[], $3::bigint[]) WITH ORDINALITY AS wanted (l, a, p)
    UNION ALL
    SELECT walk.lane, walk.place, walk.after, next.account_id, next.wrapped, walk.step + 1
    FROM walk CROSS JOIN LATERAL (
        (SELECT q.account_id, walk.wrapped FROM queue_item q
         WHERE q.queue = $1 AND q.lane = walk.lane AND q.account_id > walk.account_id
         ORDER BY q.account_id LIMIT 1)
        UNION ALL
        (SELECT q.account_id, true FROM queue_item q
         WHERE NOT walk.wrapped AND q.queue = $1 AND q.lane = walk.lane AND q.account_id >= 0
         ORDER BY q.account_id LIMIT 1)
        LIMIT 1
    ) next
    WHERE walk.step < $8 AND NOT (next.wrapped AND next.account_id > walk.after)
), ready AS MATERIALIZED (
    SELECT found.lane, found.account_id,
        greatest(1, $4 / count(*) OVER (PARTITION BY found.place)) AS share
    FROM (
        SELECT walk.lane, walk.place, walk.account_id, walk.step FROM walk
        WHERE walk.step > 0 AND walk.account_id <> ALL ($5::bigint[]) AND (
            SELECT q.account_id FROM queue_item q WHERE q.queue = $1 AND q.lane = walk.lane
            AND q.account_id = walk.account_id AND q.available_at <= now()
            ORDER BY q.available_at LIMIT 1) IS NOT NULL
        ORDER BY walk.place, walk.step LIMIT $4
    ) found
    ORDER BY found.place, found.step
), picked AS MATERIALIZED (
    SELECT item.id
    FROM ready CROSS JOIN LATERAL (
        SELECT q.id FROM queue_item q
        WHERE q.queue = $1 AND q.lane = ready.lane AND q.account_id = ready.account_id
        AND q.available_at <= now()
        ORDER BY q.available_at LIMIT ready.share
        FOR UPDATE SKIP LOCKED
    ) item
    LIMIT $4
)
"""
PICKED = """
WHERE q.id = ANY (ARRAY (SELECT picked.id FROM picked))
RETURNING q.id, q.queue, q.lane, q.account_id, q.messages, q.tries, q.payload,
    CASE WHEN (SELECT max(walk.step) FROM walk) < $8 THEN (SELECT min(ready.share) FROM ready)
    ELSE 0 END
"""
# What was with a broker is not any more: an item is taken once, whoever carries it.
# A lease that is lost with the machine is one less to wait out, so nobody waits for the disk.
TAKE = f"""{PICK}
UPDATE queue_item q
SET available_at = now() + $6 * interval '1 second', tries = q.tries + 1, leased_by = $7,
    relayed_at = nullif((SELECT set_config('synchronous_commit', 'off', true)), 'off')::timestamptz
{PICKED}"""


# Two workers may hold one item, when a lease ended under the first: what the second one makes of
# it must not be published, too. The division by zero undoes the statement; mostly it is the
# whole transaction, and to look first would cost every item a lock.
_REPLACE = f"""
WITH gone AS (DELETE FROM queue_item WHERE id = ANY ($7::bigint[]) RETURNING id),
inserted AS ({INSERT})
SELECT 1 / ((SELECT count(*) FROM gone) = cardinality($7::bigint[]))::integer,
    (SELECT count(pg_notify(channel, '')) FROM unnest($8::text[]) channel)
"""


async def insert_items(
    connection: Any, columns: Sequence[Sequence[Any]], wake: Sequence[str]
) -> None:
    """Inserts the items and notifies on these channels on commit."""
    if wake:
        await connection.execute(
            f"WITH inserted AS ({INSERT})"
            " SELECT pg_notify(channel, '') FROM unnest($7::text[]) channel",
            *columns, wake,
        )  # fmt: skip
    else:
        await connection.execute(INSERT, *columns)


async def take(
    connection: Any, queue: str, lanes: Sequence[int], after: Sequence[int], most: int, *,
    not_accounts: Sequence[int], lease_seconds: float, instance_id: int,
) -> list[Any]:  # fmt: skip
    """Leases up to `most` ready items of the lanes in this order, shared between the accounts.

    after: for each lane the account where its last take ended. The last column is how many of one
    account and lane may be taken at least: where that many were, more may be left.
    """
    rows: list[Any] = await connection.fetch(
        TAKE, queue, lanes, after, most, list(not_accounts), lease_seconds, instance_id,
        ACCOUNTS_WALKED_MAX,
    )  # fmt: skip
    return rows


async def replace(
    connection: Any, ids: Sequence[int], columns: Sequence[Sequence[Any]], wake: Sequence[str]
) -> bool:
    """Deletes items and inserts others, and notifies on these channels on commit.

    False, and a transaction around it has failed, if one of the items is gone already.
    """
    try:
        await connection.execute(_REPLACE, *columns, ids, wake)
    except asyncpg.DivisionByZeroError:
        return False
    return True


async def delete(connection: Any, ids: Sequence[int]) -> set[int]:
    """Deletes items; returns those that were still there."""
    rows = await connection.fetch(
        "DELETE FROM queue_item WHERE id = ANY($1::bigint[]) RETURNING id", ids
    )
    return {row[0] for row in rows}


async def release(
    connection: Any, ids: Sequence[int], instance_id: int, delay_ms: int, lane: int | None
) -> None:
    """Ends this instance's leases; a take that led to no work does not count as a try.

    lane: where they wait from now on; None: where they were published.
    """
    await connection.execute(
        """
        UPDATE queue_item SET available_at =
                CASE WHEN $3::bigint = 0 THEN created_at
                ELSE now() + $3::bigint * interval '1 millisecond' END,
            tries = greatest(0, tries - 1), leased_by = 0, lane = coalesce($4::smallint, lane % 3)
        WHERE id = ANY($1::bigint[]) AND leased_by = $2
        """,
        ids, instance_id, delay_ms, lane,
    )  # fmt: skip


async def release_leases_of(connection: Any, instance_ids: Sequence[int]) -> None:
    """Ends the leases of instances that are dead."""
    await connection.execute(
        """
        UPDATE queue_item SET available_at = created_at, leased_by = 0
        WHERE leased_by = ANY($1::bigint[]) AND available_at > now()
        """,
        instance_ids,
    )


async def extend(connection: Any, ids: Sequence[int], instance_id: int, seconds: float) -> None:
    """Prolongs this instance's leases."""
    await connection.execute(
        """
        UPDATE queue_item SET available_at = now() + $3 * interval '1 second'
        WHERE id = ANY($1::bigint[]) AND leased_by = $2
        """,
        ids, instance_id, seconds,
    )  # fmt: skip


async def bury(connection: Any, ids: Sequence[int], reason: str) -> None:
    """Moves items to the dead letters."""
    await connection.execute(
        """
        WITH gone AS (DELETE FROM queue_item WHERE id = ANY($1::bigint[]) RETURNING *)
        INSERT INTO dead_letter (queue, lane, account_id, messages, tries, reason, payload)
        SELECT queue, lane % 3, account_id, messages, tries, $2, payload FROM gone
        """,
        ids, reason,
    )  # fmt: skip


async def replay(connection: Any, ids: Sequence[int]) -> int:
    """Moves dead letters back to their queues with fresh tries; returns how many there were."""
    count: int = await connection.fetchval(
        f"""
        WITH back AS (DELETE FROM dead_letter WHERE id = ANY($1::bigint[]) RETURNING *),
        item AS (
            INSERT INTO queue_item (queue, lane, account_id, messages, payload)
            SELECT queue, lane, account_id, messages, payload FROM back ORDER BY id
            RETURNING queue
        ), told AS (
            SELECT pg_notify(left(queue, {CHANNEL_CHARS_MAX}), '')
            FROM (SELECT DISTINCT queue FROM item) d
        )
        SELECT (SELECT count(*) FROM item) + 0 * (SELECT count(*) FROM told)
        """,
        ids,
    )
    return count


async def depth(connection: Any, queue: str, most: int) -> Any:
    """(items, messages, seconds the oldest ready item waits), counting `most` items at most."""
    return await connection.fetchrow(
        """
        SELECT count(*) AS items, coalesce(sum(messages), 0)::bigint AS messages,
            greatest(0, extract(epoch FROM now() - min(available_at)))::float8 AS oldest
        FROM (SELECT messages, available_at FROM queue_item WHERE queue = $1
              ORDER BY queue, lane, account_id, available_at LIMIT $2) item
        """,
        queue, most,
    )  # fmt: skip


async def lanes_apart(connection: Any, queue: str, first: int) -> list[int]:
    """Lanes from `first` on that hold something, each found by one look into the index."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE found (lane) AS (
            (SELECT lane FROM queue_item WHERE queue = $1 AND lane >= $2 ORDER BY lane LIMIT 1)
            UNION ALL
            SELECT next.lane FROM found CROSS JOIN LATERAL (
                SELECT q.lane FROM queue_item q WHERE q.queue = $1 AND q.lane > found.lane
                ORDER BY q.lane LIMIT 1) next
        )
        SELECT lane FROM found
        """,
        queue, first,
    )  # fmt: skip
    return [row[0] for row in rows]


async def end_waits(connection: Any, queue: str, lanes: Sequence[int], most: int) -> int:
    """Puts up to `most` ready items of these lanes back where they were published."""
    done: str = await connection.execute(
        """
        UPDATE queue_item SET lane = lane % 3 WHERE id = ANY (ARRAY (
            SELECT id FROM queue_item WHERE queue = $1 AND lane = ANY ($2::smallint[])
            AND available_at <= now() LIMIT $3 FOR UPDATE SKIP LOCKED))
        """,
        queue, lanes, most,
    )  # fmt: skip
    return int(done.rsplit(maxsplit=1)[-1])


async def move(connection: Any, queue: str, to: str) -> int:
    """Moves a queue's items to another queue and wakes its consumers."""
    count: int = await connection.fetchval(
        f"""
        WITH moved AS (
            UPDATE queue_item SET queue = $2, leased_by = 0, relayed_at = NULL,
                available_at = least(available_at, now())
            WHERE queue = $1 RETURNING 1
        ), told AS (
            SELECT pg_notify(left($2, {CHANNEL_CHARS_MAX}), '') WHERE EXISTS (SELECT 1 FROM moved)
        )
        SELECT (SELECT count(*) FROM moved) + 0 * (SELECT count(*) FROM told)
        """,
        queue, to,
    )  # fmt: skip
    return count


async def hasten(connection: Any, queue: str) -> None:
    """Ends the delays of a queue's items."""
    await connection.execute(
        "UPDATE queue_item SET available_at = now()"
        " WHERE queue = $1 AND leased_by = 0 AND available_at > now()",
        queue,
    )


async def lying(connection: Any, queues: Sequence[str]) -> dict[tuple[str, bool], int]:
    """Messages in each of these queues: lane 0 (True) and the others (False)."""
    rows = await connection.fetch(
        "SELECT queue, lane = 0, sum(messages)::bigint FROM queue_item"
        " WHERE queue = ANY($1::text[]) GROUP BY 1, 2",
        queues,
    )
    none = {(queue, first): 0 for queue in queues for first in (True, False)}
    return none | {(row[0], row[1]): row[2] for row in rows}


async def waits(connection: Any, queue: str, seconds: float) -> bool:
    """Whether something in a queue has been ready for so long."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM queue_item WHERE queue = $1"
        " AND available_at < now() - $2 * interval '1 second')",
        queue, seconds,
    )  # fmt: skip
    return found
