"""The simulated provider refuses what a real one refuses, and tells every outcome, signed."""

import asyncio
import base64
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from cpaas.simulators.voice import CallProvider, ProviderSettings
from cpaas.simulators.voice.calls import signature

SID, TOKEN = "AC" + "0" * 32, "token"
SCRIPT = "<Response><Say>Hello</Say></Response>"


class Desk:
    """A provider, a receiver of its callbacks and a customer."""

    def __init__(self, provider: CallProvider, port: int, session: aiohttp.ClientSession) -> None:
        self.provider = provider
        self.session = session
        self.base = f"http://127.0.0.1:{port}/2010-04-01/Accounts/{SID}"
        self.told: list[tuple[str, dict[str, str], str]] = []
        self.hook = ""
        self._news = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.told.append((str(request.url), form, request.headers["X-Twilio-Signature"]))
        self._news.set()
        return web.Response(text="<Response/>", content_type="text/xml")

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()

    async def call(self, to: str, **changes: str) -> tuple[int, dict[str, object]]:
        form = [
            ("To", to), ("From", "+911140000000"), ("Twiml", SCRIPT), ("StatusCallback", self.hook),
            *[("StatusCallbackEvent", one) for one in ("ringing", "answered", "completed")],
        ]  # fmt: skip
        form = [(name, changes.get(name, value)) for name, value in form]
        async with self.session.post(f"{self.base}/Calls.json", data=form) as response:
            return response.status, await response.json()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    provider = CallProvider(ProviderSettings(accounts={SID: TOKEN}, slow_seconds=0.2))
    port = await provider.start()
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(SID, TOKEN)) as session:
        desk = Desk(provider, port, session)
        app = web.Application()
        app.router.add_post("/hook", desk.receive)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        desk.hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield desk
        await runner.cleanup()
    await provider.stop()


@pytest.mark.parametrize(
    ("to", "statuses"),
    [
        ("+999000000001", ["ringing", "in-progress", "completed"]),
        ("+999000000002", ["ringing", "busy"]),
        ("+999000000004", ["ringing", "no-answer"]),
        ("+999000000005", ["ringing", "in-progress", "completed"]),
        ("+999000000008", ["ringing", "failed"]),
    ],
)
async def test_every_outcome_is_told_and_signed(desk: Desk, to: str, statuses: list[str]) -> None:
    status, shown = await desk.call(to)
    assert (status, shown["status"], shown["to"]) == (201, "queued", to)
    await desk.until(len(statuses))
    assert [form["CallStatus"] for _, form, _ in desk.told] == statuses
    for url, form, signed in desk.told:
        assert signed == signature(TOKEN, url, form)
        assert form["CallSid"] == shown["sid"]
    assert ("CallDuration" in desk.told[-1][1]) is True
    async with desk.session.get(f"{desk.base}/Calls/{shown['sid']}.json") as response:
        assert (await response.json())["status"] == statuses[-1]
    assert desk.provider.dialled == {to: 1}


async def test_keys_are_pressed_when_they_are_asked_for(desk: Desk) -> None:
    script = (
        f'<Response><Gather numDigits="2" action="{desk.hook}"><Say>Hi</Say></Gather></Response>'
    )
    await desk.call("+919876543210", Twiml=script)
    await desk.until(4)
    assert [form.get("Digits") for _, form, _ in desk.told] == [None, None, "12", None]


async def test_the_first_is_throttled(desk: Desk) -> None:
    assert (await desk.call("+999000000007"))[0] == 429
    assert (await desk.call("+999000000007"))[0] == 201


@pytest.mark.parametrize(
    ("to", "changes", "code"),
    [
        ("+999000000003", {}, 21211),
        ("12", {}, 21211),
        ("", {}, 21201),
        ("+919876543210", {"From": "SANDBX"}, 21212),
        ("+919876543210", {"From": ""}, 21213),
        ("+919876543210", {"Twiml": ""}, 21205),
        ("+919876543210", {"Twiml": "<Response><Say>"}, 12100),
        ("+919876543210", {"Twiml": "<Response><Shout/></Response>"}, 12100),
        ("+919876543210", {"Twiml": "<Response><Say>" + "x" * 4_000 + "</Say></Response>"}, 12100),
    ],
)
async def test_what_it_refuses(desk: Desk, to: str, changes: dict[str, str], code: int) -> None:
    status, shown = await desk.call(to, **changes)
    assert (status, shown["code"]) == (400, code)
    assert not desk.provider.dialled


async def test_who_it_does_not_know(desk: Desk) -> None:
    wrong = base64.b64encode(f"{SID}:other".encode()).decode()
    for header in ("", "Basic x", f"Basic {wrong}"):
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{desk.base}/Calls.json", headers={"Authorization": header}) as response,
        ):
            assert (response.status, (await response.json())["code"]) == (401, 20003)


async def test_a_call_is_taken_back(desk: Desk) -> None:
    desk.provider.settings = ProviderSettings(accounts={SID: TOKEN}, ring_seconds=30)
    _, shown = await desk.call("+919876543210")
    url = f"{desk.base}/Calls/{shown['sid']}.json"
    async with desk.session.post(url, data={"Status": "canceled"}) as response:
        assert response.status == 200
    await desk.until(2)
    assert desk.told[-1][1]["CallStatus"] == "canceled"
    async with desk.session.post(url, data={"Status": "canceled"}) as response:
        assert response.status == 400
