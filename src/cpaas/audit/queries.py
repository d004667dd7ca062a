"""All SQL of the audit log; it can be added to, read and sealed, never changed."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec

from cpaas.audit.types import Entry

_ENTRY = """
    SELECT id, (extract(epoch FROM at) * 1000000)::bigint AS at_us, actor, address, action,
           table_name, row_id, account_id, before::text AS before, after::text AS after, note, hash
    FROM audit_log
"""
SEAL_LOCK = 7_311_002


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
