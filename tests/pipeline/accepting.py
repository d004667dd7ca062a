"""A database with accounts to accept messages for, and acceptors on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cpaas.db.pool import create_pool
from cpaas.pipeline.accept import Acceptor
from cpaas.pipeline.check import address, prepare, submission
from cpaas.pipeline.drafts import Author, Draft, Idempotency, Outcome, Submission
from cpaas.snapshot.holder import SnapshotHolder

PRICE = 120_000
NUMBER = "+919876543210"
ANSWER = b'{"id":"x"}'


class Desk:
    """Everything an acceptance needs, on a real database."""

    def __init__(self, pool: Any, holder: SnapshotHolder, acceptor: Acceptor) -> None:
        self.pool = pool
        self.holder = holder
        self.acceptor = acceptor

    async def account(self, name: str = "acme", balance: int = 1_000_000_000) -> int:
        """An account with a sender, a price and money."""
        one = int(
            await self.pool.fetchval("INSERT INTO account (name) VALUES ($1) RETURNING id", name)
        )
        await self.pool.execute(
            "INSERT INTO wallet (account_id, balance_micro) VALUES ($1, $2)", one, balance
        )
        await self.pool.execute(
            "INSERT INTO ledger_entry (account_id, kind, amount_micro) VALUES ($1, 'CREDIT', $2)",
            one, balance,
        )  # fmt: skip
        await self.pool.execute(
            "INSERT INTO sender (account_id, channel, value, status)"
            " VALUES ($1, 'sms', 'MYBRAND', 'APPROVED')",
            one,
        )
        await self.pool.execute(
            "INSERT INTO price (account_id, channel, amount_micro) VALUES ($1, 'sms', $2)",
            one, PRICE,
        )  # fmt: skip
        await self.known(one)
        return one

    async def known(self, account_id: int) -> None:
        """Wait until the snapshot has the account with its price."""
        async with asyncio.timeout(60):
            while (account_id, "sms", "") not in self.holder.current.prices:
                await asyncio.sleep(0.005)

    def message(
        self,
        account_id: int,
        to: str | list[str] = NUMBER,
        *,
        text: str = "hello",
        key: str = "",
        body_hash: bytes = b"h",
        is_test: bool = False,
        **draft: Any,
    ) -> Submission:
        """A submission that passed all checks."""
        author = Author(account_id, "api", is_test, 5)
        prepared = prepare(
            self.holder.current, author, Draft("sms", text, **draft), self.acceptor._clock_us()
        )
        numbers = [to] if isinstance(to, str) else to
        idempotency = Idempotency(key, body_hash, 202, ANSWER) if key else None
        return submission(
            prepared, [address(prepared, one) for one in numbers], idempotency=idempotency
        )

    async def send(self, account_id: int, to: str | list[str] = NUMBER, **more: Any) -> Outcome:
        """Accept one submission."""
        return await self.acceptor.accept(self.message(account_id, to, **more))

    async def balance(self, account_id: int) -> int:
        """The wallet, which must be the ledger's sum at every moment."""
        row = await self.pool.fetchrow(
            "SELECT balance_micro, (SELECT sum(amount_micro)::bigint FROM ledger_entry"
            " WHERE account_id = $1) FROM wallet WHERE account_id = $1",
            account_id,
        )
        assert row[0] == row[1], "the ledger does not sum to the balance"
        return int(row[0])


@asynccontextmanager
async def desk(dsn: str, *, through: str = "", resolve_seconds: float = 5) -> AsyncIterator[Desk]:
    """A running desk; `through` is the acceptor's own way to the database."""
    holder = SnapshotHolder(dsn)
    await holder.start()
    pool = await create_pool(dsn, min_size=1, max_size=5, application_name="tests", data_plane=True)
    own = await create_pool(
        through or dsn, min_size=1, max_size=3, application_name="accept", data_plane=True
    )
    acceptor = Acceptor(own, holder, 7, resolve_seconds=resolve_seconds)
    running = asyncio.create_task(acceptor.run())
    try:
        yield Desk(pool, holder, acceptor)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await holder.stop()
        await pool.close()
        own.terminate()
