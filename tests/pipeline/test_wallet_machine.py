"""A wallet's life as a state machine: messages come, end and are refunded between bookings by hand.

Whatever the order: the balance is what the model says, the ledger sums to it, nothing passes the
credit limit, and no message gives back more than it cost or gives back twice.
"""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.pipeline.accepting import PRICE, Desk, desk

from cpaas.billing import wallet
from cpaas.kit.errors import InputError
from cpaas.messages.statuses import FINAL, Status, may_follow
from cpaas.messages.types import Finish
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context, finish

T = TypeVar("T")
NAMES = itertools.count(1)
AMOUNTS = st.integers(1, 8).map(lambda n: n * PRICE // 2)
#: what a message may be asked to become, and whether its price then comes back.
ENDS: tuple[tuple[Status, str], ...] = (
    ("CANCELLED", "always"), ("REJECTED", "always"), ("EXPIRED", "always"), ("SENDING", "never"),
    ("FAILED", "policy"), ("DELIVERED", "never"), ("SUBMITTED", "never"), ("EXPIRED", "never"),
)  # fmt: skip


class Machine(RuleBasedStateMachine):
    """One account on a desk that all examples share; `messages` is id -> (status, given back)."""

    runner: asyncio.Runner
    world: Desk

    def __init__(self) -> None:
        super().__init__()
        self.account = self.run(self.world.account(f"m{next(NAMES)}", balance=4 * PRICE))
        self.balance, self.limit, self.policy = 4 * PRICE, 0, False
        self.messages: dict[bytes, tuple[Status, bool]] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @rule(amount=AMOUNTS)
    def credit(self, amount: int) -> None:
        self.balance += amount
        assert self.run(
            wallet.credit(self.world.pool, self.account, amount, actor="t")
        ) == self.balance  # fmt: skip

    @rule(amount=AMOUNTS)
    def take(self, amount: int) -> None:
        work = wallet.adjust(self.world.pool, self.account, -amount, actor="t", note="x")
        if self.balance - amount >= -self.limit:
            self.balance -= amount
            assert self.run(work) == self.balance
        else:
            with pytest.raises(InputError):
                self.run(work)

    @rule(limit=AMOUNTS)
    def allow(self, limit: int) -> None:
        # Only raised: a limit below what is spent already is another matter.
        self.limit = max(self.limit, limit)
        self.run(wallet.set_credit_limit(self.world.pool, self.account, self.limit))

    @rule(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def accept(self, sizes: list[int]) -> None:
        """Some requests at once, in order, each whole or not at all."""
        wanted = [
            self.world.message(self.account, [f"+91987650{n:04d}" for n in range(size)])
            for size in sizes
        ]

        async def put() -> list[Any]:
            accepting = [self.world.acceptor.accept(one) for one in wanted]
            return await asyncio.gather(*accepting)

        for one, outcome in zip(wanted, self.run(put()), strict=True):
            cost = len(one.messages) * PRICE
            if self.balance - cost >= -self.limit:
                assert outcome is None
                self.balance -= cost
                self.messages |= {m.id: ("QUEUED", False) for m in one.messages}
            else:
                assert isinstance(outcome, RefusedError)
                assert outcome.code == "insufficient_balance"

    @precondition(lambda self: self.messages)
    @rule(data=st.data(), end=st.sampled_from(ENDS), twice=st.booleans())
    def end(self, data: st.DataObject, end: tuple[Status, Any], twice: bool) -> None:
        message = data.draw(st.sampled_from(sorted(self.messages)))
        (before, given), (after, refund) = self.messages[message], end
        wanted = Finish(message, after, 1_790_000_000_000_000, refund=refund)
        context = Context(self.world.holder.current, 7, wanted.at_us)

        async def apply() -> int:
            async with self.world.pool.acquire() as connection, connection.transaction():
                return len(await finish(connection, context, [wanted] * (2 if twice else 1)))

        applied = self.run(apply())
        assert applied == int(may_follow(before, after)), (before, after)
        if applied:
            back = refund == "always"
            assert not (back and given)
            self.balance += PRICE * back
            self.messages[message] = (after, back)

    @invariant()
    def the_books_agree(self) -> None:
        assert self.run(self.world.balance(self.account)) == self.balance
        assert self.balance >= -self.limit

    @invariant()
    def what_came_back_is_noted(self) -> None:
        rows = self.run(
            self.world.pool.fetch(
                "SELECT id, status, refunded_micro FROM message WHERE account_id = $1",
                self.account,
            )
        )
        found = {row[0]: (row[1], row[2] == PRICE) for row in rows}
        assert found == self.messages
        assert all(not given or status in FINAL for status, given in found.values())


@pytest.mark.slow
def test_no_order_of_things_breaks_the_books(module_dsn: str) -> None:
    with asyncio.Runner() as runner:
        manager = desk(module_dsn)
        Machine.runner, Machine.world = runner, runner.run(manager.__aenter__())
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=40, stateful_step_count=20, deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )  # fmt: skip
        finally:
            runner.run(manager.__aexit__(None, None, None))
