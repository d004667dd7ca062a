"""What became of every row, in the file's order: a page for screens, a CSV as it is asked for.

Row and message meet by the batch that launched the row, so nothing was written for it row by row.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec

from cpaas.campaigns import launch_queries, row_queries
from cpaas.campaigns.launch_batch import id_of
from cpaas.campaigns.types import Campaign, Fault, Row
from cpaas.kit.money import show
from cpaas.reports.export_csv import csv_bytes
from cpaas.reports.statement import as_moment
from cpaas.webhooks.events import uuid_text

PAGE_ROWS: Final = 2_000
FAILED: Final = frozenset({"FAILED", "REJECTED", "EXPIRED"})
#: reasons of rows that are not sent to and have not failed either.
_NO_FAILURES: Final = frozenset({"duplicate", "cancelled"})
_CANCELLED_TEXT: Final = "Its campaign was cancelled before this row was sent."
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}".encode()
_HEADING: Final = (
    "Row", "Number", "Status", "Error Code", "Error", "Message ID", "Segments", "Cost", "Sent At",
    "Delivered At",
)  # fmt: skip
Connect = Callable[[], AbstractAsyncContextManager[Any]]


class Result(msgspec.Struct, frozen=True):
    """One row of the file. status: NOT_SENT for a fault, PENDING before it is launched.

    Before the start, NOT_SENT is also what the check found that would be refused; of a cancelled
    campaign what was never launched.
    """

    row: int
    number: str
    status: str
    error_code: str = ""
    error: str = ""
    message_id: bytes | None = None
    segments: int = 0
    price_micro: int = 0
    submitted_us: int | None = None
    delivered_us: int | None = None
    cells: list[str] = []


class Batches:
    """Finds the message of a row."""

    def __init__(self, found: Sequence[tuple[int, str, int, int, bytes]]) -> None:
        self._by: dict[tuple[int, str], tuple[list[int], list[tuple[int, bytes]]]] = {}
        for round_, zone, first, last, first_id in sorted(found, key=lambda one: one[3]):
            ends, batches = self._by.setdefault((round_, zone), ([], []))
            ends.append(last)
            batches.append((first, first_id[:12]))

    def message_of(self, row: Row) -> bytes | None:
        """The id that the row's message has if it was launched; None before."""
        for zone in ("", row.zone):
            found = self._by.get((row.round, zone))
            if found is None:
                continue
            at = bisect_left(found[0], row.number)
            if at < len(found[0]) and found[1][at][0] <= row.number:
                return id_of(found[1][at][1], row.number)
        return None


async def page(
    connection: Any, campaign: Campaign, batches: Batches, *, since: int, limit: int
) -> list[Result]:
    """Rows and faults from a row's number on, in order."""
    account_id, campaign_id = campaign.account_id, campaign.id
    rows = await row_queries.rows(connection, account_id, campaign_id, since=since, limit=limit)
    faults = [
        fault
        for _, fault in await row_queries.faults(
            connection, account_id, campaign_id, after=(since - 1, 2**63 - 1), limit=limit
        )
    ]
    if len(rows) == limit:
        faults = [one for one in faults if one.row <= rows[-1].number]
    if len(faults) == limit:
        rows = [one for one in rows if one.number <= faults[-1].row]
    ids = {row.number: one for row in rows if (one := batches.message_of(row)) is not None}
    found = await launch_queries.messages(connection, account_id, list(ids.values()))
    told = {fault.row: fault for fault in faults}
    results = [_result(campaign, row, ids.get(row.number), found, told) for row in rows]
    known = {row.number for row in rows}
    results += [_fault(one) for one in told.values() if one.row not in known]
    results.sort(key=lambda one: one.row)
    return results[:limit]


def _result(
    campaign: Campaign, row: Row, message_id: bytes | None, found: dict[bytes, Any],
    told: dict[int, Fault],
) -> Result:  # fmt: skip
    fault = told.get(row.number)
    message = None if message_id is None else found.get(message_id)
    if message is None:
        if fault is not None:
            return Result(row.number, row.to, "NOT_SENT", fault.code, fault.detail, cells=row.cells)
        if campaign.status == "CANCELLED":
            return Result(
                row.number, row.to, "NOT_SENT", "cancelled", _CANCELLED_TEXT, cells=row.cells
            )
        return Result(row.number, row.to, "PENDING", cells=row.cells)
    return Result(
        row.number, row.to, message["status"], message["error_code"], message["error"],
        message_id, message["segments"], message["price"], message["submitted_at"],
        message["delivered_at"], row.cells,
    )  # fmt: skip


def _fault(one: Fault) -> Result:
    return Result(one.row, one.value, "NOT_SENT", one.code, one.detail, cells=one.cells)


async def all_pages(connect: Connect, campaign: Campaign) -> AsyncIterator[list[Result]]:
    """Every row, page by page; no connection is held in between."""
    async with connect() as connection:
        batches = Batches(
            await launch_queries.batches(connection, campaign.account_id, campaign.id)
        )
    since = 1
    while True:
        async with connect() as connection:
            found = await page(connection, campaign, batches, since=since, limit=PAGE_ROWS)
        if not found:
            return
        yield found
        since = found[-1].row + 1


async def csv_of(connect: Connect, campaign: Campaign, which: str) -> AsyncIterator[bytes]:
    """The rows as CSV. which: all, failed (bad rows, too, but no duplicates), or not_sent."""
    yield heading(campaign)
    async for found in all_pages(connect, campaign):
        yield lines(found, campaign, which)


def heading(campaign: Campaign) -> bytes:
    """The first line of the CSV."""
    return _BOM + csv_bytes([[*_HEADING, *campaign.names]])


def lines(found: Sequence[Result], campaign: Campaign, which: str) -> bytes:
    """Rows of a page as lines of the CSV."""
    width = len(campaign.names)
    return csv_bytes([_cells(one, width) for one in found if _wanted(one, which)])


def _wanted(one: Result, which: str) -> bool:
    if which == "not_sent":
        return one.status == "NOT_SENT"
    if which == "all":
        return True
    # As `failed` counts them.
    bad = one.status == "NOT_SENT" and one.error_code not in _NO_FAILURES
    return bad or one.status in FAILED


def _cells(one: Result, width: int) -> list[Any]:
    message = "" if one.message_id is None else uuid_text(one.message_id)
    cells = (one.cells + [""] * width)[:width]
    return [
        one.row, one.number, one.status, one.error_code, one.error, message, one.segments or "",
        show(one.price_micro) if one.message_id else "",
        as_moment(one.submitted_us), as_moment(one.delivered_us), *cells,
    ]  # fmt: skip
