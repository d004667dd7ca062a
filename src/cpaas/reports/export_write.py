"""Writes one export, in a process of its own: a million rows must not slow the API down.

`python -m cpaas.reports.export_write ID` works on a claimed export until it is at its end. Each
megabyte of CSV and the place behind it commit together, so a killed export goes on there; an XLSX,
which is one compressed whole, begins anew.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cpaas import config
from cpaas.blobs import queries as blobs
from cpaas.blobs.types import CHUNK_BYTES
from cpaas.config import Settings
from cpaas.db.pool import create_pool
from cpaas.db.trouble import is_passing
from cpaas.kit import log
from cpaas.kit.errors import InputError
from cpaas.reports import export_queries as queries
from cpaas.reports.export_csv import csv_bytes
from cpaas.reports.export_rows import MessageRows, Names, SummaryRows
from cpaas.reports.export_sheets import Sheets
from cpaas.reports.export_types import Job

#: what a restart of the database ends; the export is taken up again.
INTERRUPTED: Final = 75
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
_MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Source = MessageRows | SummaryRows


class _CancelledError(Exception):
    """Its owner took it back, or another process works on it."""


async def write(pool: Any, export_id: int, zone: str) -> None:
    """Bring a claimed export to its end; what cannot be made says why."""
    async with pool.acquire() as connection:
        job = await queries.job(connection, export_id)
        if job is None:
            return
        names = Names(*await queries.names(connection))
    try:
        kind = MessageRows if job.kind == "messages" else SummaryRows
        source: Source = kind(job, zone, names)
        writer = _write_csv if job.format == "csv" else _write_xlsx
        await writer(pool, job, source)
    except _CancelledError:
        await _drop(pool, job)
        return
    except InputError as error:
        async with pool.acquire() as connection:
            await queries.finish(connection, job.id, "FAILED", error=f"{error.what}: {error.todo}.")


async def _complete(connection: Any, job: Job, blob_id: int, rows: int) -> None:
    """In the transaction that writes the last bytes, so that none are written twice."""
    days = await queries.days_kept(connection)
    await blobs.complete(connection, job.account_id, blob_id, days * 24 * 3600)
    await queries.finish(connection, job.id, "READY", rows=rows)


async def _drop(pool: Any, job: Job) -> None:
    async with pool.acquire() as connection, connection.transaction():
        found = await queries.job(connection, job.id)
        if found is not None and found.blob_id:
            await blobs.delete(connection, job.account_id, found.blob_id)
        await queries.finish(connection, job.id, "CANCELLED")


def _name(job: Job) -> str:
    return f"{job.kind}-{job.created_at:%Y%m%d-%H%M%S}-{job.id}.{job.format}"


async def _new_blob(pool: Any, job: Job) -> int:
    async with pool.acquire() as connection, connection.transaction():
        if job.blob_id:
            await blobs.delete(connection, job.account_id, job.blob_id)
        made = await blobs.create(connection, job.account_id, _name(job), _MEDIA[job.format])
        await queries.use_blob(connection, job.id, made)
    return made


async def _write_csv(pool: Any, job: Job, source: Source) -> None:
    going_on = job.blob_id and job.before_id is not None
    blob_id = job.blob_id if going_on else await _new_blob(pool, job)
    rows = job.kept_rows if going_on else 0
    waiting = b"" if going_on else _BOM + csv_bytes([source.heading])
    async for batch in source.batches(pool.acquire, job.before_id if going_on else None):
        waiting += csv_bytes(batch.rows)
        rows += len(batch.rows)
        last = batch.before is None
        full = last or len(waiting) >= CHUNK_BYTES
        async with pool.acquire() as connection, connection.transaction():
            await _note(connection, job, rows, batch.percent, batch.before if full else None)
            if full:
                await blobs.append(connection, job.account_id, blob_id, waiting)
                waiting = b""
            if last:
                await _complete(connection, job, blob_id, rows)


async def _write_xlsx(pool: Any, job: Job, source: Source) -> None:
    sheets, rows = Sheets(source.title, source.heading), 0
    async for batch in source.batches(pool.acquire, None):
        sheets.append(batch.rows)
        rows += len(batch.rows)
        async with pool.acquire() as connection:
            await _note(connection, job, rows, min(batch.percent, 99), None)
    blob_id = await _new_blob(pool, job)
    with tempfile.TemporaryDirectory(prefix="cpaas-export-") as folder:
        path = Path(folder) / _name(job)
        sheets.save(path)
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                async with pool.acquire() as connection, connection.transaction():
                    await _note(connection, job, rows, 99, None)
                    await blobs.append(connection, job.account_id, blob_id, data)
    async with pool.acquire() as connection, connection.transaction():
        await _complete(connection, job, blob_id, rows)


async def _note(connection: Any, job: Job, rows: int, percent: int, before: Any) -> None:
    if not await queries.progress(connection, job.id, rows=rows, percent=percent, before=before):
        raise _CancelledError


async def _zone(connection: Any, settings: Settings) -> str:
    return await queries.zone(connection) or settings.timezone


async def _main(settings: Settings, export_id: int) -> int:
    pool = await create_pool(
        settings.dsn(), min_size=1, max_size=2, application_name="cpaas export", data_plane=True
    )
    try:
        async with pool.acquire() as connection:
            zone = await _zone(connection, settings)
        await write(pool, export_id, zone)
    except Exception as error:  # noqa: BLE001 - the export says that it failed
        if is_passing(error):
            return INTERRUPTED
        log.get_logger("export").exception("export_failed", export=export_id)
        async with pool.acquire() as connection:
            text = "It could not be made; the reason is in the log of cpaas-core."
            await queries.finish(connection, export_id, "FAILED", error=text)
        return 1
    finally:
        pool.terminate()
    return 0


def main(arguments: list[str], run: Callable[[Any], int] = asyncio.run) -> int:
    """Entry of the process."""
    settings = config.load(os.environ)
    log.configure(settings.log_level, "export")
    os.nice(10)
    return run(_main(settings, int(arguments[0])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
