"""Meta names another category than was charged: money, webhook and what is given back agree."""

from collections.abc import AsyncIterator
from time import time_ns
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.pipeline.world import PRICE, World, account, data_plane_pool, route, snapshot

from cpaas.messages.envelopes import Envelope, unpack_events
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.types import Answer
from cpaas.snapshot.types import Prices

#: more than was charged.
UTILITY = PRICE + 25_000


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        known = snapshot([account(1)], [msgspec.structs.replace(route(1), channel="whatsapp")])
        known.prices[1, "whatsapp", "UIC"] = Prices(UTILITY, (), {}, {})
        made = World(pool, time_ns() // 1000, known)
        await made.open_account()
        yield made


async def sent(world: World, **columns: Any) -> Answer:
    """A message that was charged as free text, and its number's answer, which the process holds."""
    made: Envelope = await world.message()
    envelope = msgspec.structs.replace(made, channel="whatsapp", in_fallback=bool(columns))
    values = {"channel": "whatsapp", "category": "SIC", **columns}
    for column, value in values.items():
        await world.pool.execute(
            f"UPDATE message SET {column} = $1 WHERE id = $2", value, envelope.messages[0].id
        )
    answer = world.answer(envelope, "wamid-1")
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_answers(connection, world.context(), [answer])
    return answer


async def hears(world: World, answer: Answer, *states: Any, category: str = "") -> None:
    told = [msgspec.structs.replace(world.receipt("wamid-1", state), category=category)
            for state in states]  # fmt: skip
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_receipts(connection, world.context(), told, {("wamid-1", 1): answer})


async def prices_told(world: World) -> list[str]:
    events = [
        event for item in await world.items("cpaas.webhook")
        for event in unpack_events(item["payload"]).events
    ]  # fmt: skip
    return [msgspec.json.decode(one.body)["data"]["price"] for one in events]


@pytest.mark.parametrize("together", [False, True])
async def test_what_is_told_is_what_it_costs(world: World, together: bool) -> None:
    before = await world.balance()
    answer = await sent(world)
    if together:
        await hears(world, answer, "ENROUTE", "DELIVERED", category="UTILITY")
    else:
        await hears(world, answer, "ENROUTE", category="UTILITY")
        await hears(world, answer, "DELIVERED")
    assert await prices_told(world) == ["0.1450"]
    assert (await world.row(answer.envelope))["price_micro"] == UTILITY
    assert before - await world.balance() == UTILITY
    await world.money_adds_up()


async def test_a_duplicate_gives_back_what_it_cost_in_the_end(world: World) -> None:
    first = (await world.message("DELIVERED")).messages[0].id
    before = await world.balance()
    answer = await sent(world, parent_id=first, fallback_step=1, fallback={"steps": []})
    made = answer.message.id
    steps = {"steps": [{"channel": "whatsapp", "message_id": str(UUID(bytes=made))}]}
    await world.pool.execute("UPDATE message SET fallback = $1", steps)
    await hears(world, answer, "ENROUTE", category="UTILITY")
    await hears(world, answer, "DELIVERED")
    row = await world.row(answer.envelope)
    assert (row["error_code"], row["refunded_micro"]) == ("duplicate_delivery", UTILITY)
    assert await world.balance() == before
    await world.money_adds_up()
