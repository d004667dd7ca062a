"""The simulated RCS hub answers and refuses as its documents say, over a real socket."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from tests.smpp.smpp_ends import until

from cpaas.simulators.rcs import RcsServer, RcsSettings
from cpaas.simulators.rcs.control import start_control
from cpaas.simulators.rcs.outcome import RESERVED

BOT = "AGeCe4BMDXPH2rOC"
TO = "+919812345678"
TEXT = {"contentMessage": {"text": "hello"}}
ACCOUNT = base64.b64encode(b"ops@example.net").decode()


class Hub:
    """A hub, a caller with its token, and a webhook that keeps what it is told."""

    def __init__(self, server: RcsServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.hub = server.hub
        self.session = session
        self.url = f"http://127.0.0.1:{server.port}"
        self.events: list[dict[str, Any]] = []
        self.refuse_events = 0
        self.token = ""

    async def log_in(self, client: str = BOT, secret: str = "s") -> int:
        status, body = await self.call(
            "POST", "/oauth2/token?grant_type=client_credentials",
            auth=aiohttp.BasicAuth(client, secret),
        )  # fmt: skip
        self.token = str(body.get("access_token", ""))
        return status

    async def call(
        self, method: str, path: str, body: Any = None, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        if body is not None:
            options["data"] = msgspec.json.encode(body)
        if "auth" not in options:
            options["headers"] = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(method, self.url + path, **options) as reply:
            raw = await reply.read()
            return reply.status, msgspec.json.decode(raw) if raw[:1] in b"{[" else {}

    async def send(
        self, body: Any = TEXT, to: str = TO, message_id: str = "", **query: str
    ) -> tuple[int, dict[str, Any]]:
        wanted = {"botId": BOT, "messageId": message_id} | query
        asked = "&".join(f"{key}={value}" for key, value in wanted.items() if value)
        return await self.call("POST", f"/v1/phones/{to}/agentMessages/async?{asked}", body)

    async def hook(self, request: web.Request) -> web.Response:
        if self.refuse_events > 0:
            self.refuse_events -= 1
            return web.Response(status=503)
        self.events.append(msgspec.json.decode(await request.read()))
        return web.Response()


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    server = RcsServer(RcsSettings(receipt_delay_seconds=0, callback_retry_seconds=(0.01, 0.01)))
    await server.start()
    async with aiohttp.ClientSession() as session:
        made = Hub(server, session)
        app = web.Application()
        app.router.add_post("/hook", made.hook)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.hub.configure(callback_url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        await made.log_in()
        yield made
        await server.stop()
        await runner.cleanup()


async def test_tokens_are_for_clients_that_are_known_and_end(hub: Hub) -> None:
    hub.hub.configure(bots={BOT: "right"})
    assert await hub.log_in(secret="wrong") == 401
    status, body = await hub.call("POST", "/oauth2/token", auth=aiohttp.BasicAuth(BOT, "right"))
    assert (status, body["error"]) == (400, "invalid_request")
    assert await hub.log_in(secret="right") == 200
    assert (await hub.send())[0] == 200
    hub.hub.desk.forget()
    status, body = await hub.send()
    assert (status, body["error"]) == (401, "invalid_token")
    hub.hub.configure(token_seconds=0)
    await hub.log_in(secret="right")
    assert (await hub.send())[0] == 401


async def test_a_client_may_not_fetch_tokens_all_the_time(hub: Hub) -> None:
    hub.hub.configure(token_calls=3)
    assert [await hub.log_in() for _ in range(3)] == [200, 200, 429]


async def test_a_token_serves_its_own_bot_only(hub: Hub) -> None:
    assert (await hub.send(botId="SomebodyElsesBot1"))[0] == 403
    assert (await hub.send(botId=""))[0] == 403
    hub.hub.configure(refuse_address=True)
    status, body = await hub.send()
    assert (status, body["error"]["message"]) == (403, "invalid client id or invalid IP address")


async def test_an_accepted_message_is_named_and_its_id_taken_once(hub: Hub) -> None:
    status, body = await hub.send(message_id="m-1")
    assert (status, body["name"]) == (200, f"phones/{TO}/agentMessages/m-1")
    assert (await hub.send(message_id="m-1"))[0] == 409
    await until(lambda: len(hub.events) == 1)
    event = hub.events[0]
    assert (event["eventType"], event["messageId"]) == ("DELIVERED", "m-1")
    assert event["senderPhoneNumber"] == TO
    hub.hub.configure(answer_style="message_id")
    assert (await hub.send(message_id="m-2"))[1]["messageId"] == "m-2"
    assert len(hub.hub.messages()) == 2


CHIP = {"reply": {"text": "Yes", "postbackData": "yes"}}
CARD = {"title": "T", "media": {"height": "TALL", "contentInfo": {"fileUrl": "https://a.b/c.png"}}}


def _card(**more: Any) -> dict[str, Any]:
    return {
        "richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": CARD | more}}
    }


def _chip(kind: str, text: str) -> dict[str, Any]:
    return {kind: {"text": text, "postbackData": "a"}}


def _template(code: str, params: object) -> dict[str, Any]:
    return {"templateMessage": {"templateCode": code, "customParams": params}}


def _cards(count: int) -> dict[str, Any]:
    return {"richCard": {"carouselCard": {"cardWidth": "SMALL", "cardContents": [CARD] * count}}}


@pytest.mark.parametrize(
    "content",
    [
        {"text": "hi", "suggestions": [CHIP] * 11},
        {"contentInfo": {"fileUrl": "https://a.b/c.pdf", "forceRefresh": True}},
        {"fileName": "files/1"},
        _card(suggestions=[CHIP] * 4),
        _cards(10),
        {"templateMessage": {"templateCode": "otp", "customParams": '{"name":"Asha"}'}},
    ],
)  # fmt: skip
async def test_what_the_documents_show_is_accepted(hub: Hub, content: Any) -> None:
    hub.hub.configure(templates={"otp": ["name"]})
    assert (await hub.send({"contentMessage": content, "ttl": "120s"}))[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"contentMessage": {}},
        {"contentMessage": {"text": ""}},
        {"contentMessage": {"text": "a" * 3073}},
        {"contentMessage": {"text": "a", "fileName": "b"}},
        {"contentMessage": {"text": "a", "other": 1}},
        {"contentMessage": {"text": "a"}, "ttl": 120},
        {"contentMessage": {"text": "a"}, "ttl": "120"},
        {"contentMessage": {"text": "a", "suggestions": [CHIP] * 12}},
        {"contentMessage": {"text": "a", "suggestions": [_chip("reply", "x" * 26)]}},
        {"contentMessage": {"text": "a", "suggestions": [_chip("action", "x")]}},
        {"contentMessage": {"contentInfo": {"fileUrl": "ftp://a"}}},
        {"contentMessage": _card(suggestions=[CHIP] * 5)},
        {"contentMessage": _cards(1)},
        {"contentMessage": _cards(11)},
        {"contentMessage": _template("otp", {"name": "A"})},
        {"contentMessage": _template("otp", "{}")},
        {"contentMessage": _template("none", "{}")},
    ],
)  # fmt: skip
async def test_what_the_documents_forbid_is_refused(hub: Hub, body: Any) -> None:
    hub.hub.configure(templates={"otp": ["name"]})
    status, answer = await hub.send(body)
    assert (status, answer["error"]["code"]) == (400, 400)
    assert not hub.hub.messages()


async def test_refusals_come_in_the_ways_that_were_seen(hub: Hub) -> None:
    hub.hub.configure(refusal_style="event")
    status, body = await hub.send({"contentMessage": {}})
    assert (status, body["eventType"], "name" in body) == (200, "FAILED", False)
    hub.hub.configure(refusal_style="ok")
    status, body = await hub.send({"contentMessage": {}})
    assert (status, body["error"]["code"]) == (200, 400)


async def _reserved(hub: Hub, last: str, **query: str) -> tuple[int, list[str]]:
    hub.events.clear()
    status, _ = await hub.send(to=f"+9990000000{last}", message_id=f"r-{last}", **query)
    if status == 200:
        outcome = RESERVED[f"+9990000000{last}"]
        await until(lambda: len(hub.events) == len(outcome.events))
    return status, [event["eventType"] for event in hub.events]


async def test_reserved_numbers_give_every_outcome(hub: Hub) -> None:
    hub.hub.configure(slow_receipt_seconds=0.01)
    told = {last: await _reserved(hub, last) for last in ("01", "02", "03", "04", "05", "06", "07")}
    assert told == {
        "01": (200, ["DELIVERED"]), "02": (200, ["FAILED"]), "03": (400, []),
        "04": (200, ["TTL_EXPIRATION_REVOKED"]), "05": (200, ["DELIVERED"]), "06": (200, []),
        "07": (429, []),
    }  # fmt: skip
    assert await _reserved(hub, "07") == (200, ["DELIVERED"])
    told = {last: await _reserved(hub, last) for last in ("11", "12", "13", "14", "15", "17", "18")}
    assert told == {
        "11": (200, ["FAILED"]), "12": (200, ["DELIVERED", "READ"]), "13": (200, ["READ"]),
        "14": (200, ["FAILED"]), "15": (500, []), "17": (409, []), "18": (403, []),
    }  # fmt: skip
    assert await _reserved(hub, "15") == (200, ["DELIVERED"])
    assert (await hub.send(to="+999000000011", doCapCheck="true"))[0] == 404


async def test_an_answer_may_never_come_though_the_message_was_taken(hub: Hub) -> None:
    sending = asyncio.create_task(_reserved(hub, "16"))
    await until(lambda: bool(hub.hub.messages()))
    sending.cancel()
    assert (await _reserved(hub, "16"))[0] == 409


async def test_a_handset_that_is_off_expires_what_has_a_ttl(hub: Hub) -> None:
    await hub.send({**TEXT, "ttl": "0s"}, to="+999000000019", message_id="late")
    await hub.send(to="+999000000019", message_id="waits")
    await until(lambda: len(hub.events) == 1)
    assert hub.events[0]["messageId"] == "late"
    assert hub.events[0]["eventType"] == "TTL_EXPIRATION_REVOKED"
    assert (await hub.call("DELETE", f"/v1/phones/{TO}/agentMessages/waits?botId={BOT}"))[0] == 200
    assert (await hub.call("DELETE", f"/v1/phones/{TO}/agentMessages/late?botId={BOT}"))[0] == 404
    assert (await hub.call("DELETE", f"/v1/phones/{TO}/agentMessages/none?botId={BOT}"))[0] == 404


async def test_free_content_goes_only_to_who_wrote_when_so_set(hub: Hub) -> None:
    hub.hub.configure(conversation_only=True, any_template=True)
    template = {"contentMessage": {"templateMessage": {"templateCode": "hello"}}}
    assert [(await hub.send())[0], (await hub.send(template))[0]] == [403, 200]
    hub.hub.inject(BOT, TO, {"text": "hi"})
    assert (await hub.send())[0] == 200


async def test_capabilities_one_and_many(hub: Hub) -> None:
    plain = "+999000000011"
    path = "/v1/phones/{}/capabilities?botId=" + BOT
    assert "REVOCATION" in (await hub.call("GET", path.format(TO)))[1]["features"]
    assert await hub.call("GET", path.format(plain)) == (200, {})
    bulk = f"/bot/v1/{BOT}/rcsEnabledContacts"
    _, body = await hub.call("POST", bulk, {"users": [TO, plain]})
    assert body == {"rcsEnabledContacts": [TO]}
    assert (await hub.call("POST", f"/rcs{bulk}", {"users": [TO]}))[0] == 200
    assert (await hub.call("POST", bulk, {"users": "x"}))[0] == 400


async def test_events_come_in_both_envelopes_and_again_when_refused(hub: Hub) -> None:
    hub.hub.configure(envelope="mixed")
    hub.refuse_events = 2
    for number in range(3):
        await hub.send(message_id=f"m-{number}")
    await until(lambda: len(hub.events) == 3)
    wrapped = [event["message"] for event in hub.events if "message" in event]
    assert len(wrapped) == 2
    inner = [msgspec.json.decode(base64.urlsafe_b64decode(
        one["data"].replace("+", "-").replace("/", "_"))) for one in wrapped]  # fmt: skip
    assert {one["eventType"] for one in inner} == {"DELIVERED"}
    assert {one["attributes"]["business_id"] for one in wrapped} == {BOT}
    assert (hub.hub.caller.refused, hub.hub.caller.given_up) == (2, 0)
    hub.hub.configure(envelope="gsma", callback_twice=True)
    hub.events.clear()
    await hub.send(message_id="g")
    await until(lambda: len(hub.events) == 2)
    assert hub.events[0]["RCSMessage"] | {"timestamp": ""} == {
        "msgId": "g", "status": "delivered", "timestamp": ""
    }  # fmt: skip


def _multipart(data: dict[str, Any]) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("rich_template_data", msgspec.json.encode(data).decode())
    return form


async def _submit(hub: Hub, data: dict[str, Any], method: str = "POST", name: str = "") -> int:
    path = f"{hub.url}/directory/secure/api/v1/bots/{BOT}/templates{name}"
    headers = {"Authorization": f"Bearer {hub.token}"}
    async with hub.session.request(method, path, data=_multipart(data), headers=headers) as reply:
        return reply.status


def _encoded(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


async def test_templates_are_submitted_decided_and_then_usable(hub: Hub) -> None:
    hub.hub.configure(approve_seconds=3600)
    data = {"name": "welcome", "type": "text_message", "textMessageContent": "Hello [name]"}
    assert await _submit(hub, data) == 401, "a bot's token is none of the directory's"
    bot_token = hub.token
    await hub.log_in(ACCOUNT)
    assert [await _submit(hub, data), await _submit(hub, data)] == [202, 403]
    assert await _submit(hub, data | {"name": "name with spaces"}) == 400
    assert await _submit(hub, data | {"name": "other", "textMessageContent": "x" * 2501}) == 400
    path = f"/directory/secure/api/v1/bots/{BOT}/templates"
    status_path = f"{path}/{_encoded('welcome')}/templateStatus"
    assert (await hub.call("GET", status_path))[1]["templateStatus"] == "pending"
    template = {"templateCode": "welcome", "customParams": '{"name":"Asha"}'}
    directory_token, hub.token = hub.token, bot_token
    assert (await hub.send({"contentMessage": {"templateMessage": template}}))[0] == 400
    hub.hub.directory.decide(BOT, "welcome", "approved")
    assert (await hub.send({"contentMessage": {"templateMessage": template}}))[0] == 200
    hub.token = directory_token
    listed = (await hub.call("GET", path))[1]["templateList"]
    assert listed == [
        {"name": "welcome", "templateStatus": "approved", "templateType": "text_message"}
    ]
    assert await _submit(hub, data, "PUT", f"/{_encoded('welcome')}") == 202
    assert (await hub.call("GET", status_path))[1]["templateStatus"] == "pending"
    gone = f"/directory/secure/api/v1/bots/{BOT}/deleteTemplate/{_encoded('welcome')}"
    assert [(await hub.call("POST", gone))[0], (await hub.call("POST", gone))[0]] == [200, 404]


async def test_cards_and_carousels_of_templates_have_their_limits(hub: Hub) -> None:
    await hub.log_in(ACCOUNT)
    card = {"cardTitle": "T", "cardDescription": "D", "mediaUrl": "https://a.b/c.png"}
    chip = {"suggestionType": "reply", "displayText": "Yes", "postback": "yes"}
    single = {"name": "card", "type": "rich_card", "orientation": "VERTICAL",
              "height": "SHORT_HEIGHT", "standAlone": card | {"suggestions": [chip]}}  # fmt: skip
    assert await _submit(hub, single) == 202
    five = single | {"name": "five", "standAlone": card | {"suggestions": [chip] * 5}}
    assert await _submit(hub, five) == 400
    many = {"name": "many", "type": "carousel", "height": "SHORT_HEIGHT", "width": "MEDIUM_WIDTH"}
    counts = (2, 10, 1, 11)
    told = [
        await _submit(hub, many | {"name": f"m{count}", "carouselList": [card] * count})
        for count in counts
    ]
    assert told == [202, 202, 400, 400]


async def test_a_person_can_look_in_and_play_the_user(hub: Hub) -> None:
    port, stop = await start_control(hub.hub, 0)
    await hub.send(message_id="m-1")
    url = f"http://127.0.0.1:{port}"
    async with hub.session.get(f"{url}/messages") as reply:
        assert [one["message_id"] for one in (await reply.json())["messages"]] == ["m-1"]
    tap = {"suggestionResponse": {"postbackData": "yes", "text": "Yes", "type": "REPLY"}}
    async with hub.session.post(
        f"{url}/user", json={"bot": BOT, "msisdn": TO, "content": tap}
    ) as reply:
        assert reply.status == 200
    await until(lambda: any("suggestionResponse" in event for event in hub.events))
    async with hub.session.post(f"{url}/settings", json={"tps": "many"}) as reply:
        assert reply.status == 400
    async with hub.session.get(f"{url}/stats") as reply:
        assert (await reply.json())["accepted"] == 1
    await stop()
