"""Routes over HTTP with a real database and sockets: a scripted gateway, and Kannel itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from tests.gateway.harness import SECRET, Gateway, gateway_world, now_us, routed_to, until
from tests.parts import require
from tests.postgres_keeper import free_port
from tests.simulators.test_smsc_with_kannel import kannel

from cpaas.channels.sms.channel import SmsChannel
from cpaas.gateway import callbacks
from cpaas.services.status_page import StatusPage
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.snapshot.types import Route


class Peer:
    """A gateway that answers as it was told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[dict[str, str]] = []
        self.peers: set[Any] = set()
        self.at_once = self.most_at_once = 0
        self.answers: list[tuple[int, str]] = []
        self.usual = (200, 'Success "{n}"')
        self.hold: asyncio.Event | None = None
        self.cut = 0

    async def send(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        fields = dict(request.query) | {k: str(v) for k, v in (await request.post()).items()}
        self.asked.append(fields)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.cut:
                self.cut -= 1
                request.transport.abort()
                return web.Response()
            status, text = self.answers.pop(0) if self.answers else self.usual
            return web.Response(status=status, text=text.replace("{n}", f"j{len(self.asked)}"))
        finally:
            self.at_once -= 1


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.send)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        if made.hold is not None:
            made.hold.set()
        await runner.cleanup()


async def no_templates(*_: Any) -> None:
    """An SMS carrier says nothing about templates."""


@asynccontextmanager
async def http_world(dsn: str) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway, and the address at which its carriers bring receipts."""
    async with gateway_world(dsn) as world:
        status = StatusPage("cpaas-sms", lambda: True, list)
        page = callbacks.Callbacks(
            SmsChannel(), world.around, world.around.tools, credentials=lambda _: world.credentials,
            page=status.page, templates=no_templates, trusted=(ip_network("127.0.0.1/32"),),
            counted=world.host.counted,
        )  # fmt: skip
        world.base = f"http://127.0.0.1:{await page.start('127.0.0.1', 0)}/callbacks"
        base = f"{world.base}/sms"
        try:
            yield world, base
        finally:
            await page.close()


def route(kind: str, port: int, id_: int = 1, **changes: Any) -> Route:
    return msgspec.structs.replace(
        routed_to(port, id_, window_size=changes.pop("window_size", 4)), dialect=kind,
        callback_token=SECRET,
        settings={"connect_timeout_seconds": 2, "response_timeout_seconds": 5} | changes,
    )  # fmt: skip


async def call(url: str, **more: Any) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.request("POST", url, **more) as answer:
        return answer.status, await answer.text()


async def test_jasmin_style_from_submit_to_receipt(dsn: str) -> None:
    async with peer() as gw, http_world(dsn) as (world, base):
        world.configure(route("jasmin", gw.port))
        sent = await world.send(20)
        await world.settled(SUBMITTED=20)
        assert gw.most_at_once <= 4, "no more at once than the window"
        assert len(gw.peers) <= 4, "connections are kept"
        assert len({one["to"] + one["from"] for one in gw.asked}) >= 1
        url = gw.asked[0]["dlr-url"]
        assert url.startswith(f"{base}/smpp1/{SECRET}/")
        for number in range(1, 21):
            data = {"id": f"j{number}", "message_status": "DELIVRD", "level": "2"}
            assert await call(url, data=data) == (200, "ACK/Jasmin")
        await world.settled(DELIVERED=20)
        again = {"id": "j1", "message_status": "UNDELIV", "level": "2"}
        assert await call(url, data=again) == (200, "ACK/Jasmin")
        assert await world.statuses() == {"DELIVERED": 20}
        assert len(sent) == 20


async def test_a_receipt_needs_the_secret_and_an_allowed_address(dsn: str) -> None:
    async with peer() as gw, http_world(dsn) as (world, base):
        world.configure(route("jasmin", gw.port, receipts_from=["198.51.100.0/24"]))
        await world.send(1)
        await world.settled(SUBMITTED=1)
        data = {"id": "j1", "message_status": "DELIVRD"}
        assert (await call(f"{base}/smpp1/wrong", data=data))[0] == 404
        assert (await call(f"{base}/nobody/{SECRET}", data=data))[0] == 404
        url = f"{base}/smpp1/{SECRET}"
        assert (await call(url, data=data))[0] == 403
        behind = {"X-Forwarded-For": "198.51.100.7"}
        assert (await call(url, data={"id": "j1"}, headers=behind))[0] == 400
        assert await call(url, data=data, headers=behind) == (200, "ACK/Jasmin")
        await world.settled(DELIVERED=1)
        assert (await call(url, json=[1], headers=behind))[0] == 400


async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_open(
    dsn: str,
) -> None:
    async with peer() as gw, http_world(dsn) as (world, _):
        world.configure(route("jasmin", gw.port, method="GET"))
        await world.send(1)
        await world.settled(SUBMITTED=1)
        gw.cut = 1
        [lost] = await world.send(1)
        await until(lambda: _asked(gw, 2))
        await world.settled(SUBMITTED=1, SENDING=1)
        await asyncio.sleep(0.3)
        assert len(gw.asked) == 2, "a GET over a kept connection is never written again by itself"
        row = await world.row(lost)
        assert row["status"] == "SENDING"


async def _asked(gw: Peer, count: int) -> bool:
    return len(gw.asked) >= count


async def test_a_carrier_that_is_away_loses_nothing_and_the_next_route_takes_over(
    dsn: str,
) -> None:
    async with peer() as gw, http_world(dsn) as (world, _):
        world.configure(route("jasmin", free_port()), route("jasmin", gw.port, 2))
        await world.send(5)
        await world.settled(SUBMITTED=5)
        assert len(gw.asked) == 5
        world.configure(route("jasmin", free_port(), 3))
        await world.send(2)
        await world.settled(SUBMITTED=5, QUEUED=2)

        async def told() -> bool:
            return any("127.0.0.1" in one.last_error for one in world.host.states)

        await until(told)


async def test_throttling_slows_the_route_and_refusals_end_the_message(dsn: str) -> None:
    async with peer() as gw, http_world(dsn) as (world, _):
        gw.answers = [
            (403, 'Error "User throughput exceeded"'),
            (400, 'Error "Argument [to] has an invalid value"'),
        ]
        world.configure(route("jasmin", gw.port, window_size=1))
        await world.send(2)
        await world.settled(SUBMITTED=1, REJECTED=1)
        assert len(gw.asked) == 3
        gw.answers = [(403, 'Error "Authentication failure for username:me"')]
        await world.send(1)
        await world.settled(SUBMITTED=2, REJECTED=1)


async def test_a_template_with_json_both_ways(dsn: str) -> None:
    async with peer() as gw, http_world(dsn) as (world, base):
        gw.usual = (201, '{"data": {"id": "{n}"}}')
        world.configure(
            route(
                "template",
                1,
                url=f"http://127.0.0.1:{gw.port}/send/{{to}}",
                method="POST",
                body="text={text}&ref={id}",
                id_path="data.id",
                receipt={"list": "events", "id": "ref", "state": "what", "states": {"ok": "READ"}},
            )
        )
        await world.send(2)
        await world.settled(SUBMITTED=2)
        events = [{"ref": "j1", "what": "DELIVRD"}, {"ref": "j2", "what": "Expired"}]
        url = f"{base}/smpp1/{SECRET}"
        assert await call(url, json={"events": events}) == (200, "OK")
        await world.settled(DELIVERED=1, EXPIRED=1)


@pytest.mark.slow
async def test_kannels_bearerbox_as_the_carrier(dsn: str, tmp_path: Path) -> None:
    """Our sendsms, its SMPP, a simulated SMSC, and its reports back to us."""
    require("kannel")
    smsc = SimulatedSmsc(SmscSettings(receipt_delay_seconds=0.05))
    port = await smsc.start()
    try:
        async with kannel(tmp_path, port, ids="") as box, http_world(dsn) as (world, _):
            for long in ("whole", "udh8"):
                made = route("kannel", box.send_port, long_message=long)
                world.configure(msgspec.structs.replace(made, system_id="u"))
                world.credentials["password"] = "p"
                await world.pool.execute("DELETE FROM message")
                texts = ("Hello [€] & co", "नमस्ते 😀 100 %d", "A long one [€] " * 20, "नमस्ते " * 30)
                before = len(smsc.messages())
                for number, text in enumerate(texts):
                    await send_text(world, text, f"+44790000{long[:1] == 'w':d}0{number}0")
                await world.settled(DELIVERED=len(texts))
                arrived = {one.text for one in smsc.messages()[before:]}
                assert arrived == set(texts)
            await world.pool.execute("DELETE FROM message")
            await send_text(world, "fails", "+999000000002")
            await world.settled(FAILED=1)
            world.credentials["password"] = "wrong"
            made = route("kannel", box.send_port)
            world.configure(msgspec.structs.replace(made, system_id="other"))
            await send_text(world, "not let in", "+447900000009")

            async def told() -> bool:
                return any("Authorization failed" in one.last_error for one in world.host.states)

            await until(told)
            await world.settled(FAILED=1, QUEUED=1)
    finally:
        await smsc.stop()


async def send_text(world: Gateway, text: str, to: str) -> bool:
    from cpaas.broker import embedded
    from cpaas.broker.base import NewItem
    from cpaas.messages.envelopes import pack
    from cpaas.smpp.text import plan

    world.now_us = now_us()
    planned = plan(text)
    envelope = await world.message("QUEUED", plan=[], claimed_by=0, to=to)
    message = msgspec.structs.replace(
        envelope.messages[0], to=to, text=text, encoding=planned.encoding.value,
        segments=planned.segments,
    )  # fmt: skip
    await world.pool.execute(
        "UPDATE message SET segments = $2 WHERE id = $1", message.id, planned.segments
    )
    envelope = msgspec.structs.replace(envelope, messages=[message])
    item = NewItem("cpaas.sms.submit", 1, envelope.account_id, 1, pack(envelope))
    async with world.pool.acquire() as connection, connection.transaction():
        await embedded.publish(connection, [item])
    return True
