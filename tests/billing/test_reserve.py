"""Reservations as a state machine: whatever happens, in whatever order and however often.

The ledger sums to the balance, nothing passes the credit limit, and no message gives back more
than it set aside.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from tests.pipeline.accepting import PRICE, desk

from cpaas.billing import reserve, wallet
from cpaas.billing.refund_queries import RefundEntry, refund
from cpaas.kit.errors import InputError

T = TypeVar("T")
LIMIT = 30
MESSAGES = st.sampled_from([UUID(int=n) for n in range(1, 6)])
AMOUNT = st.integers(1, 60)


class Machine(RuleBasedStateMachine):
    """A wallet and what is done with it; `model` is what each message still holds."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.connection = self.run(asyncpg.connect(self.dsn))
        self.account = self.run(self.connection.fetchval(
            "INSERT INTO account (name) VALUES (gen_random_uuid()) RETURNING id"))  # fmt: skip
        self.run(self.connection.execute(
            "INSERT INTO wallet (account_id, credit_limit_micro) VALUES ($1, $2)",
            self.account, LIMIT))  # fmt: skip
        self.offset = self.account << 32
        self.balance = 0
        self.held: dict[UUID, int] = {}
        self.settled: set[UUID] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def own(self, message: UUID) -> UUID:
        return UUID(int=self.offset + message.int)

    def within(self, work: Coroutine[Any, Any, T]) -> T:
        async def run() -> T:
            async with self.connection.transaction():
                return await work

        return self.run(run())

    @rule(amount=AMOUNT)
    def credit(self, amount: int) -> None:
        self.run(wallet.credit(self.connection, self.account, amount, actor="t"))
        self.balance += amount

    @rule(amount=AMOUNT)
    def debit(self, amount: int) -> None:
        work = wallet.debit(self.connection, self.account, amount, actor="t", note="n")
        if self.balance - amount >= -LIMIT:
            self.run(work)
            self.balance -= amount
        else:
            with pytest.raises(InputError):
                self.run(work)

    @rule(message=MESSAGES, amount=AMOUNT)
    def reserve(self, message: UUID, amount: int) -> None:
        work = reserve.reserve(self.connection, self.account, self.own(message), amount, actor="t")
        made = self.within(work)
        if message in self.held:
            assert made.ok
        elif self.balance - amount >= -LIMIT:
            assert made.ok
            self.held[message] = amount
            self.balance -= amount
        else:
            assert not made.ok

    @rule(message=MESSAGES, used=st.integers(0, 80))
    def capture(self, message: UUID, used: int) -> None:
        back = self.within(
            reserve.capture(self.connection, self.account, self.own(message), used, actor="t")
        )
        self.expect_back(message, back, max(0, self.held.get(message, 0) - used))

    @rule(message=MESSAGES)
    def release(self, message: UUID) -> None:
        back = self.within(
            reserve.release(self.connection, self.account, self.own(message), note="n", actor="t")
        )
        self.expect_back(message, back, self.held.get(message, 0))

    @rule(message=MESSAGES)
    def refund(self, message: UUID) -> None:
        """The refund of a failed message, as settle books it; asked only before a capture."""
        held = self.held.get(message, 0)
        if not held or (message in self.settled and message not in self.refunded()):
            return
        entry = RefundEntry(str(self.own(message)), 1, self.account, held, "n", "t")  # type: ignore[arg-type]
        booked = self.within(refund(self.connection, [entry]))
        self.expect_back(message, held if booked else 0, held)

    def refunded(self) -> set[UUID]:
        rows = self.run(self.connection.fetch(
            "SELECT message_id FROM ledger_entry WHERE kind = 'REFUND' AND account_id = $1",
            self.account))  # fmt: skip
        return {UUID(int=row[0].int - self.offset) for row in rows}

    def expect_back(self, message: UUID, back: int, wanted: int) -> None:
        assert back == (0 if message in self.settled or message not in self.held else wanted)
        if message in self.held:
            self.settled.add(message)
        self.balance += back

    @invariant()
    def money_adds_up(self) -> None:
        row = self.run(self.connection.fetchrow(
            "SELECT balance_micro, (SELECT coalesce(sum(amount_micro), 0)::bigint"
            " FROM ledger_entry WHERE account_id = $1) FROM wallet WHERE account_id = $1",
            self.account))  # fmt: skip
        assert row[0] == row[1] == self.balance >= -LIMIT

    @invariant()
    def no_message_gives_back_more_than_it_took(self) -> None:
        taken = self.run(self.connection.fetch(
            "SELECT sum(amount_micro) FROM ledger_entry WHERE account_id = $1"
            " AND message_id IS NOT NULL GROUP BY message_id", self.account))  # fmt: skip
        assert all(row[0] <= 0 for row in taken)

    def teardown(self) -> None:
        self.run(self.connection.close())
        self.runner.close()


@pytest.mark.slow
def test_reservations_hold_whatever_happens(dsn: str) -> None:
    Machine.dsn = dsn
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


async def test_a_reservation_tells_a_low_balance_once(pool: asyncpg.Pool) -> None:
    one = await pool.fetchval("INSERT INTO account (name) VALUES ('a') RETURNING id")
    await pool.execute("INSERT INTO wallet (account_id, low_balance_micro) VALUES ($1, 50)", one)
    await wallet.credit(pool, one, 100, actor="t")
    async with pool.acquire() as connection, connection.transaction():
        lows = [
            (await reserve.reserve(connection, one, UUID(int=n), 30, actor="t")).low
            for n in range(1, 4)
        ]
    assert lows == [None, (40, 50), None]


async def test_an_accepted_call_is_reserved_and_settled(dsn: str) -> None:
    async with desk(dsn) as world:
        account = await world.account()
        before = await world.balance(account)
        sent = world.message(account)
        sent.channel = "voice"
        assert await world.acceptor.accept(sent) is None
        message = sent.messages[0].id
        assert await world.balance(account) == before - PRICE
        async with world.pool.acquire() as connection, connection.transaction():
            assert await reserve.capture(connection, account, message, 1000, actor="t") == (
                PRICE - 1000
            )
            assert await reserve.capture(connection, account, message, 5, actor="t") == 0
        rows = await world.pool.fetch("SELECT kind FROM ledger_entry ORDER BY id")
        assert [row[0] for row in rows] == ["CREDIT", "RESERVE", "CAPTURE"]
        assert await world.balance(account) == before - 1000
        assert await world.pool.fetchval("SELECT price_micro FROM message") == 1000
