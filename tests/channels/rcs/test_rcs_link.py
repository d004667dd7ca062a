"""The RCS link over real sockets, against the simulated hub."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest
from tests.smpp.smpp_ends import until

from cpaas.channels.base import (
    Callback,
    CallbackRefusedError,
    CarrierReceipt,
    Inbound,
    Link,
    NotEncodableError,
    Outcome,
    Tools,
)
from cpaas.channels.rcs.bots import Bots
from cpaas.channels.rcs.channel import RcsChannel
from cpaas.channels.rcs.config import RcsSettings as RcsSettings_
from cpaas.channels.rcs.driver import RcsDriver
from cpaas.kit.ids import new_id_bytes
from cpaas.messages.envelopes import VERSION, Envelope, Outgoing
from cpaas.simulators.rcs import RcsServer, RcsSettings
from cpaas.snapshot.types import Identity, Route

BOT = "AGeCe4BMDXPH2rOC"
NOW_US = 1_800_000_000_000_000
ENVELOPE = Envelope(VERSION, 1, 1, "rcs", "transactional", False, 0, [7], 0, "", 0, [])


class Sink:
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def on_outcomes(self, outcomes: list[Outcome]) -> None:
        self.outcomes += outcomes

    def on_receipts(self, receipts: list[CarrierReceipt]) -> None:
        raise AssertionError("they come by callback")

    def on_inbound(self, messages: list[Inbound]) -> None:
        raise AssertionError("they come by callback")

    def on_change(self) -> None:
        return


def identity(name: str = "acme", route_id: int = 7, **settings: object) -> Identity:
    return Identity(1, "rcs", name, "", route_id, True, {"bot_id": BOT} | settings, b"x", {})


def tools(*bots: Identity, secret: str = "s") -> Tools:
    by_name = {one.value: one for one in bots}
    return Tools(
        by_name.get, lambda _: list(bots), lambda _: {"client_secret": secret}, cast("Any", None),
        lambda _: "",
    )  # fmt: skip


def route(port: int, **settings: object) -> Route:
    url = f"http://127.0.0.1:{port}"
    known = {"api_url": url, "token_url": f"{url}/oauth2/token"} | settings
    return Route(
        7, "rcs", "rcs", "", "", 0, True, False, 0, 1, 50, "trx", "", "", "", "same", known, b"", 0
    )  # fmt: skip


def message(to: str = "+919812345678", sender: str = "acme", **content: Any) -> Outgoing:
    return Outgoing(
        new_id_bytes(), to, sender, "hello", "", 1, 1, NOW_US, NOW_US + 3_600_000_000, 0,
        content=content or None,
    )  # fmt: skip


class World:
    """A hub and the links to it."""

    def __init__(self, server: RcsServer) -> None:
        self.server = server
        self.hub = server.hub
        self.sink = Sink()
        self.links: list[Link] = []

    def link(self, secret: str = "s", **settings: object) -> Link:
        channel = RcsChannel()
        made = channel.open(
            route(self.server.port, **settings), {}, self.sink, tools(identity(), secret=secret)
        )
        made.start()
        self.links.append(made)
        return made

    async def send(self, link: Link, *messages: Outgoing) -> list[Outcome]:
        """Sends as there is room, and waits for all outcomes, in the messages' order."""
        self.sink.outcomes.clear()
        waiting = [link.prepare(ENVELOPE, one) for one in messages]
        while waiting:
            waiting = link.send(waiting)
            await asyncio.sleep(0.001)
        await until(lambda: len(self.sink.outcomes) == len(messages))
        by_id = {one.prepared.message.id: one for one in self.sink.outcomes}
        return [by_id[one.id] for one in messages]

    async def codes(self, link: Link, *messages: Outgoing) -> list[str]:
        return [one.error.code if one.error else "" for one in await self.send(link, *messages)]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    server = RcsServer(RcsSettings(receipt_delay_seconds=0))
    await server.start()
    made = World(server)
    yield made
    for link in made.links:
        await link.stop(0)
    await server.stop()


async def test_many_messages_take_one_token_and_keep_their_ids(world: World) -> None:
    link = world.link()
    messages = [message(f"+9198123456{number % 10:02}") for number in range(120)]
    outcomes = await world.send(link, *messages)
    assert {one.error for one in outcomes} == {None}
    ids = [one.provider_ids[0] for one in outcomes]
    assert ids == [one.message_id for one in _in_order(world, messages)]
    stats = world.hub.stats()
    assert (stats["tokens"], stats["accepted"], stats["capability_calls"]) == (1, 120, 10)


def _in_order(world: World, messages: list[Outgoing]) -> list[Any]:
    from cpaas.channels.rcs.payloads import message_id

    held = {one.message_id: one for one in world.hub.messages(1000)}
    return [held[message_id(one)] for one in messages]


async def test_a_stale_token_is_fetched_anew_once(world: World) -> None:
    link = world.link(capability="off")
    await world.send(link, message())
    world.hub.desk.forget()
    assert set(await world.codes(link, *[message() for _ in range(40)])) == {""}
    assert world.hub.desk.issued == 2


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"bots": {BOT: "other"}}, "account_stopped"),
        ({"refuse_address": True}, "account_stopped"),
        ({"token_calls": 1}, ""),
        ({"tps": 1}, "carrier_throttled"),
        ({"capable": False}, "not_capable"),
        ({"refusal_style": "event", "capable": False}, "not_capable"),
        ({"fault_share": 1.0}, "carrier_temporary"),
        ({"conversation_only": True}, "no_conversation"),
        ({"conversation_only": True, "refusal_style": "ok"}, "no_conversation"),
        ({"conversation_only": True, "refusal_style": "event"}, "no_conversation"),
    ],
)
async def test_refusals_of_the_hub(world: World, settings: dict[str, Any], code: str) -> None:
    world.hub.configure(**settings)
    link = world.link(capability="off" if "refusal_style" in settings else "ask")
    if settings.get("capable") is False and "refusal_style" in settings:
        link = world.link(capability="send")
    told = await world.codes(link, message(), message())
    assert told[1] == code


async def test_reserved_numbers(world: World) -> None:
    link = world.link()
    numbers = ("03", "07", "11", "14", "15", "17", "18")
    told = await world.codes(link, *[message(f"+9990000000{last}") for last in numbers])
    assert dict(zip(numbers, told, strict=True)) == {
        "03": "message_refused", "07": "carrier_throttled", "11": "not_capable", "14": "",
        "15": "carrier_temporary", "17": "template_refused", "18": "no_conversation",
    }  # fmt: skip


async def test_an_unknown_outcome_is_resolved_by_the_same_id(world: World) -> None:
    link = world.link(response_timeout_seconds=0.2)
    one = message("+999000000016")
    assert await world.codes(link, one) == ["unknown_outcome"]
    again = msgspec.structs.replace(one, attempt=2)
    (outcome,) = await world.send(link, again)
    assert (outcome.error, outcome.provider_ids) == (None, [world.hub.messages()[0].message_id])
    assert len(world.hub.messages()) == 1


def test_a_bot_has_a_rate_of_its_own() -> None:
    now = [1000.0]
    settings = RcsSettings_()
    slow, free = identity(tps="10"), identity("free", bot_id="Two")
    driver = RcsDriver(settings, Bots(route(1), tools(slow, free)), clock=lambda: now[0])
    told = [driver.hold(ENVELOPE, message()) for _ in range(4)]
    assert told[:2] == [0.0, 0.0], "a tenth of a second's rate goes at once"
    assert min(told[2:]) > 0
    assert [driver.hold(ENVELOPE, message(sender="free")) for _ in range(100)] == [0.0] * 100
    now[0] += 0.1
    assert driver.hold(ENVELOPE, message()) == 0.0


async def test_a_hub_that_is_away_gets_nothing(world: World) -> None:
    server = RcsServer(RcsSettings())
    port = await server.start()
    await server.stop()
    channel = RcsChannel()
    link = channel.open(route(port), {}, world.sink, tools(identity()))
    link.start()
    world.links.append(link)
    assert await world.codes(link, message(), message()) == ["route_down", "route_down"]
    assert not link.up


async def test_a_token_endpoint_that_is_silent_leaves_no_outcome_unknown(world: World) -> None:
    silent = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    link = world.link(token_url=f"http://127.0.0.1:{port}/token")
    assert await world.codes(link, message()) == ["carrier_temporary"]
    silent.close()


async def test_a_message_is_taken_back(world: World) -> None:
    link = world.link()
    (outcome,) = await world.send(link, message("+999000000006"))
    assert link.revoke(str(outcome.provider_ids[0]), "acme", "+999000000006")
    await until(lambda: world.hub.counts.get("revoked") == 1)
    assert not link.revoke("m", "nobody", "+999000000006")


async def test_only_bots_of_the_route_send(world: World) -> None:
    channel = RcsChannel()
    link = channel.open(
        route(world.server.port), {}, world.sink, tools(identity(), identity("away", route_id=8))
    )
    for sender in ("away", "nobody"):
        with pytest.raises(NotEncodableError, match=sender):
            link.prepare(ENVELOPE, message(sender=sender))


async def test_every_kind_of_content_is_taken_by_the_hub(world: World) -> None:
    world.hub.configure(templates={"otp": ["code"]})
    link = world.link()
    card = {"title": "T", "media": {"url": "https://cdn.example/a.png"}}
    chips = [{"type": "reply", "text": "Yes"}]
    plain = message(rcs={"suggestions": chips})
    rich = [
        message(template={"code": "otp", "params": {"code": "4821"}}),
        message(media={"url": "https://cdn.example/a.pdf"}),
        message(rcs={"card": card, "suggestions": chips}),
        message(rcs={"carousel": {"cards": [card, card]}}),
    ]
    rich = [msgspec.structs.replace(one, text="") for one in rich]
    assert await world.codes(link, plain, *rich) == [""] * 5
    kinds = [one.kind for one in world.hub.messages()]
    assert sorted(kinds) == ["contentInfo", "richCard", "richCard", "templateMessage", "text"]


def _call(body: bytes, path: str = "", peer: str = "10.1.2.3", method: str = "POST") -> Callback:
    return Callback(method, path, {}, {}, body, peer, NOW_US)


def test_callbacks_are_believed_by_their_address() -> None:
    channel, known = RcsChannel(), tools(identity())
    listed = route(1, callback_networks=["10.0.0.0/8"])
    body = b'{"eventType":"READ","messageId":"0193f1f0-0000-7000-8000-000000000001"}'
    heard = channel.hear(listed, {}, _call(body), known)
    assert heard.receipts[0].state == "READ"
    assert heard.receipts[0].message_id == bytes.fromhex("0193f1f0000070008000000000000001")
    assert channel.hear(listed, {}, _call(body, peer="::ffff:10.1.2.3"), known).receipts
    for peer in ("11.0.0.1", "", "unix"):
        with pytest.raises(CallbackRefusedError, match="callback_networks"):
            channel.hear(listed, {}, _call(body, peer=peer), known)
    with pytest.raises(CallbackRefusedError) as caught:
        channel.hear(route(1), {}, _call(b"{}"), known)
    assert caught.value.status == 400
    assert channel.hear(route(1), {}, _call(b"", method="GET"), known).status == 200


@pytest.mark.parametrize(
    ("bots", "path", "recipient"),
    [
        ([identity()], "", "acme"),
        ([identity(), identity("other", bot_id="Two")], "/Two", "other"),
        ([identity(), identity("other", bot_id="Two")], "", ""),
        ([identity(), identity("other", bot_id="Two")], "/Unknown", "Unknown"),
    ],
)
def test_a_reply_is_to_the_bot_that_the_hub_names(
    bots: list[Identity], path: str, recipient: str
) -> None:
    tap = {"senderPhoneNumber": "+919812345678", "messageId": "in-1",
           "suggestionResponse": {"postbackData": "yes", "text": "Yes!"}}  # fmt: skip
    heard = RcsChannel().hear(route(1), {}, _call(msgspec.json.encode(tap), path), tools(*bots))
    reply = heard.inbound[0]
    assert (reply.recipient, reply.body, reply.key) == (recipient, "Yes!", "in-1")
    assert reply.content == {"type": "tap", "postback": "yes"}
