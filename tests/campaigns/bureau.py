"""A database with an account that has campaigns, and what reads their files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.pipeline.accepting import Desk, desk

from cpaas.blobs import queries as blobs
from cpaas.campaigns import queries, stage_process
from cpaas.campaigns.types import Campaign, Content, Mapping, Pace
from cpaas.pipeline.drafts import Author

TEXT = "Hello {{name}}"


class Bureau:
    """Makes campaigns for one account."""

    def __init__(self, desk: Desk, account_id: int) -> None:
        self.desk = desk
        self.pool = desk.pool
        self.account_id = account_id

    async def make(
        self, text: str = TEXT, *, mapping: Mapping | None = None, pace: Pace | None = None,
        is_test: bool = False, **content: Any,
    ) -> Campaign:  # fmt: skip
        """A campaign without a file."""
        author = Author(self.account_id, "api", is_test, 5)
        return await queries.insert(
            self.pool, author, "Spring", Content("sms", text, **content), pace or Pace(),
            mapping or Mapping(), actor="key:5",
        )  # fmt: skip

    async def give(self, campaign: Campaign, content: bytes, *, name: str = "rows.csv") -> None:
        """Its file."""
        blob = await blobs.create(self.pool, self.account_id, name, "text/csv")
        for at in range(0, len(content), 2**20):
            await blobs.append(self.pool, self.account_id, blob, content[at : at + 2**20])
        await blobs.complete(self.pool, self.account_id, blob, 3600)
        await queries.take_file(self.pool, self.account_id, campaign.id, blob_id=blob, name=name)

    async def read(self, *, rows_max: int = 1_000_000) -> None:
        """Have all files that wait read, in this process."""
        while (found := await queries.claim_reading(self.pool)) is not None:
            await stage_process.work(self.pool, self.desk.holder, *found, rows_max)

    async def ready(self, content: bytes, text: str = TEXT, **more: Any) -> Campaign:
        """A campaign whose file is read."""
        made = await self.make(text, **more)
        await self.give(made, content)
        await self.read()
        return await self.find(made)

    async def find(self, campaign: Campaign) -> Campaign:
        """It as it is now."""
        found = await queries.find(self.pool, self.account_id, campaign.id)
        assert found is not None
        return found


@asynccontextmanager
async def bureau(dsn: str, **more: Any) -> AsyncIterator[Bureau]:
    """A bureau with a rich account."""
    async with desk(dsn, **more) as made:
        yield Bureau(made, await made.account())


def table(rows: int, *, first: int = 9_800_000_000) -> bytes:
    """A CSV of so many good rows."""
    lines = ["phone,name"]
    lines += [f"+91{first + n},Person {n}" for n in range(rows)]
    return "\n".join(lines).encode()
