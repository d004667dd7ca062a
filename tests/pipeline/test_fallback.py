"""Fallback families on a real database: who is tried when, who pays, and who was delivered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.pipeline.accepting import NUMBER, PRICE, Desk, desk

from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.broker.topology import FALLBACK, revoke_queue, submit_queue
from cpaas.messages.envelopes import unpack, unpack_events
from cpaas.messages.types import Finish
from cpaas.pipeline.answers import commit_answers
from cpaas.pipeline.drafts import FallbackStep
from cpaas.pipeline.fallback import read_revoke
from cpaas.pipeline.fallback_run import FallbackRunner
from cpaas.pipeline.receipts import commit_receipts
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context, finish
from cpaas.pipeline.types import Answer, Receipt

SECOND = FallbackStep("sms", "second", "OTHER", 60)
THIRD = FallbackStep("sms", "third", "", None)
MONEY = 10 * PRICE


class Family:
    """An account, its messages, and a clock that the test moves."""

    def __init__(self, world: Desk) -> None:
        self.world = world
        self.pool = world.pool
        self.account = 0
        self.now_us = world.acceptor._clock_us()
        self.consumer = EmbeddedConsumer(self.pool, FALLBACK, 7)
        self.runner = FallbackRunner(
            self.pool, self.consumer, lambda: world.holder.current, 7, lambda: self.now_us
        )

    async def open(self) -> None:
        self.account = await self.world.account(balance=MONEY)
        await self.pool.execute(
            "INSERT INTO sender (account_id, channel, value, status, is_default)"
            " VALUES ($1, 'sms', 'OTHER', 'APPROVED', false)", self.account,
        )  # fmt: skip
        await self.pool.execute("UPDATE sender SET is_default = value = 'MYBRAND'")
        async with asyncio.timeout(60):
            while self.default() is None:
                await asyncio.sleep(0.005)

    def default(self) -> Any:
        found = self.world.holder.current.default_senders.get((self.account, "sms"))
        senders = self.world.holder.current.senders.get((self.account, "sms"), {})
        return found if "OTHER" in senders else None

    async def send(self, *steps: FallbackStep, **more: Any) -> bytes:
        sent = self.world.message(self.account, fallback=steps, **more)
        assert await self.world.acceptor.accept(sent) is None
        return sent.messages[0].id

    async def becomes(self, message: bytes, *statuses: str, code: str = "") -> None:
        """Takes a message there, as claim, answer and receipt would."""
        for status in statuses:
            self.now_us += 1
            if status == "SENDING":
                await self.pool.execute(
                    "UPDATE message SET status = 'SENDING', route_id = 1 WHERE id = $1", message
                )
                continue
            provider = message.hex()[-8:] if status == "SUBMITTED" else None
            wanted = Finish(
                message, status, self.now_us, provider_message_id=provider,  # type: ignore[arg-type]
                error_code=code, refund="policy", handed_over=status == "FAILED",
            )  # fmt: skip
            async with self.pool.acquire() as connection, connection.transaction():
                context = Context(self.world.holder.current, 7, self.now_us)
                assert await finish(connection, context, [wanted])

    def context(self) -> Context:
        return Context(self.world.holder.current, 7, self.now_us)

    async def time_passes(self) -> None:
        await self.pool.execute(
            "UPDATE queue_item SET available_at = now() WHERE queue = $1", FALLBACK
        )
        await self.runner.turn()

    async def row(self, message: bytes) -> Any:
        return await self.pool.fetchrow("SELECT * FROM message WHERE id = $1", message)

    async def attempts(self, root: bytes) -> list[bytes]:
        rows = await self.pool.fetch(
            "SELECT id FROM message WHERE parent_id = $1 ORDER BY id", root
        )
        return [row[0] for row in rows]

    async def kinds(self, message: bytes) -> list[str]:
        rows = await self.pool.fetch(
            "SELECT kind FROM message_event WHERE message_id = $1 ORDER BY id", message
        )
        return [row[0] for row in rows]

    async def items(self, queue: str) -> list[Any]:
        rows = await self.pool.fetch(
            "SELECT *, extract(epoch FROM available_at - now())::float8 AS delay"
            " FROM queue_item WHERE queue = $1 ORDER BY id", queue,
        )  # fmt: skip
        return list(rows)

    async def spent(self) -> int:
        return MONEY - await self.world.balance(self.account)


@pytest.fixture
async def family(dsn: str) -> AsyncIterator[Family]:
    async with desk(dsn) as world:
        made = Family(world)
        await made.open()
        yield made


SENT = ("SENDING", "SUBMITTED")


async def test_nothing_is_added_where_none_is_asked_for(family: Family) -> None:
    message = await family.send()
    await family.becomes(message, *SENT, "FAILED")
    assert await family.items(FALLBACK) == []
    assert (await family.row(message))["fallback"] is None


async def test_a_failure_makes_the_next_attempt_which_pays(family: Family) -> None:
    root = await family.send(SECOND, THIRD, reference="order-1", lane="otp")
    await family.becomes(root, *SENT, "FAILED")
    await family.time_passes()
    (child,) = await family.attempts(root)
    row = await family.row(child)
    assert (row["body"], row["sender"], row["reference"], row["lane"]) == (
        "second", "OTHER", "order-1", "otp"
    )  # fmt: skip
    assert (row["status"], row["recipient"], row["price_micro"]) == ("QUEUED", NUMBER, PRICE)
    assert await family.spent() == 2 * PRICE
    envelopes = [unpack(i["payload"]) for i in await family.items(submit_queue("sms"))]
    assert [envelope.in_fallback for envelope in envelopes] == [True, True]
    assert await family.kinds(root) == ["fallback"]
    stored = (await family.row(root))["fallback"]["steps"]
    assert UUID(stored[0]["message_id"]).bytes == child
    # The attempt's own failure goes on to the third, whose failure is the end.
    await family.becomes(child, *SENT, "FAILED")
    await family.time_passes()
    third = (await family.attempts(root))[1]
    assert (await family.row(third))["body"] == "third"
    assert (await family.row(third))["sender"] == "MYBRAND"
    await family.becomes(third, *SENT, "FAILED")
    assert await family.items(FALLBACK) == []
    assert await family.spent() == 3 * PRICE


async def test_silence_makes_the_next_attempt_after_its_seconds(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    (item,) = await family.items(FALLBACK)
    assert 55 < item["delay"] <= 60
    assert await family.runner.turn() == 0
    await family.time_passes()
    (child,) = await family.attempts(root)
    (revoke,) = await family.items(revoke_queue("sms"))
    assert revoke["account_id"] == family.account
    # The root fails now: its step was taken already.
    await family.becomes(root, "FAILED")
    await family.time_passes()
    assert await family.attempts(root) == [child]


async def test_a_delivered_message_needs_no_other(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT, "DELIVERED")
    await family.time_passes()
    assert await family.attempts(root) == []
    assert await family.items(FALLBACK) == []


async def test_one_step_is_taken_once(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    await family.pool.execute(
        "INSERT INTO queue_item (queue, account_id, payload)"
        " SELECT queue, account_id, payload FROM queue_item WHERE queue = $1", FALLBACK,
    )  # fmt: skip
    others = [
        FallbackRunner(
            family.pool, EmbeddedConsumer(family.pool, FALLBACK, n),
            lambda: family.world.holder.current, n, lambda: family.now_us,
        ) for n in (8, 9)
    ]  # fmt: skip
    await family.pool.execute("UPDATE queue_item SET available_at = now()")
    await asyncio.gather(*(one.turn() for one in others))
    await family.time_passes()
    assert len(await family.attempts(root)) == 1
    assert await family.spent() == 2 * PRICE


async def test_a_late_delivery_is_a_duplicate_and_goes_back(family: Family) -> None:
    await hook(family)
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    await family.time_passes()
    (child,) = await family.attempts(root)
    await family.becomes(child, *SENT, "DELIVERED")
    await family.becomes(root, "DELIVERED")
    row = await family.row(root)
    assert (row["status"], row["error_code"]) == ("DELIVERED", "duplicate_delivery")
    assert row["refunded_micro"] == PRICE
    assert (await family.row(child))["error_code"] == ""
    assert await family.spent() == PRICE
    assert "duplicate_delivery" in await family.kinds(root)
    counted = await family.pool.fetchrow(
        "SELECT sum(delivered)::int, sum(submitted)::int, sum(refunded_micro)::bigint"
        " FROM counter_minute"
    )
    assert tuple(counted) == (1, 2, PRICE)
    await family.becomes(root, "READ")
    assert (await family.row(root))["error_code"] == "duplicate_delivery"
    assert await family.spent() == PRICE
    events = [
        (event.type, event.body)
        for item in await family.items("cpaas.webhook")
        for event in unpack_events(item["payload"]).events
    ]
    delivered = [body for kind, body in events if kind == "message.delivered"]
    assert [b'"duplicate_delivery"' in body for body in delivered] == [False, True]
    assert b'"price":"0.0000"' in delivered[1]


async def test_an_attempt_that_a_carrier_has_is_asked_back_when_the_first_arrives(
    family: Family,
) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    await family.time_passes()
    (child,) = await family.attempts(root)
    await family.becomes(child, *SENT)
    await family.becomes(root, "DELIVERED")
    asked = [read_revoke(i["payload"]).message_id for i in await family.items(revoke_queue("sms"))]
    # The first when it was silent, and the attempt now that the first has arrived.
    assert asked == [root, child]
    # Its carrier could not take it back: it is the one that counts as the duplicate.
    await family.becomes(child, "DELIVERED")
    codes = [(await family.row(one))["error_code"] for one in (root, child)]
    assert codes == ["", "duplicate_delivery"]
    assert await family.spent() == PRICE


async def hook(family: Family) -> None:
    await family.pool.execute(
        "INSERT INTO webhook_endpoint (account_id, url, secret) VALUES ($1, 'https://x/', '')",
        family.account,
    )
    async with asyncio.timeout(60):
        while family.account not in family.world.holder.current.webhooks:
            await asyncio.sleep(0.005)


async def test_two_that_arrive_at_once_are_one_delivery(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    await family.time_passes()
    (child,) = await family.attempts(root)
    await family.becomes(child, *SENT)

    async def arrives(message: bytes) -> None:
        for _ in range(5):
            try:
                async with family.pool.acquire() as connection, connection.transaction():
                    await finish(
                        connection, Context(family.world.holder.current, 7, family.now_us),
                        [Finish(message, "DELIVERED", family.now_us)],
                    )  # fmt: skip
                return
            except Exception as error:
                if "deadlock" not in str(error):
                    raise

    await asyncio.gather(arrives(root), arrives(child))
    codes = sorted([(await family.row(one))["error_code"] for one in (root, child)])
    assert codes == ["", "duplicate_delivery"]
    assert await family.spent() == PRICE


async def test_both_in_one_batch_are_one_delivery(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    await family.time_passes()
    (child,) = await family.attempts(root)
    await family.becomes(child, *SENT)
    async with family.pool.acquire() as connection, connection.transaction():
        await finish(
            connection, Context(family.world.holder.current, 7, family.now_us),
            [Finish(root, "DELIVERED", family.now_us), Finish(child, "DELIVERED", family.now_us)],
        )  # fmt: skip
    assert await family.spent() == PRICE


async def test_an_attempt_that_waits_is_taken_back_when_the_first_arrives(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, *SENT)
    await family.time_passes()
    (child,) = await family.attempts(root)
    await family.becomes(root, "DELIVERED")
    row = await family.row(child)
    assert (row["status"], row["error_code"]) == ("CANCELLED", "fallback_not_needed")
    assert await family.spent() == PRICE


async def test_no_money_is_told_and_the_next_step_is_looked_at(family: Family) -> None:
    root = await family.send(SECOND, THIRD)
    await family.pool.execute("UPDATE wallet SET balance_micro = $1", PRICE - 1)
    await family.pool.execute(
        "INSERT INTO ledger_entry (account_id, kind, amount_micro) VALUES ($1, 'ADJUST', $2)",
        family.account, PRICE - 1 - (MONEY - PRICE),
    )  # fmt: skip
    await family.becomes(root, *SENT, "FAILED")
    await family.time_passes()
    assert await family.attempts(root) == []
    assert await family.kinds(root) == ["fallback_skipped", "fallback_skipped"]
    row = await family.row(root)
    assert [s["skipped"] for s in row["fallback"]["steps"]] == ["insufficient_balance"] * 2
    assert row["fallback_step"] == 2
    assert await family.world.balance(family.account) == PRICE - 1


async def test_a_blocked_number_gets_no_attempt(family: Family) -> None:
    root = await family.send(SECOND)
    await family.pool.execute(
        "INSERT INTO blacklist_entry (account_id, number) VALUES ($1, $2)", family.account, NUMBER
    )
    await family.becomes(root, *SENT, "FAILED")
    await family.time_passes()
    assert await family.attempts(root) == []
    assert (await family.row(root))["fallback"]["steps"][0]["skipped"] == "blocked"


async def test_a_cancelled_message_is_left_alone(family: Family) -> None:
    root = await family.send(SECOND)
    await family.becomes(root, "CANCELLED")
    assert await family.items(FALLBACK) == []


@pytest.mark.parametrize(
    ("step", "field"),
    [
        (FallbackStep("fax"), "fallback[0].channel"),
        (FallbackStep("sms", sender="NOBODY"), "fallback[0].from"),
        (FallbackStep("sms", after_seconds=1), "fallback[0].after_seconds"),
        (FallbackStep("sms", "x" * 5000), "fallback[0].text"),
    ],
)
async def test_a_step_that_cannot_be_is_refused_at_once(
    family: Family, step: FallbackStep, field: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        await family.send(step)
    assert caught.value.field == field


async def test_too_many_steps(family: Family) -> None:
    with pytest.raises(RefusedError, match="at most 5"):
        await family.send(*[SECOND] * 6)


async def test_what_cannot_be_read_is_buried(family: Family) -> None:
    for payload in (b"\xff", b"\x93\x63\xc4\x00\x00"):
        await family.pool.execute(
            "INSERT INTO queue_item (queue, payload) VALUES ($1, $2)", FALLBACK, payload
        )
    await family.time_passes()
    assert await family.pool.fetchval("SELECT count(*) FROM dead_letter") == 2


async def test_the_straight_path_sees_a_fallback_too(family: Family) -> None:
    """Answers and receipts of messages that the process still holds do not ask the database."""
    root = await family.send(SECOND)
    await family.becomes(root, "SENDING")
    (item,) = await family.items(submit_queue("sms"))
    envelope = unpack(item["payload"])
    answer = Answer(envelope, envelope.messages[0], 1, family.now_us, ["carrier-1"])
    async with family.pool.acquire() as connection, connection.transaction():
        await commit_answers(connection, family.context(), [answer])
    (timer,) = await family.items(FALLBACK)
    assert 55 < timer["delay"] <= 60
    await family.time_passes()
    (child,) = await family.attempts(root)
    receipt = Receipt(
        1, "carrier-1", "DELIVERED", "", "", family.now_us, NUMBER, "MYBRAND", b"", "t"
    )  # fmt: skip
    async with family.pool.acquire() as connection, connection.transaction():
        await commit_receipts(connection, family.context(), [receipt], {("carrier-1", 1): answer})
    assert (await family.row(root))["status"] == "DELIVERED"
    assert (await family.row(child))["status"] == "CANCELLED"
    assert await family.spent() == PRICE
