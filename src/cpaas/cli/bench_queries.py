"""What the bench asks the copy's database: the WAL's position and whether the books agree."""

from uuid import UUID

import asyncpg
import msgspec


class Books(msgspec.Struct, kw_only=True):
    """What the database says about the messages of a run, and about the whole copy."""

    stored: int
    segments: int
    final: int
    submitted: int
    again: int
    queue_items: int
    unmatched: int
    dead: int
    ledger_minus_balance: int


async def wal_position(connection: asyncpg.Connection) -> int:
    """Bytes of WAL written since the cluster was made."""
    return int(await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"))


async def books(connection: asyncpg.Connection, since: UUID, finals: list[str]) -> Books:
    """The state of everything accepted since an id."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS stored,
               coalesce(sum(segments), 0) AS segments,
               count(*) FILTER (WHERE status = any($2)) AS final,
               count(*) FILTER (WHERE status = 'SUBMITTED') AS submitted,
               count(*) FILTER (WHERE attempt > 1) AS again
        FROM message WHERE id >= $1
        """,
        since, finals,
    )  # fmt: skip
    rest = await connection.fetchrow(
        """
        SELECT (SELECT count(*) FROM queue_item) AS queue_items,
               (SELECT count(*) FROM unmatched_receipt) AS unmatched,
               (SELECT count(*) FROM dead_letter) AS dead,
               coalesce(sum(abs(w.balance_micro - coalesce(l.total, 0))), 0)
                   AS ledger_minus_balance
        FROM wallet w
        LEFT JOIN (SELECT account_id, sum(amount_micro) AS total FROM ledger_entry GROUP BY 1) l
          ON l.account_id = w.account_id
        """
    )
    assert row is not None  # noqa: S101 - aggregates always give a row
    assert rest is not None  # noqa: S101
    return Books(**{name: int(value) for name, value in (*row.items(), *rest.items())})


async def queued(connection: asyncpg.Connection) -> int:
    """Messages that wait in all queues."""
    return int(await connection.fetchval("SELECT coalesce(sum(messages), 0) FROM queue_item"))
