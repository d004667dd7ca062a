"""Exports: ask for one, follow it, take it back; and the loop that has them made one by one."""

import asyncio
from typing import Any, Final

from cpaas.blobs import queries as blobs
from cpaas.blobs.types import Blob
from cpaas.db.trouble import is_passing
from cpaas.kit.errors import InputError
from cpaas.kit.log import get_logger
from cpaas.kit.worker import run_module
from cpaas.reports import export_queries as queries
from cpaas.reports.check import read_filter, read_summary
from cpaas.reports.export_types import Export
from cpaas.reports.statement import as_moment

_log = get_logger(__name__)
OPEN_MAX: Final = 5
EVERY_SECONDS: Final = 1.0
HOLD_SECONDS: Final = 15.0
CLEAR_EVERY: Final = 60
EXPIRED_MAX: Final = 20


class TooManyError(InputError):
    """The account has as many exports under way as it may."""


async def request(
    connection: Any, account_id: int, kind: str, form: str, filters: dict[str, str], *,
    actor: str, zone: str, now_us: int,
) -> Export:  # fmt: skip
    """Put an export into the queue, within the caller's transaction; account 0: the operator's.

    Errors: InputError, TooManyError.
    """
    if form not in {"csv", "xlsx"}:
        raise InputError(f"there is no format {form[:20]!r}", "use csv or xlsx", "format")
    now = as_moment(now_us)
    assert now is not None  # noqa: S101 - an int was given
    if kind == "messages":
        read_filter(filters, now, zone)
    elif kind == "summary":
        read_summary(filters, now, zone)
    else:
        raise InputError(f"there is no export of {kind[:20]!r}", "use messages or summary", "kind")
    if await queries.count_open(connection, account_id) >= OPEN_MAX:
        raise TooManyError(
            f"{OPEN_MAX} exports are under way", "wait for one of them, or cancel it"
        )
    return await queries.insert(connection, account_id, kind, form, filters, actor)


async def file_of(connection: Any, export: Export) -> Blob | None:
    """The file of a READY export, as long as it is kept."""
    if export.status != "READY":
        return None
    return await blobs.find(connection, export.account_id, export.blob_id)


async def run_exports(pool: Any, environ: dict[str, str]) -> None:
    """Make exports one after the other, for ever; other processes make others.

    environ: of the process that writes one: settings by which it finds the database.
    """
    turn = 0
    while True:
        try:
            export_id = await _next(pool, clear=turn % CLEAR_EVERY == 0)
            turn += 1
            if export_id is not None:
                await _make(pool, export_id, environ)
                continue
        except Exception as error:  # noqa: BLE001 - the next turn tries again
            if is_passing(error):
                _log.warning("exports_wait_for_the_database", error=repr(error))
            else:
                _log.exception("exports_failed")
        await asyncio.sleep(EVERY_SECONDS)


async def _next(pool: Any, *, clear: bool) -> int | None:
    async with pool.acquire() as connection:
        if clear:
            async with connection.transaction():
                await blobs.delete_expired(connection, EXPIRED_MAX)
                await queries.expire(connection)
        await queries.close_abandoned(connection)
        return await queries.claim(connection)


async def _make(pool: Any, export_id: int, environ: dict[str, str]) -> None:
    """Run the process that writes it; it ends with this one."""

    async def alive() -> None:
        async with pool.acquire() as connection:
            await queries.hold(connection, export_id)

    code, said = await run_module(
        "cpaas.reports.export_write", [str(export_id)], environ,
        every_seconds=HOLD_SECONDS, alive=alive,
    )  # fmt: skip
    if code:
        _log.warning("export_ended", export=export_id, code=code, said=said)
        async with pool.acquire() as connection:
            await queries.release(connection, export_id)
