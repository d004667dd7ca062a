"""All SQL of the audit log; it can be added to, read and sealed, never changed."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from cpaas.audit.types import Entry, EntryFilter

_ENTRY = """
    SELECT id, (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor, address, action,
           table_name, row_id, account_id, before::text AS before, after::text AS after, note, hash
    FROM audit_log
"""
SEAL_LOCK = 7_311_002
#: most entries that one page looks through.
WALK_ROWS = 100_000


async def has_unsealed(connection: asyncpg.Connection) -> bool:
    """Whether entries wait for their hash; a look at a partial index."""
    return bool(
        await connection.fetchval("SELECT EXISTS (SELECT FROM audit_log WHERE hash IS NULL)")
    )


async def lock_sealing(connection: asyncpg.Connection, *, wait_ms: int) -> bool:
    """Takes the sealer's turn and waits until nobody is writing; False when another seals.

    Ids are given out before they are committed: with writers locked out for the moment no entry
    with a lower id can still appear. LockNotAvailableError when they take too long.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", SEAL_LOCK):
        return False
    await connection.execute("SELECT set_config('lock_timeout', $1, true)", f"{wait_ms}ms")
    await connection.execute("LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE")
    return True


async def last_hash(connection: asyncpg.Connection) -> bytes | None:
    """The hash that the next entry continues."""
    found: bytes | None = await connection.fetchval(
        "SELECT hash FROM audit_log WHERE id < coalesce("
        " (SELECT min(id) FROM audit_log WHERE hash IS NULL), 9223372036854775807)"
        " ORDER BY id DESC LIMIT 1"
    )
    return found


async def unsealed(connection: asyncpg.Connection, most: int) -> list[Entry]:
    """The oldest entries without a hash."""
    rows = await connection.fetch(_ENTRY + " WHERE hash IS NULL ORDER BY id LIMIT $1", most)
    return [Entry(**row) for row in rows]


async def seal(connection: asyncpg.Connection, ids: Sequence[int], hashes: Sequence[bytes]) -> None:
    """Writes hashes, the one change that the table allows, once."""
    await connection.execute(
        "UPDATE audit_log SET hash = s.hash"
        " FROM unnest($1::bigint[], $2::bytea[]) AS s (id, hash) WHERE audit_log.id = s.id",
        ids, hashes,
    )  # fmt: skip


async def entries_after(connection: asyncpg.Connection, after_id: int, most: int) -> list[Entry]:
    """Entries in order of id, from after one."""
    rows = await connection.fetch(_ENTRY + " WHERE id > $1 ORDER BY id LIMIT $2", after_id, most)
    return [Entry(**row) for row in rows]


async def newest(
    connection: asyncpg.Connection,
    *,
    actor: str = "",
    table: str = "",
    before_id: int = 2**63 - 1,
    most: int = 50,
) -> list[Entry]:
    """The newest entries, of an actor or a table if given, from before one."""
    rows = await connection.fetch(
        _ENTRY + " WHERE id < $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR table_name = $3)"
        " ORDER BY id DESC LIMIT $4",
        before_id, actor, table, most,
    )  # fmt: skip
    return [Entry(**row) for row in rows]


async def page(
    connection: Any, wanted: EntryFilter, before_id: int, most: int, walk: int = WALK_ROWS
) -> tuple[list[Entry], int | None]:
    """The newest entries that fit, from before one; an actor may be given by its beginning.

    Looks at `walk` entries at most; the second value is where it stopped then, None: at the end.
    """
    walked = (
        "SELECT * FROM audit_log WHERE id < $1 AND at >= to_timestamp($2::bigint / 1000000.0)"
        " AND at < to_timestamp($3::bigint / 1000000.0) ORDER BY id DESC"
    )
    bounds = (before_id, wanted.from_us, wanted.to_us)
    rows = await connection.fetch(
        _ENTRY.replace("audit_log", f"({walked} LIMIT $9) walked") + " WHERE ($4 = ''"
        " OR starts_with(actor, $4)) AND ($5 = '' OR action = $5) AND ($6 = '' OR table_name = $6)"
        " AND ($7::bigint IS NULL OR account_id = $7) ORDER BY id DESC LIMIT $8",
        *bounds, wanted.actor, wanted.action, wanted.table_name, wanted.account_id, most, walk,
    )  # fmt: skip
    found = [Entry(**row) for row in rows]
    if len(found) == most:
        return found, None
    reached: int | None = await connection.fetchval(
        f"SELECT id FROM ({walked} OFFSET $4 LIMIT 1) last", *bounds, walk - 1
    )
    return found, reached


async def entry(connection: Any, entry_id: int) -> Entry | None:
    """One entry."""
    row = await connection.fetchrow(_ENTRY + " WHERE id = $1", entry_id)
    return None if row is None else Entry(**row)


async def last_sealed(connection: Any) -> int:
    """The newest sealed entry's id; 0 for none. Sealing goes in order of id, without gaps."""
    return int(
        await connection.fetchval(
            "SELECT id FROM audit_log WHERE hash IS NOT NULL ORDER BY id DESC LIMIT 1"
        )
        or 0
    )


async def record(
    connection: Any, action: str, table: str, row_id: str, *, account_id: int = 0,
    before: dict[str, Any] | None = None, after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Writes an act that no trigger sees, in the name that `acting` set for the transaction."""
    await connection.execute(
        """INSERT INTO audit_log (actor, address, action, table_name, row_id, account_id, before,
             after, note)
           SELECT coalesce(nullif(current_setting('app.actor', true), ''),
               'database:' || session_user), coalesce(current_setting('app.address', true), ''),
             $1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb,
             coalesce(current_setting('app.note', true), '')""",
        action, table, row_id, account_id, _text(before), _text(after),
    )  # fmt: skip


def _text(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
