"""SQL of acceptance: one look-up and one statement for all requests that gathered.

The statement stores messages, takes the money, writes ledger, counters and queue items and wakes
consumers in one implicit transaction, so that a batch costs one round trip and one commit.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

#: what each message has of its own; `kind` numbers the row of what it shares with others. Its
#: moments are plain microseconds, which cross the wire at a fraction of a time stamp's cost.
MESSAGE: Final = (
    ("id", "uuid"), ("kind", "integer"), ("created_at", "bigint"),
    ("valid_until", "bigint"), ("price_micro", "bigint"), ("segments", "smallint"),
    ("recipient", "text"), ("body", "text"), ("country", "text"), ("reference", "text"),
)  # fmt: skip
#: each array costs per element, so what a whole request shares is sent once.
KIND: Final = (
    ("account_id", "bigint"), ("send_at", "timestamptz"), ("actor_id", "bigint"),
    ("campaign_id", "bigint"), ("is_test", "boolean"), ("channel", "text"), ("lane", "text"),
    ("status", "text"), ("origin", "text"), ("sender", "text"), ("encoding", "text"),
    ("webhook_url", "text"), ("category", "text"), ("dlt", "jsonb"), ("fallback", "jsonb"),
    ("content", "jsonb"),
)  # fmt: skip


def _arrays(columns: Sequence[tuple[str, str]], first: int) -> str:
    return ", ".join(f"${n}::{kind}[]" for n, (_, kind) in enumerate(columns, first))


def _names(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(name for name, _ in columns)


#: the first 2 parameters are the wallets, then follow the messages, then their kinds.
_KINDS_AT: Final = 3 + len(MESSAGE)
_AT: Final = _KINDS_AT + len(KIND)
_STORED: Final = _names((*MESSAGE[:1], *MESSAGE[2:], *KIND))
_READ: Final = ", ".join(
    f"timestamptz 'epoch' + {name} * interval '1 microsecond' AS {name}"
    if name in {"created_at", "valid_until"}
    else name
    for name in _STORED.split(", ")
)

# An account whose wallet row is not returned by `paid` cannot pay for all its messages together:
# nothing of it is stored, and its requests are decided one by one under its wallet's lock.
STORE: Final = f"""
WITH need AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::bigint[]) n (account_id, micro)
), paid AS (
    UPDATE wallet w SET balance_micro = w.balance_micro - n.micro FROM need n
    WHERE w.account_id = n.account_id AND w.account_id = ANY ($1::bigint[])
      AND w.balance_micro - n.micro >= -w.credit_limit_micro
    RETURNING w.account_id, w.balance_micro, w.low_balance_micro,
      w.balance_micro < w.low_balance_micro AND w.balance_micro + n.micro >= w.low_balance_micro
        AS crossed
), unpaid AS MATERIALIZED (
    SELECT account_id FROM need EXCEPT SELECT account_id FROM paid
), item AS MATERIALIZED (
    SELECT {_READ} FROM unnest({_arrays(MESSAGE, 3)}) m ({_names(MESSAGE)})
    JOIN unnest({_arrays(KIND, _KINDS_AT)}) WITH ORDINALITY k ({_names(KIND)}, number)
      ON k.number = m.kind
    WHERE k.account_id <> ALL (ARRAY (SELECT account_id FROM unpaid))
), stored AS (
    INSERT INTO message ({_STORED}, final_at, error_code)
    SELECT {_STORED}, CASE status WHEN 'BLOCKED' THEN created_at END,
      CASE status WHEN 'BLOCKED' THEN 'blocked' ELSE '' END
    FROM item
), debited AS (
    INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, attempt)
    SELECT account_id, CASE channel WHEN 'voice' THEN 'RESERVE' ELSE 'DEBIT' END, -price_micro,
      id, 1
    FROM item WHERE price_micro > 0
), queued AS (
    INSERT INTO queue_item (queue, lane, account_id, available_at, messages, payload)
    SELECT q, l, a, now() + d * interval '1 microsecond', m, p
    FROM unnest(${_AT}::text[], ${_AT + 1}::smallint[], ${_AT + 2}::bigint[],
                ${_AT + 3}::bigint[], ${_AT + 4}::integer[], ${_AT + 5}::bytea[])
         AS i (q, l, a, d, m, p)
    WHERE a <> ALL (ARRAY (SELECT account_id FROM unpaid))
), kept AS (
    INSERT INTO idempotency_key (account_id, key, body_hash, status, response)
    SELECT a, k, h, s, r
    FROM unnest(${_AT + 6}::bigint[], ${_AT + 7}::text[], ${_AT + 8}::bytea[],
                ${_AT + 9}::smallint[], ${_AT + 10}::bytea[]) AS i (a, k, h, s, r)
    WHERE a <> ALL (ARRAY (SELECT account_id FROM unpaid))
), counted AS (
    INSERT INTO counter_minute AS c (minute, account_id, channel, route_id, country, instance_id,
        accepted, segments, blocked, charged_micro)
    SELECT minute, a, channel, 0, country, ${_AT + 12}::bigint, n, s, b, micro
    FROM unnest(${_AT + 13}::timestamptz[], ${_AT + 14}::bigint[], ${_AT + 15}::text[],
                ${_AT + 16}::text[], ${_AT + 17}::bigint[], ${_AT + 18}::bigint[],
                ${_AT + 19}::bigint[], ${_AT + 20}::bigint[])
         AS i (minute, a, channel, country, n, s, b, micro)
    WHERE a <> ALL (ARRAY (SELECT account_id FROM unpaid))
    ON CONFLICT (minute, account_id, channel, route_id, country, instance_id) DO UPDATE SET
        accepted = c.accepted + excluded.accepted, segments = c.segments + excluded.segments,
        blocked = c.blocked + excluded.blocked,
        charged_micro = c.charged_micro + excluded.charged_micro
)
SELECT ARRAY (SELECT account_id FROM unpaid),
    ARRAY (SELECT ARRAY [account_id, balance_micro, low_balance_micro] FROM paid
           WHERE crossed AND low_balance_micro > 0),
    (SELECT count(pg_notify(channel, '')) FROM unnest(${_AT + 11}::text[]) channel)
"""

ANSWERED: Final = """
SELECT account_id, key, body_hash, status, response,
    created_at < now() - interval '24 hours' AS expired
FROM idempotency_key WHERE account_id = ANY ($1::bigint[]) AND key = ANY ($2::text[])
"""


async def store(
    connection: Any, columns: Sequence[Any]
) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Store and charge a batch.

    Returns the accounts that could not pay, of which nothing is stored, and those whose balance
    fell below their mark: (account id, balance, mark).
    """
    row = await connection.fetchrow(STORE, *columns)
    return list(row[0]), [(one[0], one[1], one[2]) for one in row[1]]


async def answered(connection: Any, accounts: list[int], keys: list[str]) -> list[Any]:
    """Answers that were given to requests with these Idempotency-Keys."""
    rows: list[Any] = await connection.fetch(ANSWERED, accounts, keys)
    return rows


async def forget_keys(connection: Any, accounts: list[int], keys: list[str]) -> None:
    """Deletes these Idempotency-Keys if they are older than 24 hours."""
    await connection.execute(
        """DELETE FROM idempotency_key WHERE account_id = ANY ($1::bigint[])
           AND key = ANY ($2::text[]) AND created_at < now() - interval '24 hours'""",
        accounts, keys,
    )  # fmt: skip


async def sweep_keys(connection: Any, most: int) -> int:
    """Deletes up to `most` Idempotency-Keys older than 24 hours; returns how many."""
    status: str = await connection.execute(
        """DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY (
             SELECT ctid FROM idempotency_key WHERE created_at < now() - interval '24 hours'
             ORDER BY created_at LIMIT $1))""",
        most,
    )
    return int(status.rsplit(maxsplit=1)[-1])


async def lock_wallet(connection: Any, account_id: int) -> tuple[int, int]:
    """Locks a wallet; returns its balance and what may be spent with the credit limit."""
    row = await connection.fetchrow(
        """SELECT balance_micro, balance_micro + credit_limit_micro FROM wallet
           WHERE account_id = $1 FOR UPDATE""",
        account_id,
    )
    return (0, 0) if row is None else (row[0], row[1])


async def stored(connection: Any, ids: Sequence[bytes]) -> set[bytes]:
    """Which of these messages exist."""
    rows = await connection.fetch(
        "SELECT id FROM message WHERE id = ANY ($1::uuid[]) AND id >= $2 AND id <= $3",
        list(ids), min(ids), max(ids),
    )  # fmt: skip
    return {row[0] for row in rows}


async def end_backend(connection: Any, pid: int) -> bool:
    """Ends a server process of ours whose answer was lost; whether it is gone already."""
    alive = await connection.fetchval(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1", pid
    )
    return alive is None


async def queue_items(connection: Any) -> int:
    """About how many items all queues hold: the statistics' figure, at no cost by its size."""
    found: int | None = await connection.fetchval(
        "SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'queue_item'"
    )
    return found or 0


async def accepted_by_others(
    connection: Any, accounts: Sequence[int], since_us: int, until_us: int, *, horizon_us: int,
    instance_id: int, folded: date | None,
) -> dict[int, tuple[int, int]]:  # fmt: skip
    """Account -> what other processes accepted before and from the horizon on.

    folded: the day whose minutes that are folded already count, too (all before any horizon).
    """
    rows = await connection.fetch(
        """SELECT account_id, coalesce(sum(accepted) FILTER (WHERE minute < $4), 0)::bigint,
             coalesce(sum(accepted) FILTER (WHERE minute >= $4), 0)::bigint
           FROM (SELECT account_id, instance_id, minute, accepted FROM counter_minute
                  WHERE minute >= $2 AND minute < $3 AND account_id = ANY ($1::bigint[])
                 UNION ALL SELECT account_id, instance_id, '-infinity', accepted
                  FROM counter_instance_day
                  WHERE day = $6 AND account_id = ANY ($1::bigint[])) c
           WHERE instance_id <> $5 GROUP BY 1""",
        list(accounts), since_us, until_us, horizon_us, instance_id, folded,
    )  # fmt: skip
    return {row[0]: (row[1], row[2]) for row in rows}
