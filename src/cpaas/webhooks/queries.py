"""SQL of the deliverer: what was posted and how it ended, and what is due again.

Ids travel as 16 raw bytes and times as Unix microseconds, whatever codecs a connection has; every
statement bounds the id, by which the tables are partitioned.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import asyncpg

from cpaas.kit.ids import lowest_at, new_id_bytes
from cpaas.webhooks.types import Job, Outcome

#: deliveries that may still be due by themselves are no older than this.
RETRIED_US = 26 * 3600 * 1_000_000
#: a delivery can be replayed for so long.
REPLAYED_US = 30 * 24 * 3600 * 1_000_000
ACCOUNTS_WALKED_MAX = 10_000

_MICROS = "timestamptz 'epoch' + {} * interval '1 microsecond'"
_UUID = "encode({}, 'hex')::uuid"


def lowest_id(micros: int) -> bytes:
    """The smallest delivery id of a moment."""
    return lowest_at(max(0, micros) // 1000).bytes


# What outcomes have in common is sent once for a run of them (g), and what differs as packed bytes
# and plain numbers (n): an array of its own for every column costs the sender several times more.
RECORD = f"""
WITH done AS (
    DELETE FROM queue_item WHERE id = ANY ($20::bigint[])
)
INSERT INTO webhook_delivery (id, account_id, message_id, event_type, url, own_url, body, status,
    attempts, last_status, last_error, last_duration_ms, last_attempt_at, next_attempt_at,
    created_at)
SELECT {_UUID.format("substring($1::bytea, 16 * n - 15, 16)")}, a,
    CASE WHEN m THEN {_UUID.format("substring($2::bytea, 16 * n - 15, 16)")} END, t, u, o,
    substring($3::bytea, ($4::integer[])[n] + 1, ($4::integer[])[n + 1] - ($4::integer[])[n]),
    s, k, h, e, ($5::integer[])[n],
    CASE k WHEN 1 THEN {_MICROS.format("($6::bigint[])[n]")} END,
    {_MICROS.format("x")}, {_MICROS.format("c")}
FROM unnest($7::integer[], $8::integer[], $9::bigint[], $10::boolean[], $11::text[], $12::text[],
    $13::boolean[], $14::text[], $15::smallint[], $16::smallint[], $17::text[], $18::bigint[],
    $19::bigint[]) AS g (first, last, a, m, t, u, o, s, k, h, e, x, c)
CROSS JOIN LATERAL generate_series(g.first, g.last) AS v (n)
"""
# To look for each row before it is written costs a third of writing it, and is hardly ever needed.
RECORD_NEW = f"{RECORD}\nON CONFLICT (id) DO NOTHING"
_NO_ID = bytes(16)


async def record(connection: Any, outcomes: Sequence[Outcome], done_items: Sequence[int]) -> None:
    """Writes first attempts down and deletes the queue items done with them, in one statement.

    What is on record already stays as it is.
    """
    if not outcomes:
        return
    runs: dict[tuple[Any, ...], list[Outcome]] = {}
    for o in outcomes:
        job = o.job
        shared = (
            job.account_id, job.message_id != b"", job.event_type, o.url, job.url != "",
            o.status, int(o.counted), o.http_status, o.error, o.next_us, job.created_us,
        )  # fmt: skip
        runs.setdefault(shared, []).append(o)
    ordered = [o for run in runs.values() for o in run]
    jobs = [o.job for o in ordered]
    ids = [job.event_id for job in jobs]
    message_ids = [job.message_id or _NO_ID for job in jobs]
    if {16}.union(map(len, ids), map(len, message_ids)) != {16}:
        # Packed, it would shift all that stand behind it.
        raise asyncpg.DataError("an id that is not 16 bytes long")
    ends = list(accumulate(map(len, runs.values())))
    account, message, kind, url, own, status, counted, http, error, due, created = zip(
        *runs, strict=True
    )
    values = (
        b"".join(ids),
        b"".join(message_ids),
        b"".join([job.body for job in jobs]),
        [0, *accumulate([len(job.body) for job in jobs])],
        [o.duration_ms for o in ordered],
        [o.at_us for o in ordered],
        [1, *(end + 1 for end in ends[:-1])],
        ends,
        account, message, kind, url, own, status, counted, http, error, due, created,
        done_items,
    )  # fmt: skip
    try:
        await connection.execute(RECORD, *values)
    except asyncpg.UniqueViolationError:
        await connection.execute(RECORD_NEW, *values)


# The first attempt stands in the delivery itself until the second one comes: most have no second.
# `before` fences: of two processes that made the same attempt, or one that asks twice, one counts.
UPDATE = f"""
WITH new AS MATERIALIZED (
    SELECT {_UUID.format("i")} AS id, {_UUID.format("f")} AS first_id,
        {_UUID.format("t")} AS attempt_id, u AS url, s AS status, n AS counted, h AS http_status,
        e AS error, d AS duration_ms, {_MICROS.format("l")} AS at, {_MICROS.format("x")} AS next_at,
        r AS replay, b AS before
    FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::smallint[],
        $7::smallint[], $8::text[], $9::integer[], $10::bigint[], $11::bigint[], $12::boolean[],
        $14::smallint[])
        AS v (i, f, t, u, s, n, h, e, d, l, x, r, b)
), first AS (
    INSERT INTO webhook_attempt (id, delivery_id, account_id, at, status, error, duration_ms)
    SELECT new.first_id, d.id, d.account_id, d.last_attempt_at, d.last_status, d.last_error,
        d.last_duration_ms
    FROM new CROSS JOIN LATERAL (
        SELECT * FROM webhook_delivery w
        WHERE w.id = new.id AND w.id >= {_UUID.format("$13::bytea")} AND w.attempts = 1) d
    WHERE new.counted = 1 AND new.before = 1
), updated AS (
    UPDATE webhook_delivery w SET status = new.status, attempts = w.attempts + new.counted,
        url = CASE new.counted WHEN 1 THEN new.url ELSE w.url END,
        last_status = CASE new.counted WHEN 1 THEN new.http_status ELSE w.last_status END,
        last_error = CASE WHEN new.counted = 1 OR new.error <> '' THEN new.error
            ELSE w.last_error END,
        last_duration_ms = CASE new.counted WHEN 1 THEN new.duration_ms
            ELSE w.last_duration_ms END,
        last_attempt_at = CASE new.counted WHEN 1 THEN new.at ELSE w.last_attempt_at END,
        next_attempt_at = new.next_at
    FROM new WHERE w.id = new.id AND w.id >= {_UUID.format("$13::bytea")}
        AND w.attempts = new.before
    RETURNING w.id, w.account_id, w.attempts
)
INSERT INTO webhook_attempt (id, delivery_id, account_id, at, status, error, duration_ms, replay)
SELECT new.attempt_id, updated.id, updated.account_id, new.at, new.http_status, new.error,
    new.duration_ms, new.replay
FROM updated JOIN new ON new.id = updated.id
WHERE new.counted = 1 AND (updated.attempts > 1 OR new.replay)
"""


async def update(connection: Any, outcomes: Sequence[Outcome]) -> None:
    """Writes later attempts and replays down, each as a row of its own, too."""
    if not outcomes:
        return
    # By id, as every writer of several rows does.
    ordered = sorted(outcomes, key=lambda outcome: outcome.job.event_id)
    await connection.execute(
        UPDATE,
        [o.job.event_id for o in ordered],
        [new_id_bytes() for _ in ordered],
        [new_id_bytes() for _ in ordered],
        [o.url for o in ordered],
        [o.status for o in ordered],
        [int(o.counted) for o in ordered],
        [o.http_status for o in ordered],
        [o.error for o in ordered],
        [o.duration_ms for o in ordered],
        [o.at_us for o in ordered],
        [o.next_us for o in ordered],
        [o.job.status != "retrying" for o in ordered],
        ordered[0].job.event_id,
        [o.job.attempts for o in ordered],
    )


async def recorded(connection: Any, event_ids: Sequence[bytes]) -> set[bytes]:
    """Which of these events are on record: an item taken again may be half done."""
    if not event_ids:
        return set()
    rows = await connection.fetch(
        f"""
        SELECT uuid_send(id) AS id FROM webhook_delivery
        WHERE id = ANY (ARRAY (SELECT {_UUID.format("i")} FROM unnest($1::bytea[]) AS v (i)))
        AND id >= {_UUID.format("$2::bytea")} AND id <= {_UUID.format("$3::bytea")}
        """,
        list(event_ids), min(event_ids), max(event_ids),
    )  # fmt: skip
    return {row["id"] for row in rows}


# One index probe per account, however many deliveries it has waiting.
DUE_ACCOUNTS = f"""
WITH RECURSIVE walk (account_id, step) AS (
    SELECT -1::bigint, 0
    UNION ALL
    SELECT (SELECT w.account_id FROM webhook_delivery w
            WHERE w.id >= {_UUID.format("$1::bytea")} AND w.next_attempt_at IS NOT NULL
            AND w.account_id > walk.account_id ORDER BY w.account_id LIMIT 1), walk.step + 1
    FROM walk WHERE walk.account_id IS NOT NULL AND walk.step < $4
)
SELECT walk.account_id FROM walk
WHERE walk.step > 0 AND walk.account_id IS NOT NULL AND walk.account_id <> ALL ($3::bigint[])
AND (SELECT w.id FROM webhook_delivery w
     WHERE w.id >= {_UUID.format("$1::bytea")} AND w.account_id = walk.account_id
     AND w.next_attempt_at <= {_MICROS.format("$2::bigint")}
     ORDER BY w.account_id, w.next_attempt_at LIMIT 1) IS NOT NULL
"""

LEASE_DUE = f"""
WITH picked AS MATERIALIZED (
    SELECT due.id FROM unnest($1::bigint[]) AS asked (account_id) CROSS JOIN LATERAL (
        SELECT w.id FROM webhook_delivery w
        WHERE w.id >= {_UUID.format("$2::bytea")} AND w.account_id = asked.account_id
        AND w.next_attempt_at <= {_MICROS.format("$3::bigint")}
        ORDER BY w.account_id, w.next_attempt_at LIMIT $4
        FOR UPDATE SKIP LOCKED) due
)
UPDATE webhook_delivery w
SET next_attempt_at = {_MICROS.format("$5::bigint")}
WHERE w.id = ANY (ARRAY (SELECT picked.id FROM picked)) AND w.id >= {_UUID.format("$2::bytea")}
RETURNING uuid_send(w.id) AS id, w.account_id, uuid_send(w.message_id) AS message_id, w.event_type,
    w.url, w.own_url, w.body, w.status, w.attempts,
    (extract(epoch FROM w.created_at) * 1000000)::bigint AS created_us
"""


async def lease_due(
    connection: Any,
    now_us: int,
    *,
    oldest_us: int,
    lease_us: int,
    most: int,
    not_accounts: Sequence[int],
    first_account: int = 0,
) -> list[Job]:
    """Deliveries due again, shared between their accounts; others get them after the lease.

    More accounts than `most`: those from `first_account` on are served first.
    """
    low = lowest_id(oldest_us)
    accounts = await connection.fetch(
        DUE_ACCOUNTS, low, now_us, list(not_accounts), ACCOUNTS_WALKED_MAX
    )
    if not accounts:
        return []
    until = now_us + lease_us
    chosen = sorted(row["account_id"] for row in accounts)
    chosen.sort(key=lambda account_id: account_id < first_account)
    chosen = chosen[:most]
    each = max(1, most // len(chosen))
    rows = await connection.fetch(LEASE_DUE, chosen, low, now_us, each, until)
    return [
        Job(
            event_id=row["id"],
            account_id=row["account_id"],
            message_id=row["message_id"] or b"",
            event_type=row["event_type"],
            url=row["url"] if row["own_url"] else "",
            body=row["body"],
            item=0,
            created_us=row["created_us"],
            stale_us=until - lease_us // 3,
            attempts=row["attempts"],
            status=row["status"],
        )
        for row in rows
    ]


async def lazy_secret(connection: Any, account_id: int, secret: bytes) -> bytes:
    """The account's encrypted signing secret; `secret` becomes it if there is none yet.

    The row made for it has no URL: it serves messages that name their own.
    """
    found: bytes | None = await connection.fetchval(
        """
        WITH made AS (
            INSERT INTO webhook_endpoint (account_id, url, secret, active, disabled_reason)
            VALUES ($1, '', $2, false, 'no URL is set')
            ON CONFLICT (account_id) DO NOTHING RETURNING secret
        )
        SELECT secret FROM made
        UNION ALL SELECT secret FROM webhook_endpoint WHERE account_id = $1 LIMIT 1
        """,
        account_id, secret,
    )  # fmt: skip
    if found is None:
        # Another made it while this statement ran, whose view of the table is older than that.
        found = await connection.fetchval(
            "SELECT secret FROM webhook_endpoint WHERE account_id = $1", account_id
        )
    if found is None:
        raise LookupError(f"account {account_id} is gone")
    return found


async def disable(connection: Any, account_id: int, url: str, reason: str) -> bool:
    """Switches an endpoint off if it still has the URL; returns whether it did."""
    row = await connection.fetchrow(
        """
        UPDATE webhook_endpoint SET active = false, disabled_reason = $3
        WHERE account_id = $1 AND url = $2 AND active RETURNING account_id
        """,
        account_id, url, reason,
    )  # fmt: skip
    return row is not None
