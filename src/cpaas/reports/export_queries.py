"""SQL of exports: asked for, claimed by one process at a time, followed, cancelled, cleared."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from cpaas.reports.export_types import Export, Job
from cpaas.reports.statement import as_id, as_moment

#: a process that says nothing for so long is dead, and another goes on.
LEASE_SECONDS: Final = 60
DAYS_KEPT: Final = 7
TRIES_MAX: Final = 3
_COLUMNS: Final = (
    "id, account_id, kind, format, filters, actor, status, rows, percent, blob_id, error,"
    " created_at, finished_at"
)


def _export(row: Sequence[Any]) -> Export:
    values = list(row)
    values[11], values[12] = as_moment(values[11]), as_moment(values[12])
    return Export(*values)


async def count_open(connection: Any, account_id: int) -> int:
    """Exports of an account that are not finished; one that asks at the same time waits."""
    await connection.execute("SELECT pg_advisory_xact_lock(7311006, $1::int)", account_id)
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM export_job WHERE account_id = $1"
            " AND status IN ('QUEUED', 'RUNNING')",
            account_id,
        )
    )


async def insert(
    connection: Any, account_id: int, kind: str, form: str, filters: dict[str, str], actor: str
) -> Export:
    """A new export in the queue."""
    row = await connection.fetchrow(
        "INSERT INTO export_job (account_id, kind, format, filters, actor)"
        f" VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}",
        account_id, kind, form, filters, actor,
    )  # fmt: skip
    return _export(row)


async def find(connection: Any, account_id: int, export_id: int) -> Export | None:
    """One export of the account."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM export_job WHERE id = $2 AND account_id = $1",
        account_id, export_id,
    )  # fmt: skip
    return None if row is None else _export(row)


async def newest(connection: Any, account_id: int, *, below: int, limit: int) -> list[Export]:
    """The account's exports with id < below, newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM export_job WHERE account_id = $1 AND id < $2"
        " ORDER BY id DESC LIMIT $3",
        account_id, below, limit,
    )  # fmt: skip
    return [_export(row) for row in rows]


async def request_cancel(connection: Any, account_id: int, export_id: int) -> None:
    """Ask whoever works on it to stop; the worker sees it at its next step."""
    await connection.execute(
        "UPDATE export_job SET cancel_requested = true WHERE id = $2 AND account_id = $1"
        " AND status IN ('QUEUED', 'RUNNING')",
        account_id, export_id,
    )  # fmt: skip


async def claim(connection: Any) -> int | None:
    """The id of the oldest export that nobody works on, claimed for this process."""
    found: int | None = await connection.fetchval(
        """
        UPDATE export_job SET status = 'RUNNING', tries = tries + 1,
            started_at = coalesce(started_at, now()),
            leased_until = now() + $1 * interval '1 second'
        WHERE id = (SELECT id FROM export_job
            WHERE status IN ('QUEUED', 'RUNNING') AND NOT cancel_requested AND tries < $2
              AND (leased_until IS NULL OR leased_until < now())
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id
        """,
        LEASE_SECONDS, TRIES_MAX,
    )  # fmt: skip
    return found


async def close_abandoned(connection: Any) -> None:
    """End what was cancelled while nobody worked on it, and what ended its worker every time."""
    await connection.execute(
        """
        UPDATE export_job SET finished_at = now(), leased_until = NULL,
            status = CASE WHEN cancel_requested THEN 'CANCELLED' ELSE 'FAILED' END,
            error = CASE WHEN cancel_requested THEN ''
                ELSE 'It was interrupted ' || tries || ' times. Ask again for a shorter time.' END
        WHERE status IN ('QUEUED', 'RUNNING') AND (cancel_requested OR tries >= $1)
          AND (leased_until IS NULL OR leased_until < now())
        """,
        TRIES_MAX,
    )


async def job(connection: Any, export_id: int) -> Job | None:
    """What to do for a claimed export."""
    row = await connection.fetchrow(
        "SELECT id, account_id, kind, format, filters, kept_rows, before_id, blob_id, created_at"
        " FROM export_job WHERE id = $1 AND status = 'RUNNING'",
        export_id,
    )
    if row is None:
        return None
    before = None if row[6] is None else as_id(row[6])
    created = as_moment(row[8])
    assert created is not None  # noqa: S101 - the column has a default
    return Job(row[0], row[1], row[2], row[3], row[4], row[5], before, row[7], created)


async def use_blob(connection: Any, export_id: int, blob_id: int) -> None:
    """The file that the export writes."""
    await connection.execute(
        "UPDATE export_job SET blob_id = $2, before_id = NULL, rows = 0, kept_rows = 0"
        " WHERE id = $1",
        export_id, blob_id,
    )  # fmt: skip


async def progress(
    connection: Any, export_id: int, *, rows: int, percent: int, before: UUID | None
) -> bool:
    """Note how far it is; whether to go on (nobody cancelled it). before: all above it is kept."""
    found = await connection.fetchval(
        """
        UPDATE export_job SET rows = $2, percent = $3, before_id = coalesce($4, before_id),
            kept_rows = CASE WHEN $4::uuid IS NULL THEN kept_rows ELSE $2 END
        WHERE id = $1 AND status = 'RUNNING' AND NOT cancel_requested RETURNING true
        """,
        export_id, rows, percent, before and before.bytes,
    )  # fmt: skip
    return bool(found)


async def finish(
    connection: Any, export_id: int, status: str, *, rows: int = 0, error: str = ""
) -> None:
    """The export is at its end."""
    await connection.execute(
        "UPDATE export_job SET status = $2, error = $3, finished_at = now(), leased_until = NULL,"
        " rows = CASE WHEN $2 = 'READY' THEN $4 ELSE rows END,"
        " percent = CASE WHEN $2 = 'READY' THEN 100 ELSE percent END"
        " WHERE id = $1 AND status = 'RUNNING'",
        export_id, status, error, rows,
    )  # fmt: skip


async def hold(connection: Any, export_id: int) -> None:
    """Its worker lives."""
    await connection.execute(
        "UPDATE export_job SET leased_until = now() + $2 * interval '1 second'"
        " WHERE id = $1 AND status = 'RUNNING'",
        export_id, LEASE_SECONDS,
    )  # fmt: skip


async def release(connection: Any, export_id: int) -> None:
    """Its worker is gone: the next may take it at once."""
    await connection.execute(
        "UPDATE export_job SET leased_until = NULL WHERE id = $1 AND status = 'RUNNING'", export_id
    )


async def expire(connection: Any) -> None:
    """Say of exports whose file is gone that it is."""
    await connection.execute(
        "UPDATE export_job e SET status = 'EXPIRED' WHERE status = 'READY'"
        " AND finished_at < now() - interval '1 day'"
        " AND NOT EXISTS (SELECT FROM blob b WHERE b.id = e.blob_id)"
    )


async def names(connection: Any) -> tuple[dict[int, str], dict[int, str]]:
    """Names of all accounts and routes by id."""
    accounts = await connection.fetch("SELECT id, name FROM account")
    routes = await connection.fetch("SELECT id, name FROM route")
    return {row[0]: row[1] for row in accounts}, {row[0]: row[1] for row in routes}


async def zone(connection: Any) -> str:
    """The platform's zone if the operator set one."""
    value = await connection.fetchval("SELECT value FROM platform_setting WHERE name = 'timezone'")
    return str(value or "")


async def days_kept(connection: Any) -> int:
    """How long a finished file stays, unless the operator says otherwise a week."""
    found = await connection.fetchval(
        "SELECT (value #>> '{}')::int FROM platform_setting WHERE name = 'export_days'"
    )
    return int(found or DAYS_KEPT)
