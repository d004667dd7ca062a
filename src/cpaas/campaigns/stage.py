"""Reads a campaign's file into rows by COPY, or checks the rows that are there, chunk by chunk.

What the content means for each row (price, segments, refusals, blacklist) is found in the same
pass. A killed reader begins anew: rows of a file count only once it is read whole.
"""

import tempfile
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any, Final

from cpaas.blacklist import check as blacklist
from cpaas.blacklist import queries as blacklist_queries
from cpaas.blobs import queries as blobs
from cpaas.campaigns import queries, row_queries
from cpaas.campaigns.files import FileError, rows_of, too_large_to_read
from cpaas.campaigns.judge import Judge
from cpaas.campaigns.parse import ROWS_MAX, Parser
from cpaas.campaigns.tally import Estimate
from cpaas.campaigns.types import Campaign, Fault, Row
from cpaas.dlt import hours
from cpaas.dlt.check import PROMOTIONAL
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import Outgoing
from cpaas.pipeline.drafts import Author
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot

CHUNK_ROWS: Final = 5_000
#: what of a file lies in memory before it goes to disk.
SPOOLED_BYTES: Final = 4 * 2**20


class MovedError(Exception):
    """The campaign has another file by now, or another process reads it."""


async def read_file(
    pool: Any, campaign: Campaign, snapshot: Snapshot, now_us: int, *, rows_max: int = ROWS_MAX
) -> None:
    """Bring a campaign whose file is READING to READY or REFUSED. Errors: MovedError."""
    async with pool.acquire() as connection:
        await row_queries.delete_rows(connection, campaign.account_id, campaign.id)
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES, prefix="cpaas-campaign-") as file:
        try:
            await _fetch(pool, campaign, file)
            parser = Parser(rows_of(file), campaign.mapping, rows_max=rows_max)
            await _stage(pool, campaign, parser, snapshot, now_us)
        except FileError as error:
            await _refuse(pool, campaign, error.code, f"{error.what}; {error.todo}.")
        except MemoryError:
            large = too_large_to_read()
            await _refuse(pool, campaign, large.code, f"{large.what}; {large.todo}.")
        except InputError as error:
            await _refuse(pool, campaign, "validation_error", f"{error.what}; {error.todo}.")


async def check_rows(pool: Any, campaign: Campaign, snapshot: Snapshot, now_us: int) -> None:
    """Check every row of a campaign whose content changed since it was read."""
    check = _Check(pool, campaign, snapshot, now_us)
    async with pool.acquire() as connection:
        await row_queries.delete_faults(connection, campaign.account_id, campaign.id, "check")
    async for rows in _stored_rows(pool, campaign):
        async with pool.acquire() as connection, connection.transaction():
            faults = await check.look(connection, rows)
            await row_queries.copy_faults(connection, campaign.account_id, campaign.id, faults)
    async with pool.acquire() as connection:
        await queries.finish_check(connection, campaign, check.estimate.stored())


async def _fetch(pool: Any, campaign: Campaign, file: Any) -> None:
    async with pool.acquire() as connection:
        blob = await blobs.find(connection, campaign.account_id, campaign.blob_id)
    try:
        if blob is None:
            raise FileNotFoundError
        async for data in blobs.read(pool.acquire, blob):
            file.write(data)
    except FileNotFoundError:
        raise FileError("file_expired", "the file is no longer kept", "upload it again") from None
    file.seek(0)


async def _refuse(pool: Any, campaign: Campaign, code: str, detail: str) -> None:
    async with pool.acquire() as connection:
        await row_queries.delete_rows(connection, campaign.account_id, campaign.id)
        await queries.refuse_file(connection, campaign, code, detail)


async def _stage(
    pool: Any, campaign: Campaign, parser: Parser, snapshot: Snapshot, now_us: int
) -> None:
    layout = parser.layout
    async with pool.acquire() as connection:
        if not await queries.tell_columns(connection, campaign, layout.names, layout.number):
            raise MovedError
        found = await queries.find(connection, campaign.account_id, campaign.id)
    if found is None:
        raise MovedError
    check = _Check(pool, found, snapshot, now_us)
    good = bad = duplicate = last = 0
    source = iter(parser)
    while chunk := list(islice(source, CHUNK_ROWS)):
        rows = [one for one in chunk if isinstance(one, Row)]
        faults = [one for one in chunk if isinstance(one, Fault)]
        good += len(rows)
        duplicates = sum(one.code == "duplicate" for one in faults)
        duplicate, bad = duplicate + duplicates, bad + len(faults) - duplicates
        if rows:
            last = rows[-1].number
        async with pool.acquire() as connection, connection.transaction():
            faults += await check.look(connection, rows)
            await row_queries.copy_rows(connection, found.account_id, found.id, rows)
            await row_queries.copy_faults(connection, found.account_id, found.id, faults)
            if not await queries.tell_progress(
                connection, found, parser.total, good, bad, duplicate
            ):
                raise MovedError
    if not good:
        # Nothing could ever be sent; the faults stay, since they say why.
        async with pool.acquire() as connection:
            await queries.refuse_file(
                connection, found, "no_valid_rows",
                f"None of the {parser.total} rows can be sent to; see the faults of each.",
            )  # fmt: skip
        return
    estimate = check.estimate.stored() if check.applies else None
    async with pool.acquire() as connection:
        await queries.finish_reading(connection, found, last_row=last, estimate=estimate)


async def _stored_rows(pool: Any, campaign: Campaign) -> AsyncIterator[list[Row]]:
    since = 1
    while True:
        async with pool.acquire() as connection:
            rows = await row_queries.rows(
                connection, campaign.account_id, campaign.id, since=since, limit=CHUNK_ROWS
            )
        if not rows:
            return
        yield rows
        since = rows[-1].number + 1


class _Check:
    """What the content means for rows, chunk by chunk."""

    def __init__(self, pool: Any, campaign: Campaign, snapshot: Snapshot, now_us: int) -> None:
        self._snapshot = snapshot
        self._campaign = campaign
        self.estimate = Estimate(checked_us=now_us)
        self._judge: Judge | None = None
        self._refusal: RefusedError | None = None
        #: without any text yet there is nothing to check.
        self.applies = campaign.content.says_something
        if self.applies:
            author = author_of(campaign)
            content, names = campaign.content, campaign.names
            try:
                self._judge = Judge(snapshot, author, content, names, _goes_us(campaign, now_us))
            except RefusedError as error:
                self._refusal = error

    async def look(self, connection: Any, rows: list[Row]) -> list[Fault]:
        """Adds rows to the estimate; returns those that would be refused."""
        if not self.applies:
            return []
        faults: list[Fault] = []
        messages = list(self._messages(rows, faults))
        blocked = await self._blocked(connection, [message.to for message in messages])
        self.estimate.add(messages, blocked)
        return faults

    def _messages(self, rows: Iterable[Row], faults: list[Fault]) -> Iterable[Outgoing]:
        judge = self._judge
        for row in rows:
            try:
                if judge is None:
                    raise self._refusal or AssertionError("no judge and no refusal")
                yield judge.message(row)
            except RefusedError as error:
                self.estimate.refuse(error.code)
                # What concerns all rows is told once, by the estimate.
                if judge is not None:
                    faults.append(fault_of(row, error, "check"))

    async def _blocked(self, connection: Any, numbers: list[str]) -> set[str]:
        campaign = self._campaign
        accounts = [blacklist.EVERYBODY, campaign.account_id]
        found = blacklist.by_number(await blacklist_queries.look_up(connection, numbers, accounts))
        lane, settings = campaign.content.traffic_class, self._snapshot.settings
        return {
            number
            for number, stops in found.items()
            if blacklist.is_blocked(
                stops, campaign.account_id, campaign.content.channel, lane, settings
            )
        }


def _goes_us(campaign: Campaign, now_us: int) -> int:
    """When its rows would go: the hours in which they may not are waited for, and refuse none."""
    at_us = max(now_us, campaign.pace.send_at_us or 0)
    return hours.opens_us(at_us) if campaign.content.traffic_class == PROMOTIONAL else at_us


def author_of(campaign: Campaign) -> Author:
    """Who sends a campaign's messages."""
    return Author(campaign.account_id, "campaign", campaign.is_test, campaign.actor_id, campaign.id)


def fault_of(row: Row, error: RefusedError, stage: str) -> Fault:
    """A refusal as a row's fault."""
    return Fault(row.number, error.code, row.to, error.detail, stage)
