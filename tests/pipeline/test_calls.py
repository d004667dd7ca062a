"""What a call's end means for its money, told once, twice, late, or never."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.pipeline.world import INSTANCE, World, account, data_plane_pool, route, snapshot

from cpaas.kit.ids import new_id
from cpaas.messages.call_record import call_seconds, with_seconds
from cpaas.messages.envelopes import VERSION, Envelope, Outgoing
from cpaas.pipeline import lost_calls, overdue
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.types import Answer, Receipt

MINUTE = 600_000
BALANCE = 100_000_000


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with data_plane_pool(dsn) as pool:
        trunk = msgspec.structs.replace(route(1), channel="voice", dialect="sip", name="trunk")
        made = World(
            pool, await pool.fetchval("SELECT now()"), snapshot([account(1)], [trunk, route(2)])
        )
        await made.open_account(balance=BALANCE)
        yield made


async def call(world: World, minutes: int = 3, status: str = "SENDING") -> Envelope:
    """A call that was reserved for so long and is being made."""
    price = minutes * MINUTE
    outgoing = Outgoing(
        new_id().bytes, "+919876543210", "+911140000000", "hello", "", minutes, 1, world.now_us,
        world.now_us + 3_600_000_000, price,
    )  # fmt: skip
    await world.pool.execute(
        """WITH d AS (INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id, attempt)
             VALUES (1, 'RESERVE', -$2::bigint, $1, 1)),
           w AS (UPDATE wallet SET balance_micro = balance_micro - $2 WHERE account_id = 1)
           INSERT INTO message (id, account_id, created_at, valid_until, claimed_at, price_micro,
             route_id, claimed_by, segments, channel, lane, status, recipient, sender, body)
           VALUES ($1, 1, $3, $4, $3, $2, 1, $5, $6, 'voice', 'transactional', $7, $8, $9, '')""",
        outgoing.id, price, world.now_us, outgoing.valid_until_us, INSTANCE, minutes, status,
        outgoing.to, outgoing.sender,
    )  # fmt: skip
    return Envelope(
        VERSION, 1, 1, "voice", "transactional", False, 0, [1], 0, "", world.now_us, [outgoing]
    )


async def rings(world: World, envelope: Envelope, provider_id: str = "call-1") -> None:
    async with world.pool.acquire() as connection, connection.transaction():
        answer = Answer(envelope, envelope.messages[0], 1, world.now_us, [provider_id])
        await commit_answers(connection, world.context(), [answer])


async def ends(
    world: World, state: Any = "DELIVERED", seconds: int | None = None, *, code: str = "",
    provider_id: str = "call-1", message_id: bytes | None = None,
) -> None:  # fmt: skip
    raw = b"" if seconds is None else with_seconds(seconds, b"x")
    told = Receipt(
        1, provider_id, state, code, code, world.now_us, "+919876543210", "+911140000000", raw,
        message_id=message_id, seconds=seconds,
    )  # fmt: skip
    async with world.pool.acquire() as connection, connection.transaction():
        await commit_receipts(connection, world.context(), [told])


async def money(world: World) -> tuple[int, list[tuple[str, int]]]:
    """What was spent, which is what the ledger says, and the entries of calls."""
    balance = await world.pool.fetchval("SELECT balance_micro FROM wallet")
    rows = await world.pool.fetch("SELECT kind, amount_micro FROM ledger_entry ORDER BY id")
    assert balance == sum(row[1] for row in rows)
    return BALANCE - balance, [(row[0], row[1]) for row in rows if row[0] != "CREDIT"]


async def row(world: World) -> Any:
    return await world.pool.fetchrow("SELECT * FROM message")


async def test_what_was_not_used_goes_back_once(world: World) -> None:
    envelope = await call(world)
    await rings(world, envelope)
    assert (await row(world))["carrier_cost_micro"] == 0
    for _ in range(3):
        await ends(world, seconds=61)
    assert await money(world) == (2 * MINUTE, [("RESERVE", -3 * MINUTE), ("CAPTURE", MINUTE)])
    message = await row(world)
    assert (message["status"], message["refunded_micro"]) == ("DELIVERED", MINUTE)
    assert message["carrier_cost_micro"] == 2 * route(1).cost_micro
    counted = await world.pool.fetchrow(
        "SELECT sum(refunded_micro), sum(carrier_cost_micro), sum(delivered) FROM counter_minute"
    )
    assert tuple(counted) == (MINUTE, 2 * route(1).cost_micro, 1)


async def test_no_more_is_taken_than_was_reserved(world: World) -> None:
    await rings(world, await call(world, minutes=1))
    await ends(world, seconds=3_599)
    assert await money(world) == (MINUTE, [("RESERVE", -MINUTE), ("CAPTURE", 0)])


@pytest.mark.parametrize("code", ["busy", "no_answer", "undeliverable"])
async def test_what_was_not_answered_costs_nothing_whatever_the_policy(
    world: World, code: str
) -> None:
    assert not world.snapshot.accounts[1].refund_failed
    await rings(world, await call(world))
    await ends(world, "FAILED", code=code)
    await ends(world, "FAILED", code=code)
    assert await money(world) == (0, [("RESERVE", -3 * MINUTE), ("REFUND", 3 * MINUTE)])
    assert (await row(world))["error_code"] == code


async def test_a_call_beside_a_delivered_message_gives_back_its_reservation_and_no_more(
    world: World,
) -> None:
    """It was made because an SMS stayed silent, which then arrived first."""
    envelope = await call(world)
    made, first = envelope.messages[0].id, (await world.message("DELIVERED", price_micro=0))
    root = first.messages[0].id
    steps = {"steps": [{"channel": "voice", "message_id": str(UUID(bytes=made))}]}
    await world.pool.execute("UPDATE message SET fallback = $1", steps)
    await world.pool.execute(
        "UPDATE message SET parent_id = $1, fallback_step = 1 WHERE id = $2", root, made
    )
    envelope.in_fallback = True
    await rings(world, envelope)
    await ends(world, seconds=61)
    spent, entries = await money(world)
    assert (spent, entries[0], entries[-1]) == (
        0, ("RESERVE", -3 * MINUTE), ("REFUND", 3 * MINUTE)
    )  # fmt: skip
    message = await world.row(envelope)
    assert (message["error_code"], message["refunded_micro"]) == (
        "duplicate_delivery", 3 * MINUTE
    )  # fmt: skip
    refunded = await world.pool.fetchval("SELECT sum(refunded_micro) FROM counter_minute")
    assert refunded == 3 * MINUTE


async def test_an_end_that_comes_before_the_answer_is_found_by_our_own_id(world: World) -> None:
    envelope = await call(world)
    await ends(world, seconds=30, message_id=envelope.messages[0].id)
    await rings(world, envelope)
    assert (await money(world))[0] == MINUTE
    assert (await row(world))["status"] == "DELIVERED"


async def test_an_end_without_a_message_is_kept_with_its_length(world: World) -> None:
    await ends(world, seconds=61)
    envelope = await call(world)
    await rings(world, envelope)
    await world.pool.execute("UPDATE unmatched_receipt SET next_try_at = '-infinity'")
    async with world.pool.acquire() as connection, connection.transaction():
        await overdue.sweep_unmatched(connection, world.context())
    assert (await money(world))[0] == 2 * MINUTE


async def test_calls_of_a_dead_process_end_and_cost_nothing(world: World) -> None:
    await rings(world, await call(world))
    async with world.pool.acquire() as connection, connection.transaction():
        assert await lost_calls.end(connection, world.context(), [INSTANCE], 10)
    message = await row(world)
    assert (message["status"], message["error_code"]) == ("FAILED", "unknown_outcome")
    assert (await money(world))[0] == 0
    # An end that comes all the same is kept and changes nothing.
    await ends(world, seconds=61)
    assert (await money(world))[0] == 0
    kinds = await world.pool.fetch("SELECT kind FROM message_event ORDER BY id")
    assert [one[0] for one in kinds] == ["given_up", "late_receipt"]


async def test_calls_that_a_provider_goes_on_with_are_left_alone(world: World) -> None:
    trunk = world.snapshot.routes[1]
    world.snapshot.routes[1] = msgspec.structs.replace(trunk, dialect="http")
    await rings(world, await call(world))
    async with world.pool.acquire() as connection, connection.transaction():
        assert await lost_calls.end(connection, world.context(), [INSTANCE], 10)
    assert (await row(world))["status"] == "SUBMITTED"


def test_a_length_is_read_from_what_was_written() -> None:
    assert call_seconds(with_seconds(61, b"CallSid=1")) == 61
    assert call_seconds(b"id:1 stat:DELIVRD call-seconds=9\n") is None
