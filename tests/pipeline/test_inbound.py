"""Replies on a real database: whose they are, put together, obeyed, told, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.pipeline.accepting import NUMBER, PRICE, Desk, desk

from cpaas.channels.base import InboundPart
from cpaas.inbound import edit, queries
from cpaas.kit.ids import new_id_bytes
from cpaas.messages.envelopes import unpack_events
from cpaas.pipeline.inbound import PARTS_WAIT_US, Reply, assemble, commit_replies
from cpaas.pipeline.transitions import Context
from cpaas.smpp.text import Encoding, split

HANDSET = NUMBER.removeprefix("+")


class Inbox:
    """What comes in at one place, and what became of it."""

    def __init__(self, world: Desk) -> None:
        self.world = world
        self.pool = world.pool
        self.now_us = world.acceptor._clock_us()

    def reply(self, body: str, to: str = "MYBRAND", **more: Any) -> Reply:
        return Reply(
            new_id_bytes(), 1, "sms", more.pop("sender", HANDSET), to, body, body.encode(),
            self.now_us, **more,
        )  # fmt: skip

    def context(self) -> Context:
        return Context(self.world.holder.current, 7, self.now_us)

    async def comes(self, *replies: Reply) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await commit_replies(connection, self.context(), replies)

    async def kept(self) -> list[Any]:
        rows = await self.pool.fetch("SELECT * FROM inbound_message ORDER BY received_at, id")
        return list(rows)

    async def until(self, seen: Any) -> None:
        async with asyncio.timeout(60):
            while not seen(self.world.holder.current):
                await asyncio.sleep(0.005)

    async def blocked(self) -> list[tuple[Any, ...]]:
        rows = await self.pool.fetch(
            "SELECT account_id, number, channel, source FROM blacklist_entry ORDER BY id"
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def inbox(dsn: str) -> AsyncIterator[Inbox]:
    async with desk(dsn) as world:
        yield Inbox(world)


async def test_the_account_that_wrote_last_gets_the_reply(inbox: Inbox) -> None:
    first, second = await inbox.world.account("a"), await inbox.world.account("b")
    for account in (second, first):
        sent = inbox.world.message(account, reference=f"r{account}")
        assert await inbox.world.acceptor.accept(sent) is None
    await inbox.comes(inbox.reply("thanks"), inbox.reply("who?", sender="4479000"))
    thanks, who = await inbox.kept()
    assert (thanks["account_id"], thanks["message_id"]) == (first, sent.messages[0].id)
    assert (who["account_id"], who["message_id"]) == (0, None)
    (listed,) = await queries.kept(inbox.pool, account_id=0, lowest=bytes(16), most=10)
    assert listed.body == "who?"
    assert await queries.give(inbox.pool, who["id"], second)
    assert not await queries.give(inbox.pool, thanks["id"], second)


async def test_numbers_and_keywords_stand_before_who_wrote(inbox: Inbox) -> None:
    first, second = await inbox.world.account("a"), await inbox.world.account("b")
    assert await inbox.world.send(first) is None
    await edit.create_number(inbox.pool, "sms", "MYBRAND", second)
    await edit.create_number(inbox.pool, "sms", "56161", None)
    await edit.set_keyword(inbox.pool, "sms", "56161", "pizza", first)
    await inbox.until(lambda now: now.numbers.get(("sms", "56161"), None)
                      and now.numbers["sms", "56161"].keywords)  # fmt: skip
    await inbox.comes(
        inbox.reply("hello"), inbox.reply("Pizza now", "56161"), inbox.reply("what", "56161")
    )
    rows = await inbox.kept()
    assert [(r["body"], r["account_id"], r["keyword"]) for r in rows] == [
        ("hello", second, ""), ("Pizza now", first, "PIZZA"), ("what", 0, "")
    ]  # fmt: skip


async def test_stop_blocks_one_channel_of_one_account_until_start(inbox: Inbox) -> None:
    one = await inbox.world.account("a")
    assert await inbox.world.send(one) is None
    await inbox.comes(inbox.reply("Stop"))
    assert await inbox.blocked() == [(one, NUMBER, "sms", "opt_out")]
    assert await inbox.world.send(one) is None
    assert await inbox.pool.fetchval("SELECT count(*) FROM message WHERE status = 'BLOCKED'") == 1
    await inbox.comes(inbox.reply("stop"), inbox.reply("START"))
    assert await inbox.blocked() == []
    actions = [row["action"] for row in await inbox.kept()]
    assert actions == ["stop", "stop", "start"]
    # Nobody's reply blocks nobody.
    await inbox.comes(inbox.reply("STOP", sender="4479000000"))
    assert await inbox.blocked() == []


async def test_an_otp_goes_after_a_stop_where_that_is_allowed(inbox: Inbox) -> None:
    one = await inbox.world.account("a")
    assert await inbox.world.send(one) is None
    await inbox.comes(inbox.reply("STOP"))
    await edit.let_otp_pass(inbox.pool, allowed=True)
    await inbox.until(lambda now: now.settings.get("opt_out_allows_otp"))
    assert await inbox.world.send(one, lane="otp") is None
    assert await inbox.world.send(one) is None
    rows = await inbox.pool.fetch("SELECT lane, status FROM message ORDER BY id")
    assert [tuple(row) for row in rows[1:]] == [("otp", "QUEUED"), ("transactional", "BLOCKED")]


async def test_a_stop_is_confirmed_once_and_paid(inbox: Inbox) -> None:
    one = await inbox.world.account("a")
    await inbox.pool.execute("UPDATE account SET stop_reply = 'You get no more messages.'")
    await inbox.until(lambda now: now.accounts[one].stop_reply)
    assert await inbox.world.send(one) is None
    before = await inbox.world.balance(one)
    await inbox.comes(inbox.reply("STOP"), inbox.reply("STOP"))
    await inbox.comes(inbox.reply("STOP"))
    sent = await inbox.pool.fetch("SELECT * FROM message WHERE reference = 'opt-out'")
    assert [(row["body"], row["sender"], row["status"], row["recipient"]) for row in sent] == [
        ("You get no more messages.", "MYBRAND", "QUEUED", NUMBER)
    ]
    assert await inbox.world.balance(one) == before - PRICE


async def test_without_money_a_stop_is_obeyed_all_the_same(inbox: Inbox) -> None:
    one = await inbox.world.account("a", balance=PRICE)
    await inbox.pool.execute("UPDATE account SET stop_reply = 'Bye.'")
    await inbox.until(lambda now: now.accounts[one].stop_reply)
    assert await inbox.world.send(one) is None
    await inbox.comes(inbox.reply("STOP"))
    assert len(await inbox.blocked()) == 1
    assert await inbox.world.balance(one) == 0


async def test_the_account_is_told_by_webhook(inbox: Inbox) -> None:
    one = await inbox.world.account("a")
    await inbox.pool.execute(
        "INSERT INTO webhook_endpoint (account_id, url, events, secret)"
        " VALUES ($1, 'https://x/', '{message.received}', '')", one,
    )  # fmt: skip
    await inbox.until(lambda now: one in now.webhooks)
    sent = inbox.world.message(one, reference="order-1")
    assert await inbox.world.acceptor.accept(sent) is None
    await inbox.comes(inbox.reply("yes, please"))
    payload = await inbox.pool.fetchval(
        "SELECT payload FROM queue_item WHERE queue = 'cpaas.webhook'"
    )
    (event,) = unpack_events(payload).events
    body = msgspec.json.decode(event.body)
    assert (event.type, body["type"]) == ("message.received", "message.received")
    told = body["data"]
    assert (told["from"], told["to"], told["text"]) == (HANDSET, "MYBRAND", "yes, please")
    assert (told["reference"], told["action"]) == ("order-1", None)
    assert told["message_id"].replace("-", "") == sent.messages[0].id.hex()


async def test_an_smpp_customer_gets_it_beside_the_webhook(inbox: Inbox) -> None:
    one = await inbox.world.account("a")
    await inbox.pool.execute(
        "INSERT INTO smpp_credential (account_id, system_id, password_hash, receives)"
        " VALUES ($1, 'acme', '', true)",
        one,
    )
    await inbox.until(lambda now: one in now.smpp_receivers)
    assert await inbox.world.send(one) is None
    await inbox.comes(inbox.reply("yes"))
    rows = await inbox.pool.fetch(
        "SELECT queue, payload FROM queue_item WHERE queue <> 'cpaas.sms.submit'"
    )
    assert [row["queue"] for row in rows] == ["cpaas.smpp.receipt"], "it has no webhook"
    (event,) = unpack_events(rows[0]["payload"]).events
    assert (event.type, event.url) == ("message.received", "smpp:1::acme")


def parts_of(inbox: Inbox, text: str, reference: int) -> list[Reply]:
    segments = split(text, Encoding.UCS2, reference)
    return [
        msgspec.structs.replace(
            inbox.reply("?"), part=InboundPart(reference, len(segments), number,
                                               one.short_message[6:], one.data_coding),
        )
        for number, one in enumerate(segments, 1)
    ]  # fmt: skip


LONG = "A reply with a snowman \N{SNOWMAN} and a lorry \N{DELIVERY TRUCK}. " * 12


async def test_a_long_reply_is_put_together_in_any_order(inbox: Inbox) -> None:
    one = await inbox.world.account("a")
    assert await inbox.world.send(one) is None
    parts = parts_of(inbox, LONG, 9)
    assert len(parts) > 6
    for part in reversed(parts):
        await inbox.comes(part)
        # The carrier was not answered and says it again.
        await inbox.comes(msgspec.structs.replace(part, id=new_id_bytes()))
        if await inbox.kept():
            break
    (row,) = await inbox.kept()
    assert (row["body"], row["complete"], row["account_id"]) == (LONG, True, one)


async def test_parts_that_two_processes_took_are_put_together(inbox: Inbox) -> None:
    parts = parts_of(inbox, LONG[:120], 5)
    assert len(parts) == 2
    async with inbox.pool.acquire() as one, inbox.pool.acquire() as other:
        begun = other.transaction()
        await begun.start()
        async with one.transaction():
            await commit_replies(other, inbox.context(), parts[:1])
            await commit_replies(one, inbox.context(), parts[1:])
        await begun.commit()
        assert await inbox.kept() == []
        async with one.transaction():
            assert await assemble(one, inbox.context()) == 1
    (row,) = await inbox.kept()
    assert row["body"] == LONG[:120]


async def test_parts_whose_siblings_never_come_are_kept_as_far_as_they_came(inbox: Inbox) -> None:
    parts = parts_of(inbox, LONG, 9)
    await inbox.comes(*parts[:2])
    assert await inbox.kept() == []
    inbox.now_us += PARTS_WAIT_US + 1
    async with inbox.pool.acquire() as connection, connection.transaction():
        assert await assemble(connection, inbox.context()) == 1
    (row,) = await inbox.kept()
    assert not row["complete"]
    assert LONG.startswith(row["body"])
    assert await inbox.pool.fetchval("SELECT count(*) FROM inbound_part") == 0


async def test_a_reference_used_again_loses_nothing(inbox: Inbox) -> None:
    first, other = parts_of(inbox, LONG, 9)[0], parts_of(inbox, "Z" + LONG, 9)[0]
    assert first.part is not None
    assert other.part is not None
    part = msgspec.structs.replace(other.part, total=first.part.total)
    other = msgspec.structs.replace(other, body="other", part=part)
    await inbox.comes(first)
    await inbox.comes(other)
    (row,) = await inbox.kept()
    assert (row["body"], row["complete"]) == ("other", False)
    # Both at once, beside what is stored already, and the stored one said again.
    again = msgspec.structs.replace(other, id=new_id_bytes())
    await inbox.comes(msgspec.structs.replace(first, id=new_id_bytes()), again)
    assert [row["body"] for row in await inbox.kept()] == ["other", "other"]
    assert await inbox.pool.fetchval("SELECT count(*) FROM inbound_part") == 1


async def test_an_account_reads_its_own_only(inbox: Inbox) -> None:
    first, second = await inbox.world.account("a"), await inbox.world.account("b")
    await edit.create_number(inbox.pool, "sms", "56161", first)
    await edit.create_number(inbox.pool, "sms", "56162", second)
    await inbox.until(lambda now: ("sms", "56162") in now.numbers)
    await inbox.comes(
        inbox.reply("one", "56161"), inbox.reply("two", "56162"),
        inbox.reply("three", "+56161", is_test=True),
    )  # fmt: skip

    async def read(account: int, **more: Any) -> list[str]:
        asked = {"sender": None, "recipient": None, "is_test": False} | more
        rows = await queries.of_account(
            inbox.pool, account, lowest=bytes(16), below=b"\xff" * 16, limit=10, **asked
        )
        return [row["body"] for row in rows]

    assert await read(first) == ["one"]
    assert await read(second) == ["two"]
    assert await read(first, is_test=True) == ["three"]
    assert await read(first, sender=HANDSET) == ["one"]
    assert await read(first, sender="1") == []
