"""RCS whole: outcomes, answers that never come, replies, templates; over real sockets."""

from pathlib import Path

import pytest
from tests.gateway.harness import until
from tests.services.rcs_world import RcsWorld, rcs_world

from cpaas.cli.sandbox_rcs import BOT, BOT_ID
from cpaas.templates.types import Button, Content, NewTemplate

OUTCOMES = {
    "01": ("DELIVERED", ""), "02": ("FAILED", "undeliverable"),
    "03": ("REJECTED", "message_refused"), "04": ("EXPIRED", "expired_at_carrier"),
    "06": ("SUBMITTED", ""), "07": ("DELIVERED", ""), "11": ("REJECTED", "not_capable"),
    "12": ("READ", ""), "13": ("READ", ""), "14": ("REJECTED", "opted_out"),
    "16": ("DELIVERED", ""), "17": ("REJECTED", "template_refused"),
    "18": ("REJECTED", "no_conversation"),
}  # fmt: skip


async def kinds(world: RcsWorld, one: bytes) -> set[str]:
    rows = await world.pool.fetch("SELECT kind FROM message_event WHERE message_id = $1", one)
    return {row["kind"] for row in rows}


@pytest.mark.parametrize("is_test", [False, True])
async def test_every_outcome(dsn: str, home: Path, is_test: bool) -> None:
    async with rcs_world(dsn, home) as world:
        sent = {
            last: (await world.send(f"+9990000000{last}", is_test=is_test))[0] for last in OUTCOMES
        }
        for last, (status, code) in OUTCOMES.items():
            [row] = await world.ends([sent[last]], status)
            assert row["error_code"] == code, last
            if status == "REJECTED" and last != "14":
                assert row["refunded_micro"] == row["price_micro"], "nothing reached a handset"
        # The answer never came, and the receipt names our own id.
        assert "adopted" in await kinds(world, sent["16"])
        await world.balance_adds_up()


async def test_what_has_no_answer_and_no_receipt_is_asked_for_by_its_id(
    dsn: str, home: Path
) -> None:
    async with rcs_world(dsn, home, receipt_delay_seconds=3600) as world:
        await world.pool.execute(
            "UPDATE route SET settings = settings || '{\"response_timeout_seconds\": 0.3}'::text"
            "::jsonb WHERE name = 'rcs'"
        )
        [one] = await world.send("+999000000016")
        await world.ends([one], "SUBMITTED")
        assert {"unknown_outcome", "repeated"} <= await kinds(world, one)
        assert len(world.hub.messages()) == 1
        assert world.hub.counts["duplicate"] == 1


async def test_taps_and_replies_come_in_once(dsn: str, home: Path) -> None:
    async with rcs_world(dsn, home, envelope="mixed", callback_twice=True) as world:
        [one] = await world.send("+919811112222")
        await world.ends([one], "DELIVERED")
        tap = {"suggestionResponse": {"postbackData": "yes", "text": "Yes!", "type": "REPLY"}}
        for content in (tap, {"text": "Thanks"}):
            world.hub.inject(BOT_ID, "+919811112222", content)

        async def told() -> bool:
            return world.hub.caller.delivered >= 6

        await until(told)
        rows = await world.pool.fetch("SELECT * FROM inbound_message ORDER BY body")
        assert [row["body"] for row in rows] == ["Thanks", "Yes!"]
        assert {(r["recipient"], r["account_id"], r["message_id"]) for r in rows} == {
            (BOT, world.account_id, one)
        }
        opened = await world.pool.fetch("SELECT sender, recipient FROM conversation")
        assert [tuple(row) for row in opened] == [(BOT.upper(), "+919811112222")]


async def test_free_content_waits_for_a_conversation_where_the_route_says_so(
    dsn: str, home: Path
) -> None:
    async with rcs_world(dsn, home, conversation_only=True) as world:
        await world.pool.execute(
            "UPDATE route SET settings = settings || '{\"conversation_only\": true}'::text::jsonb"
            " WHERE name = 'rcs'"
        )

        async def heard_of_it() -> bool:
            asked = dict(world.hub.counts)
            await world.ends(await world.send("+919811112222"), "REJECTED")
            return world.hub.counts == asked

        await until(heard_of_it)
        world.hub.inject(BOT_ID, "+919811112222", {"text": "Hi"})

        async def opened() -> bool:
            return bool(await world.pool.fetchval("SELECT count(*) FROM conversation"))

        await until(opened)
        await world.ends(await world.send("+919811112222"), "DELIVERED")


async def test_an_approved_template_is_reviewed_by_the_hub_and_sent(dsn: str, home: Path) -> None:
    async with rcs_world(dsn, home, any_template=False, approve_seconds=0.1) as world:
        buttons = (Button("quick_reply", "Yes"),)
        offer = NewTemplate("rcs", "offer", Content("Hello {{name}}", buttons=buttons))
        one = await world.approved(offer)
        refused = await world.approved(NewTemplate("rcs", "reject_me", Content("Hello")))
        version = await world.template(one, lambda v: v.carrier_status == "approved")
        assert (version.carrier_id, version.carrier_account) == ("offer", BOT)
        version = await world.template(refused, lambda v: v.status == "REJECTED")
        assert version.reason == "The content breaks the policy."
        await world.reload()
        ids = await world.send(
            "+919876543210", text="", template="offer", variables={"name": "Ravi"}
        )
        [row] = await world.ends(ids, "DELIVERED")
        assert row["body"] == "Hello Ravi"
        [sent] = world.hub.messages()
        assert sent.kind == "templateMessage"
        # The sandbox's own came the same way.
        await world.approved_by_carrier("order_update")
        ids = await world.send(
            "+919876543210", text="", template="order_update",
            variables={"name": "Asha", "order": "17"},
        )  # fmt: skip
        await world.ends(ids, "DELIVERED")
        await world.balance_adds_up()
