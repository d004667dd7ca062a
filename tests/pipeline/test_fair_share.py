"""Fifty accounts, one of which floods: what the route step hands to a slow route, by counts."""

from collections import Counter

import msgspec
import pytest
from tests.pipeline.test_route import SUBMIT, Step, configured, rule, step
from tests.pipeline.world import INSTANCE, account, route

from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import pack, unpack

ACCOUNTS = 50
EACH = 6


@pytest.mark.parametrize("flood", [1, 500])
async def test_a_flood_leaves_the_others_their_share(step: Step, flood: int) -> None:
    """flood: messages in each of the flooding account's items (single ones, or whole lists)."""
    slow = msgspec.structs.replace(route(1), tps=20)
    accounts = [account(n) for n in range(1, ACCOUNTS + 1)]
    step.world.snapshot = configured(rule(5, 1), routes=[slow], accounts=accounts)
    like = await step.world.message("QUEUED", plan=[])

    def envelope(account_id: int, count: int) -> bytes:
        one = like.messages[0]
        some = [msgspec.structs.replace(one, id=new_id().bytes) for _ in range(count)]
        return pack(msgspec.structs.replace(like, account_id=account_id, messages=some))

    rows = [(1, flood, envelope(1, flood)) for _ in range(1500 // flood)]
    rows += [(n, 1, envelope(n, 1)) for n in range(2, ACCOUNTS + 1) for _ in range(EACH)]
    await step.world.pool.executemany(
        "INSERT INTO queue_item (queue, lane, account_id, messages, payload)"
        f" VALUES ('{SUBMIT}', 1, $1, $2, $3)",
        rows,
    )
    gateway = EmbeddedConsumer(step.world.pool, "submit_smpp1", INSTANCE)
    passed: Counter[int] = Counter()
    while sum(passed.values()) - passed[1] < (ACCOUNTS - 1) * EACH:
        await step.router.turn()
        # The carrier takes what a slow route takes in a while.
        for item in await gateway.take(10):
            async with step.world.pool.acquire() as connection:
                await gateway.complete(connection, [item.id])
            count = len(unpack(item.payload).messages)
            passed[item.account_id] += count
            step.load.add(1, "transactional", -count)
    assert all(passed[n] == EACH for n in range(2, ACCOUNTS + 1))
    # A list goes in pieces, so that even one in five hundred gets little more than its turns.
    assert passed[1] <= (EACH + 2) * max(1, min(flood, 10)) + 40


async def test_the_rest_of_a_list_keeps_its_place(step: Step) -> None:
    slow = msgspec.structs.replace(route(1), tps=20)
    step.world.snapshot = configured(rule(5, 1), routes=[slow])
    parts = [(await step.world.message("QUEUED", plan=[])).messages[0] for _ in range(25)]
    envelope = await step.world.message("QUEUED", plan=[])
    await step.put(msgspec.structs.replace(envelope, messages=parts))
    step.world.now_us += 5_000_000
    await step.router.turn()
    (rest,) = await step.world.items(SUBMIT)
    assert (rest["messages"], round(rest["delay"])) == (15, -5)
    for _ in range(2):
        await step.router.turn()
    sent = [m.id for e in await step.routed("smpp1") for m in e.messages]
    assert sent == [m.id for m in parts]


__all__ = ["step"]
