"""SQL that adds the ledger up by day, and reads the sums; times are Unix microseconds."""

from datetime import date
from typing import Any, Final

from cpaas.billing.statement_queries import AT, first_id

__all__ = ["begin", "days", "elect", "entries", "first_id", "fold", "folded", "look"]

ELECTION: Final = 7_311_041
_FOLD: Final = """
WITH state AS (
    SELECT folded_id, least(seen_id, folded_id + $2) AS upper FROM ledger_fold
    WHERE seen_id > folded_id AND NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        AND xact_start <= seen_at)
), added AS (
    INSERT INTO ledger_day AS d (account_id, day, kind, entries, amount_micro)
    SELECT account_id, (created_at AT TIME ZONE $1)::date, kind, count(*), sum(amount_micro)
    FROM ledger_entry, state WHERE id > folded_id AND id <= upper
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (account_id, day, kind) DO UPDATE SET entries = d.entries + excluded.entries,
        amount_micro = d.amount_micro + excluded.amount_micro
)
UPDATE ledger_fold f SET folded_id = upper FROM state RETURNING upper - state.folded_id
"""


async def elect(connection: Any) -> bool:
    """Whether this process adds up, until its transaction ends."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", ELECTION))


async def begin(connection: Any, zone: str) -> None:
    """The one row of the state; another time zone has other days, so all is added up anew."""
    known = await connection.fetchval("SELECT zone FROM ledger_fold")
    if known == zone:
        return
    await connection.execute("DELETE FROM ledger_day")
    await connection.execute(
        "INSERT INTO ledger_fold (id, zone) VALUES (1, $1)"
        " ON CONFLICT (id) DO UPDATE SET zone = $1, folded_id = 0",
        zone,
    )


async def look(connection: Any) -> None:
    """Remembers the highest id of now, once the one before it was reached."""
    await connection.execute(
        "UPDATE ledger_fold SET seen_at = clock_timestamp(),"
        " seen_id = (SELECT coalesce(max(id), 0) FROM ledger_entry) WHERE seen_id <= folded_id"
    )


async def fold(connection: Any, zone: str, most: int) -> int:
    """Adds up the next entries, at most so many ids; returns how many ids, 0 = none for now.

    Ids are drawn in order: who draws one after `seen_at` draws a higher one, and who drew a lower
    one began before and is looked for among those that still write.
    """
    return int(await connection.fetchval(_FOLD, zone, most) or 0)


async def folded(connection: Any, zone: str) -> int:
    """The id up to which the days of this zone hold everything; 0: none do."""
    return int(
        await connection.fetchval("SELECT folded_id FROM ledger_fold WHERE zone = $1", zone) or 0
    )


async def days(connection: Any, account_id: int, first: date, last: date) -> list[Any]:
    """(kind, entries, sum) of whole days, the last one excluded."""
    rows: list[Any] = await connection.fetch(
        "SELECT kind, sum(entries)::bigint, sum(amount_micro)::bigint FROM ledger_day"
        " WHERE account_id = $1 AND day >= $2::text::date AND day < $3::text::date GROUP BY kind",
        account_id, first.isoformat(), last.isoformat(),
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def entries(
    connection: Any, account_id: int, from_us: int, until_us: int, lowest: int,
    highest: int = 2**62,
) -> list[Any]:  # fmt: skip
    """(kind, entries, sum) of the entries themselves, of a time and between two ids."""
    rows: list[Any] = await connection.fetch(
        "SELECT kind, count(*), sum(amount_micro)::bigint FROM ledger_entry"
        f" WHERE account_id = $1 AND id >= $4 AND id <= $5 AND created_at >= {AT.format('$2')}"
        f" AND created_at < {AT.format('$3')} GROUP BY kind",
        account_id, from_us, until_us, lowest, highest,
    )  # fmt: skip
    return [tuple(row) for row in rows]
