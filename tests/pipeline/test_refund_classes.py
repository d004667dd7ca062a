"""What each carrier's error gives back under either policy, as docs/reference/money.md says."""

from collections.abc import AsyncIterator
from time import time_ns

import pytest
from tests.pipeline.world import PRICE, World, account, data_plane_pool, snapshot

from cpaas.channels.errors import CATALOGUE
from cpaas.messages.statuses import FINAL
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.types import ReceiptState

#: the carrier had it and could not deliver it: the account's policy decides.
BY_POLICY = {"undeliverable", "expired_at_carrier", "marketing_capped"}


@pytest.fixture(params=[False, True], ids=["charged", "refunded"])
async def world(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        made = World(pool, time_ns() // 1000, snapshot([account(1, refund_failed=request.param)]))
        await made.open_account()
        yield made


def policy(world: World) -> bool:
    return world.snapshot.accounts[1].refund_failed


async def test_what_a_carrier_refuses(world: World) -> None:
    for code, error in CATALOGUE.items():
        if error.then == "unknown":
            continue
        # Its tries are used up, and no other route is left.
        sent = await world.message(tries=error.max_tries)
        before = await world.balance()
        async with world.pool.acquire() as connection, connection.transaction():
            await commit_answers(
                connection, world.context(), [world.answer(sent, None, error=code)]
            )
        row = await world.row(sent)
        assert row["status"] in FINAL, code
        back = code not in BY_POLICY or policy(world)
        assert row["refunded_micro"] == (PRICE if back else 0), code
        assert await world.balance() == before + row["refunded_micro"], code
    await world.money_adds_up()


@pytest.mark.parametrize("state", ["DELIVERED", "FAILED", "EXPIRED", "REJECTED"])
async def test_what_a_receipt_says(world: World, state: ReceiptState) -> None:
    sent = await world.message()
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_answers(connection, world.context(), [world.answer(sent, "id-1")])
    before = await world.balance()
    for _ in range(2):
        async with world.pool.acquire() as connection, connection.transaction():
            await commit_receipts(connection, world.context(), [world.receipt("id-1", state)])
    assert (await world.row(sent))["status"] == state
    back = PRICE if state != "DELIVERED" and policy(world) else 0
    assert await world.balance() == before + back
    await world.money_adds_up()
