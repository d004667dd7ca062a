"""Receipts for messages that the process itself still holds: fenced, and never looked up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.pipeline.world import INSTANCE, World

from cpaas.messages.envelopes import Envelope
from cpaas.pipeline import settle as module
from cpaas.pipeline.settle import Settler


@pytest.fixture
async def settle(world: World) -> AsyncIterator[Settler]:
    made = Settler(
        world.pool, lambda: world.snapshot, INSTANCE, lambda: world.now_us,
        on_receipts_committed=world.committed.extend,
    )  # fmt: skip
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()


async def submitted(world: World, settle: Settler, *ids: str) -> list[Envelope]:
    sent = [await world.message() for _ in ids]
    settle.answers([world.answer(one, name) for one, name in zip(sent, ids, strict=True)])
    await settle.drain()
    return sent


async def statuses(world: World, sent: list[Envelope]) -> list[str]:
    return [(await world.row(one))["status"] for one in sent]


async def test_delivered_with_all_that_follows(world: World, settle: Settler) -> None:
    [sent] = await submitted(world, settle, "p1")
    settle.receipts([world.receipt("p1")])
    await settle.drain()
    row = await world.row(sent)
    assert (row["status"], row["provider_message_id"]) == ("DELIVERED", "p1")
    assert row["final_at"] == row["delivered_at"] >= row["submitted_at"]
    counted = await world.counted()
    assert (counted["submitted"], counted["delivered"]) == (1, 1)
    assert not settle._expected


async def test_the_same_receipt_again_changes_nothing(world: World, settle: Settler) -> None:
    [sent] = await submitted(world, settle, "p1")
    for _ in range(2):
        settle.receipts([world.receipt("p1"), world.receipt("p1")])
        await settle.drain()
    assert await statuses(world, [sent]) == ["DELIVERED"]
    assert (await world.counted())["delivered"] == 1
    assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 0


async def test_a_failure_is_applied_and_refunded_as_ever(world: World, settle: Settler) -> None:
    sent = await submitted(world, settle, "p1", "p2")
    settle.receipts([world.receipt("p1", "FAILED"), world.receipt("p2", "ENROUTE")])
    await settle.drain()
    assert await statuses(world, sent) == ["FAILED", "SUBMITTED"]
    settle.receipts([world.receipt("p2")])
    await settle.drain()
    assert await statuses(world, sent) == ["FAILED", "DELIVERED"]


@pytest.mark.parametrize("state", ["DELIVERED", "FAILED"])
async def test_a_receipt_of_an_earlier_attempt_is_fenced(
    world: World, settle: Settler, state: Any
) -> None:
    """Its attempt is over: whatever it says, the present one goes on."""
    [sent] = await submitted(world, settle, "old")
    await world.pool.execute(
        "UPDATE message SET status = 'SENDING', attempt = 2, provider_message_id = NULL"
    )
    settle.receipts([world.receipt("old", state)])
    await settle.drain()
    assert await statuses(world, [sent]) == ["SENDING"]
    assert await world.pool.fetchval("SELECT count(*) FROM unmatched_receipt") == 1


async def test_a_carrier_that_uses_an_id_again_means_the_newest(
    world: World, settle: Settler
) -> None:
    older = await submitted(world, settle, "same")
    newer = await submitted(world, settle, "same")
    settle.receipts([world.receipt("same")])
    await settle.drain()
    assert await statuses(world, older + newer) == ["SUBMITTED", "DELIVERED"]


async def test_what_is_not_held_any_more_is_looked_up(
    world: World, settle: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXPECTED_MAX", 1)
    sent = await submitted(world, settle, "p1", "p2", "p3")
    assert len(settle._expected) == 1
    settle.receipts([world.receipt(name) for name in ("p1", "p2", "p3")])
    await settle.drain()
    assert await statuses(world, sent) == ["DELIVERED"] * 3
    assert (await world.counted())["delivered"] == 3
