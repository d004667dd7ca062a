"""WhatsApp whole: windows, templates, media, outcomes, webhooks; over real sockets."""

import asyncio
import hashlib
import hmac
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from tests.gateway.harness import until
from tests.services.whatsapp_world import WhatsappWorld, whatsapp_world

from cpaas.db.actor import acting
from cpaas.services.simulator_whatsapp import NUMBER_ID, SECRET, WABA_ID
from cpaas.templates import decide, edit
from cpaas.templates.types import Button, Content, Header, NewTemplate

TEMPLATE = {
    "name": "order", "language": "en", "category": "UTILITY",
    "components": [
        {"type": "BODY", "text": "Hello {{1}}, order {{2}} left",
         "example": {"body_text": [["Asha", "17"]]}},
    ],
}  # fmt: skip
USED = {
    "template": {
        "name": "order", "language": "en", "format": "POSITIONAL", "body": ["1", "2"],
        "buttons": [], "variables": {"1": "Asha", "2": "17"},
    }
}  # fmt: skip


async def test_free_text_needs_an_open_window_and_a_reply_opens_it(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home) as world:
        to = "+919876543210"
        [row] = await world.ends(await world.send(to), "REJECTED")
        assert row["error_code"] == "no_conversation"
        assert row["refunded_micro"] == row["price_micro"]
        assert not world.cloud.sent
        await world.opened(to)
        [row] = await world.ends(await world.send(to), "DELIVERED")
        assert row["provider_message_id"].startswith("wamid.")
        sent = next(iter(world.cloud.sent.values()))
        assert sent.body["text"] == {"body": "Hello", "preview_url": False}
        # A test key needs no window, and reaches the carrier that is built in.
        await world.ends(await world.send("+919111111111", is_test=True), "DELIVERED")
        assert len(world.cloud.sent) == 1
        # Meta's own view decides in the end: it closed the window, ours is still open.
        world.cloud.close_window(NUMBER_ID, to)
        [row] = await world.ends(await world.send(to), "REJECTED")
        assert row["error_code"] == "no_conversation"
        await world.balance_adds_up()


async def test_every_outcome(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home) as world:
        world.cloud.submit(WABA_ID, TEMPLATE)
        await asyncio.sleep(0.3)
        wanted = {
            "01": ("DELIVERED", ""), "02": ("FAILED", "carrier_temporary"),
            "03": ("REJECTED", "message_refused"), "04": ("FAILED", "not_capable"),
            "06": ("SUBMITTED", ""), "07": ("DELIVERED", ""), "11": ("FAILED", "not_capable"),
            "12": ("READ", ""), "13": ("READ", ""), "14": ("FAILED", "marketing_capped"),
            "18": ("FAILED", "no_conversation"), "20": ("FAILED", "opted_out"),
        }  # fmt: skip
        sent = {tail: (await world.send(f"+9990000000{tail}", content=USED))[0] for tail in wanted}
        for tail, (status, code) in wanted.items():
            [row] = await world.ends([sent[tail]], status)
            assert (tail, row["error_code"]) == (tail, code)
        await world.balance_adds_up()


async def test_an_answer_that_never_came_is_settled_by_our_own_id(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home) as world:
        await world.pool.execute(
            "UPDATE route SET settings = settings || '{\"answer_seconds\": 1}'::text::jsonb"
            " WHERE name = 'wa'"
        )
        to = "+999000000016"
        await world.opened(to)
        ids = await world.send(to)
        [row] = await world.ends(ids, "DELIVERED")
        assert row["provider_message_id"].startswith("wamid.")
        assert len(world.cloud.sent) == 1
        kinds = await world.pool.fetch(
            "SELECT kind FROM message_event WHERE message_id = $1 ORDER BY id", ids[0]
        )
        assert "adopted" in [one[0] for one in kinds]
        assert set(world.cloud.seen.values()) == {1}


async def test_webhooks_that_come_twice_and_in_the_wrong_order(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home, callback_twice=True, disordered=True) as world:
        to = "+999000000012"
        await world.opened(to)
        await world.ends(await world.send(to), "READ")
        stored = "SELECT count(*) FROM inbound_message"
        assert await world.pool.fetchval(stored) == 1
        world.write(to, type="button", button={"payload": "YES", "text": "Yes, please"})

        async def both() -> bool:
            return bool(await world.pool.fetchval(stored) == 2)

        await until(both)
        row = await world.pool.fetchrow(
            "SELECT body, content FROM inbound_message WHERE content IS NOT NULL"
        )
        assert row["body"] == "Yes, please"
        assert row["content"] == {"payload": "YES", "type": "button"}


async def signed(world: WhatsappWorld, body: bytes, secret: str) -> int:
    sign = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    async with (
        aiohttp.ClientSession() as client,
        client.post(
            world.callback_url, data=body, headers={"X-Hub-Signature-256": f"sha256={sign}"}
        ) as answer,
    ):
        return answer.status


async def test_only_meta_is_believed(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home) as world:
        body = msgspec.json.encode(
            {
                "object": "whatsapp_business_account",
                "entry": [
                    {
                        "id": WABA_ID,
                        "changes": [
                            {
                                "field": "messages",
                                "value": {
                                    "metadata": {"phone_number_id": NUMBER_ID},
                                    "messages": [
                                        {"from": "919876543210", "id": "wamid.X",
                                         "timestamp": "1764000000", "type": "text",
                                         "text": {"body": "Hi \u0000there"}}
                                    ],
                                },
                            }
                        ],
                    }
                ],
            }
        )  # fmt: skip
        assert await signed(world, body, "somebody else's") == 401
        assert await world.pool.fetchval("SELECT count(*) FROM inbound_message") == 0
        assert await signed(world, body, SECRET) == 200
        # Stored before the answer, and once however often it is told.
        assert await world.pool.fetchval("SELECT count(*) FROM inbound_message") == 1
        assert await signed(world, body, SECRET) == 200
        assert await world.pool.fetchval("SELECT count(*) FROM inbound_message") == 1
        assert await signed(world, b"{", SECRET) == 400
        wrong = world.callback_url[:-1] + ("0" if world.callback_url[-1] != "0" else "1")
        async with aiohttp.ClientSession() as client:
            async with client.post(wrong, data=body) as answer:
                assert answer.status == 404
            await world.pool.execute(
                "UPDATE route SET settings = settings ||"
                " '{\"verify_token\": \"ours\"}'::text::jsonb WHERE name = 'wa'"
            )
            query = {"hub.mode": "subscribe", "hub.verify_token": "ours", "hub.challenge": "77"}

            async def verified() -> bool:
                async with client.get(world.callback_url, params=query) as answer:
                    return answer.status == 200 and await answer.text() == "77"

            await until(verified)
            async with client.get(
                world.callback_url, params={**query, "hub.verify_token": "theirs"}
            ) as answer:
                assert answer.status == 403
            async with client.get(
                f"http://127.0.0.1:{world.settings.whatsapp_port}/health"
            ) as answer:
                assert (await answer.json())["service"] == "cpaas-whatsapp"


async def test_a_file_is_fetched_and_uploaded_once(dsn: str, home: Path) -> None:
    asked: list[str] = []

    async def picture(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path != "/a.jpg":
            raise web.HTTPNotFound
        return web.Response(body=b"\xff\xd8\xff\xe0" + b"x" * 1000, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/{name}", picture)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with whatsapp_world(dsn, home) as world:
        to = "+919876543210"
        await world.opened(to)
        media = {"media": {"type": "image", "url": f"{base}/a.jpg"}}
        ids = [(await world.send(to, text="Look", content=media))[0] for _ in range(5)]
        await world.ends(ids, "DELIVERED")
        assert asked == ["/a.jpg"]
        assert world.cloud.counts["uploads"] == 1
        body = next(iter(world.cloud.sent.values())).body["image"]
        assert body["caption"] == "Look"
        assert body["id"] in world.cloud.files
        gone = {"media": {"type": "image", "url": f"{base}/b.jpg"}}
        [row] = await world.ends(await world.send(to, text="Look", content=gone), "REJECTED")
        assert row["error_code"] == "media_failed"
        assert row["refunded_micro"] == row["price_micro"]
        await world.balance_adds_up()
    await runner.cleanup()


@pytest.mark.slow
async def test_a_number_whose_token_is_refused_waits_and_goes_on(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home) as world:
        to = "+919876543210"
        await world.opened(to)
        numbers = msgspec.to_builtins(world.cloud.settings.numbers)
        refused = {key: {**one, "token": "another"} for key, one in numbers.items()}
        world.cloud.configure(numbers=refused)
        ids = await world.send(to)

        async def waits() -> bool:
            rows = await world.rows(ids)
            return bool(rows[0]["status"] == "QUEUED" and rows[0]["attempt"] > 1)

        await until(waits)
        text = await world.pool.fetchval(
            "SELECT details ->> 'carrier_code' FROM message_event WHERE message_id = $1", ids[0]
        )
        assert "190" in str(text)


async def test_an_approved_template_is_reviewed_by_meta_and_sent(dsn: str, home: Path) -> None:
    picture = b"\xff\xd8\xff\xe0" + b"x" * 1000

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=picture, content_type="image/jpeg")

    app = web.Application()
    app.router.add_get("/a.jpg", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/a.jpg"
    async with whatsapp_world(dsn, home) as world:
        made = {}
        for name in ("offer", "reject_me"):
            content = Content(
                body="Hello {{name}}, {{what}} is here.", footer="Bye",
                header=Header("image", url="https://example.com/a.jpg"),
                buttons=(Button("url", "Open", url="https://example.com/{{what}}"),),
                examples={"name": "Asha", "what": "tea"},
            )  # fmt: skip
            new = NewTemplate("whatsapp", name, content, "media", "en", "MARKETING")
            async with world.pool.acquire() as connection, acting(connection, "test"):
                account_id = world.account_id
                made[name] = await edit.create(connection, account_id, new, actor="owner")
                await edit.submit(connection, account_id, made[name], actor="owner")
                # What stands at https only is reached here without.
                await connection.execute(
                    "UPDATE template_version"
                    " SET content = jsonb_set(content, '{header,url}', $1) WHERE template_id = $2",
                    url, made[name],
                )  # fmt: skip
                await decide.approve(connection, world.account_id, made[name], actor="admin")

        async def decided() -> bool:
            rows = await world.pool.fetch(
                "SELECT carrier_status FROM template_version WHERE template_id = any($1)",
                list(made.values()),
            )  # fmt: skip
            return {row[0] for row in rows} == {"approved", "rejected"}

        async def say() -> object:
            rows = await world.pool.fetch(
                "SELECT status, carrier_status, carrier_reason, carrier_asked_at"
                " FROM template_version"
            )
            return [tuple(row) for row in rows], list(world.cloud.templates.values())

        await until(decided, 20, say)
        row = await world.pool.fetchrow(
            "SELECT status, reason, carrier_account, carrier_id FROM template_version"
            " WHERE template_id = $1", made["reject_me"],
        )  # fmt: skip
        assert (row["status"], row["reason"]) == ("REJECTED", "INVALID_FORMAT")
        assert row["carrier_account"] == WABA_ID
        there = next(one for one in world.cloud.templates.values() if one.name == "offer")
        assert there.named
        assert there.part("BUTTONS") == {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "Open", "url": "https://example.com/{{1}}",
                 "example": ["https://example.com/tea"]}
            ],
        }  # fmt: skip
        await world.reload()
        ids = await world.send(
            "+919876543210", text="", template="offer", variables={"name": "Ravi", "what": "milk"}
        )
        [row] = await world.ends(ids, "DELIVERED")
        assert (row["body"], row["category"]) == ("Hello Ravi, milk is here.", "MIC")
        sent = next(iter(world.cloud.sent.values())).body["template"]
        assert [one["type"] for one in sent["components"]] == ["header", "body", "button"]
        await world.balance_adds_up()
        # Paused by Meta: told by a webhook, and no message is made of it any more.
        world.cloud.decide(there.id, "PAUSED")

        async def paused() -> bool:
            await world.reload()
            template = world.snapshot.templates[world.account_id, "whatsapp"]
            return not next(iter(template.by_name["offer"].values())).usable

        await until(paused)
    await runner.cleanup()


async def test_another_category_told_by_meta_is_an_adjustment(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home, any_template=True, callback_twice=True) as world:
        # The simulated service says utility; the message was charged as free text.
        to = "+919876543210"
        await world.opened(to)
        offer = {**USED, "template": {**USED["template"], "category": "UTILITY"}}
        [row] = await world.ends(await world.send(to, content=offer), "DELIVERED")

        async def booked() -> bool:
            return bool(
                await world.pool.fetchval("SELECT count(*) FROM ledger_entry WHERE kind = 'ADJUST'")
            )

        await until(booked)
        [row] = await world.rows([row["id"]])
        assert (row["category"], row["price_micro"]) == ("UIC", 145_000)
        entry = await world.pool.fetchrow("SELECT * FROM ledger_entry WHERE kind = 'ADJUST'")
        assert entry["amount_micro"] == 50_000 - 145_000
        charged = await world.pool.fetchval("SELECT sum(charged_micro)::bigint FROM counter_minute")
        assert charged == 145_000
        await world.balance_adds_up()


async def test_who_must_wait_holds_up_nobody_else(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home, any_template=True) as world:
        await world.pool.execute(
            "UPDATE identity SET settings = settings || '{\"pair_burst\": 1}'::text::jsonb"
        )
        await world.pool.execute(
            "UPDATE wallet SET balance_micro = balance_micro + 100000000"
            " WHERE account_id = $1", world.account_id,
        )  # fmt: skip
        many = await world.send(*["+919876500000"] * 400, content=USED)

        async def one_is_gone() -> bool:
            return len(world.cloud.sent) >= 1

        await until(one_is_gone)
        await world.ends(await world.send("+919876511111", content=USED), "DELIVERED")
        rows = await world.rows(many)
        assert sum(row["status"] == "QUEUED" for row in rows) >= 395


async def test_the_recipients_of_a_day_are_counted_on_after_a_restart(dsn: str, home: Path) -> None:
    async with whatsapp_world(dsn, home, any_template=True) as world:
        await world.pool.execute(
            "UPDATE identity SET settings = settings || '{\"daily_limit\": 2}'::text::jsonb"
            " WHERE channel = 'whatsapp'"
        )
        # Free content to somebody else is none of the two.
        await world.opened("+919800000009")
        await world.ends(await world.send("+919800000009"), "DELIVERED")
        ids = await world.send("+919800000001", "+919800000002", content=USED)
        await world.ends(ids, "DELIVERED")
        await world.stop()
        await world.start()
        [third] = await world.send("+919800000003", content=USED)

        async def waits() -> bool:
            # Held for long; not only until the day is known.
            return bool(
                await world.pool.fetchval(
                    "SELECT count(*) FROM queue_item WHERE queue = 'cpaas.whatsapp.submit'"
                    " AND available_at > now() + interval '1 minute'"
                )
            )

        await until(waits)
        # Who was written to is no further recipient.
        await world.ends(await world.send("+919800000001", content=USED), "DELIVERED")
        [row] = await world.rows([third])
        assert row["status"] == "QUEUED"
        assert len(world.cloud.sent) == 4
