"""Statements by the month: what stood at its start, every kind of movement, what stands at its end.

A month that is over is closed once and kept, so that the next one opens with its closing balance
and nobody adds up years; the open month is added up as of one moment of the database.
"""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from cpaas.billing import check, ledger_days
from cpaas.billing import statement_queries as queries
from cpaas.billing.types import Line, Statement
from cpaas.kit.errors import InputError

_SECOND_US: Final = 1_000_000
_lines: Final = msgspec.json.Decoder(list[Line])


async def statement(
    connection: Any, account_id: int, month: str, *, timezone: str, now_us: int
) -> Statement:
    """An account's month such as 2026-11 in the platform's time zone.

    Call it outside of a transaction. Errors: InputError for a month that has not begun.
    """
    year, number = check.month(month)
    zone = ZoneInfo(timezone)
    wanted = f"{year:04d}-{number:02d}"
    if _start_us(year, number, zone) > now_us:
        raise InputError(f"{wanted} has not begun", "ask for a month up to this one", "month")
    over = {wanted: await queries.is_over(connection, _end_us(year, number, zone))}
    kept: list[Statement] = []
    async with connection.transaction(isolation="repeatable_read"):
        row = await queries.last_closed(connection, account_id, wanted)
        if row is not None and row[0] == wanted:
            return _closed(row)
        made = None if row is None else _closed(row)
        year, number = await _first(connection, account_id, made, zone, (year, number))
        while True:
            made = await _month(connection, account_id, (year, number), made, zone, now_us)
            if made.month == wanted:
                break
            kept.append(msgspec.structs.replace(made, closed=True))
            year, number = _next(year, number)
    # A month before one that is over is over, too; else only what ended well before now is kept.
    for one in kept:
        if over[wanted] or await queries.is_over(connection, one.until_us):
            await _keep(connection, account_id, one)
        else:
            break
    else:
        if over[wanted]:
            made = msgspec.structs.replace(made, closed=True)
            await _keep(connection, account_id, made)
    return made


async def _first(
    connection: Any,
    account_id: int,
    closed: Statement | None,
    zone: ZoneInfo,
    wanted: tuple[int, int],
) -> tuple[int, int]:
    """The first month that has to be added up."""
    if closed is not None:
        return _next(*check.month(closed.month))
    first_us = await queries.first_entry_us(connection, account_id)
    if first_us is None:
        return wanted
    moment = datetime.fromtimestamp(first_us // _SECOND_US, zone)
    return min((moment.year, moment.month), wanted)


async def _month(
    connection: Any,
    account_id: int,
    month: tuple[int, int],
    before: Statement | None,
    zone: ZoneInfo,
    now_us: int,
) -> Statement:
    # A changed time zone moves no entry into two months: each begins where the last one ended.
    from_us = _start_us(*month, zone) if before is None else before.until_us
    until_us = _end_us(*month, zone)
    lines = await ledger_days.sums(
        connection, account_id, from_us=from_us, until_us=until_us, zone=zone
    )
    opening = 0 if before is None else before.closing_micro
    closing = opening + sum(line.amount_micro for line in lines)
    name = f"{month[0]:04d}-{month[1]:02d}"
    return Statement(name, from_us, min(until_us, max(now_us, from_us)) if until_us > now_us
                     else until_us, opening, lines, closing, closed=False)  # fmt: skip


def _closed(row: Any) -> Statement:
    month, from_us, until_us, opening, lines, closing = row
    return Statement(month, from_us, until_us, opening, _lines.decode(lines), closing, closed=True)


async def _keep(connection: Any, account_id: int, made: Statement) -> None:
    await queries.keep(connection, account_id, made, msgspec.json.encode(made.lines).decode())


def _start_us(year: int, month: int, zone: ZoneInfo) -> int:
    start = datetime(year, month, 1, tzinfo=zone).astimezone(UTC)
    return int(start.timestamp()) * _SECOND_US


def _end_us(year: int, month: int, zone: ZoneInfo) -> int:
    return _start_us(*_next(year, month), zone)


def _next(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)
