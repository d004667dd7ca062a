"""What every channel over HTTP must do, on its simulated carrier: one suite, a rig per channel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.gateway.harness import no_tools, until
from tests.pipeline.world import route as plain_route

from cpaas.channels.base import (
    Callback,
    CallbackRefusedError,
    CarrierReceipt,
    Heard,
    Hearing,
    Inbound,
    Link,
    Outcome,
    Tools,
)
from cpaas.channels.registry import CHANNELS
from cpaas.kit.errors import InputError
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import VERSION, Envelope, Outgoing
from cpaas.simulators.rcs import RcsServer, RcsSettings
from cpaas.simulators.voice import CallProvider, ProviderSettings
from cpaas.simulators.whatsapp import CloudServer, CloudSettings, Number
from cpaas.snapshot.types import Identity, Route

FOREIGN = {"whatsapp": "rcs", "rcs": "whatsapp", "voice": "rcs", "sms": "media"}


class Sink:
    """What a link tells."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def on_outcomes(self, outcomes: list[Outcome]) -> None:
        self.outcomes += outcomes

    def on_receipts(self, receipts: list[CarrierReceipt]) -> None:
        raise AssertionError("they come by callbacks")

    def on_inbound(self, messages: list[Inbound]) -> None:
        raise AssertionError("they come by callbacks")

    def on_change(self) -> None:
        return


class Rig:
    """One channel's link to its simulated carrier, and what its callbacks told."""

    def __init__(
        self, channel: str, route: Route, credentials: dict[str, str], tools: Tools,
        content: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.channel: Any = CHANNELS[channel]
        self.route = route
        self.credentials = credentials
        self.tools = tools
        self.content = content
        self.sink = Sink()
        self.heard: list[Heard] = []
        self.refused: list[int] = []
        self.link = self.open(route)

    def open(self, route: Route) -> Link:
        made: Link = self.channel.open(route, self.credentials, self.sink, self.tools)
        made.start()
        return made

    def receipts(self) -> list[CarrierReceipt]:
        return [receipt for one in self.heard for receipt in one.receipts]

    def send(self, *numbers: str, link: Link | None = None) -> list[bytes]:
        link = link or self.link
        made = []
        for number in numbers:
            message = Outgoing(
                new_id().bytes, number, "+15550001000", "Hello", "", 1, 1, 0, 2**62, 0,
                content=self.content,
            )  # fmt: skip
            envelope = Envelope(
                VERSION, 1, 1, self.channel.name, "transactional", False, 0, [1], 0, "", 0,
                [message],
            )  # fmt: skip
            made.append(link.prepare(envelope, message))
        assert not link.send(made)
        return [one.message.id for one in made]

    async def outcome(self, *numbers: str, link: Link | None = None) -> list[Outcome]:
        before = len(self.sink.outcomes)
        self.send(*numbers, link=link)

        async def there() -> bool:
            return len(self.sink.outcomes) == before + len(numbers)

        await until(there)
        return self.sink.outcomes[before:]

    async def callback(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Callback(
            request.method, "", dict(request.query), headers, await request.read(), "", 2**50
        )
        try:
            heard = self.channel.hear(self.route, self.credentials, call, self.tools)
        except CallbackRefusedError as error:
            self.refused.append(error.status)
            return web.Response(status=error.status)
        self.heard.append(heard)
        return web.Response(status=heard.status, body=heard.body)


@asynccontextmanager
async def whatsapp() -> AsyncIterator[Rig]:
    number = Number(display="+15550001000", waba_id="222", token="token")
    server = CloudServer(
        CloudSettings(
            numbers={"111": number}, app_secret="secret", windows=False,
            receipt_delay_seconds=0.01, callback_retry_seconds=(),
        )
    )  # fmt: skip
    port = await server.start()
    identity = Identity(
        1, "whatsapp", "+15550001000", "", 1, active=True,
        settings={"phone_number_id": "111", "waba_id": "222", "tps": 0, "pair_seconds": 0},
        secret=b"", accounts={1: True},
    )  # fmt: skip
    route = msgspec.structs.replace(
        plain_route(1), name="wa", channel="whatsapp", window_size=20,
        settings={"base_url": f"http://127.0.0.1:{port}", "answer_seconds": 1},
    )  # fmt: skip
    tools = no_tools(
        identity=lambda _value: identity, identities=lambda _route: [identity],
        secrets=lambda _one: {"access_token": "token", "app_secret": "secret"},
    )  # fmt: skip
    rig = Rig("whatsapp", route, {}, tools)
    async with called(rig) as url:
        server.cloud.configure(callback_url=url)
        try:
            yield rig
        finally:
            await rig.link.stop(1.0)
            await server.stop()


@asynccontextmanager
async def voice() -> AsyncIterator[Rig]:
    provider = CallProvider(ProviderSettings(accounts={"AC1": "token"}))
    port = await provider.start()
    route = msgspec.structs.replace(
        plain_route(1), name="calls", channel="voice", dialect="http", system_id="AC1",
        window_size=20,
        settings={"base_url": f"http://127.0.0.1:{port}", "timeout_seconds": 1},
    )  # fmt: skip
    where: list[str] = []
    tools = no_tools(callback_url=lambda _route: where[0])
    rig = Rig("voice", route, {"password": "token"}, tools)
    async with called(rig) as url:
        where.append(url)
        try:
            yield rig
        finally:
            await rig.link.stop(1.0)
            await provider.stop()


@asynccontextmanager
async def called(rig: Rig) -> AsyncIterator[str]:
    """The address at which the rig hears its carrier."""
    app = web.Application()
    app.router.add_route("*", "/hook", rig.callback)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def rcs() -> AsyncIterator[Rig]:
    server = RcsServer(RcsSettings(receipt_delay_seconds=0.01, callback_retry_seconds=()))
    url = f"http://127.0.0.1:{await server.start()}"
    identity = Identity(
        2, "rcs", "+15550001000", "", 1, active=True, settings={"bot_id": "AGeCe4BMDXPH2rOC"},
        secret=b"", accounts={1: True},
    )  # fmt: skip
    route = msgspec.structs.replace(
        plain_route(1), name="rcs", channel="rcs", window_size=20,
        settings={
            "api_url": url, "token_url": f"{url}/oauth2/token", "response_timeout_seconds": 1
        },
    )  # fmt: skip
    tools = no_tools(
        identity=lambda _value: identity, identities=lambda _route: [identity],
        secrets=lambda _one: {"client_secret": "secret"},
    )  # fmt: skip
    rig = Rig("rcs", route, {}, tools)
    async with called(rig) as hook:
        server.hub.configure(callback_url=hook)
        try:
            yield rig
        finally:
            await rig.link.stop(1.0)
            await server.stop()


RIGS: dict[str, Callable[[], AbstractAsyncContextManager[Rig]]] = {
    "whatsapp": whatsapp, "rcs": rcs, "voice": voice
}  # fmt: skip
each = pytest.mark.parametrize("made", RIGS.values(), ids=RIGS.keys())
Made = Callable[[], AbstractAsyncContextManager[Rig]]


@each
async def test_accepted_messages_have_ids_and_receipts_that_name_them(made: Made) -> None:
    async with made() as rig:
        numbers = [f"+9198765432{n:02}" for n in range(10)]
        outcomes = await rig.outcome(*numbers)
        assert [one.error for one in outcomes] == [None] * 10
        ids = [str(one.provider_ids[0]) for one in outcomes]
        assert len(set(ids)) == 10

        async def delivered() -> bool:
            told = {r.provider_message_id for r in rig.receipts() if r.state == "DELIVERED"}
            return told == set(ids)

        await until(delivered)
        assert not rig.refused


@each
async def test_each_refusal_is_of_a_class(made: Made) -> None:
    async with made() as rig:
        [refused] = await rig.outcome("+999000000003")
        assert refused.error is not None
        assert (refused.error.then, refused.error.refunds) == ("reject", True)
        assert refused.carrier_code
        [throttled] = await rig.outcome("+999000000007")
        assert throttled.error is not None
        assert throttled.error.then == "retry"
        [after] = await rig.outcome("+999000000007")
        assert after.error is None


@each
async def test_an_answer_that_never_comes_is_unknown_and_told_with_our_own_id(
    made: Made,
) -> None:
    async with made() as rig:
        [unknown] = await rig.outcome("+999000000016")
        assert unknown.error is not None
        assert unknown.error.then == "unknown"

        async def told() -> bool:
            ours = {receipt.message_id for receipt in rig.receipts()}
            return unknown.prepared.message.id in ours

        await until(told)


@each
async def test_a_carrier_that_is_away_has_nothing(made: Made) -> None:
    async with made() as rig:
        nowhere = web.AppRunner(web.Application())
        await nowhere.setup()
        await web.TCPSite(nowhere, "127.0.0.1", 0).start()
        port = nowhere.addresses[0][1]
        await nowhere.cleanup()
        settings = {
            name: f"http://127.0.0.1:{port}" if str(value).startswith("http") else value
            for name, value in rig.route.settings.items()
        }
        away = rig.open(msgspec.structs.replace(rig.route, settings=settings, port=port))
        [down] = await rig.outcome("+919876543210", link=away)
        assert down.error is not None
        assert (down.error.code, down.error.then) == ("route_down", "next_route")
        assert not away.up
        assert away.last_error
        # It comes back by itself.
        await until(lambda: asyncio.sleep(0, away.up))
        await away.stop(1.0)


@each
async def test_never_more_at_once_than_the_window(made: Made) -> None:
    async with made() as rig:
        assert rig.link.free == rig.route.window_size
        rig.send(*["+999000000016"] * 5)
        await asyncio.sleep(0)
        assert rig.link.in_flight == 5
        assert rig.link.free == rig.route.window_size - 5


@each
async def test_a_callback_that_is_not_the_carriers_is_refused(made: Made) -> None:
    async with made() as rig:
        call = Callback("POST", "", {}, {}, b'{"entry": []}', "127.0.0.1", 2**50)
        if rig.channel.name == "whatsapp":
            with pytest.raises(CallbackRefusedError):
                rig.channel.hear(rig.route, rig.credentials, call, rig.tools)
        for body in (b"", b"[]", b"{", b"null", b"\xff", b'{"entry": 7}'):
            broken = msgspec.structs.replace(call, body=body)
            heard = None
            with contextlib.suppress(CallbackRefusedError):
                heard = rig.channel.hear(rig.route, rig.credentials, broken, rig.tools)
            assert heard is None or not heard.receipts


def test_every_channel_checks_what_it_is_given() -> None:
    for name, channel in CHANNELS.items():
        assert channel.name == name
        assert channel.weigh("Hello", {}) >= 1
        with pytest.raises(InputError) as refused:
            channel.weigh("Hello", {FOREIGN[name]: {"x": 1}})
        assert refused.value.field.split(".")[0] == FOREIGN[name]
        if name != "sms":
            assert isinstance(channel, Hearing)
