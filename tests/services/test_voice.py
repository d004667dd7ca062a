"""cpaas-voice as a whole: a Calls API and a SIP trunk, their callbacks, and their money."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.channels.voice import sipp
from tests.channels.voice.test_sound import wav
from tests.parts import require
from tests.services.calls import CALLER, CREDIT_MICRO, MINUTE_MICRO, Platform, platform

from cpaas.gateway import unheard
from cpaas.routes.types import NewRoute
from cpaas.simulators.voice import CallProvider, ProviderSettings

SID, TOKEN = "ACtrial", "token"


def calls_route(port: int) -> NewRoute:
    return NewRoute(
        name="calls", channel="voice", dialect="http", system_id=SID, password=TOKEN,
        window_size=20, settings={"base_url": f"http://127.0.0.1:{port}"}, cost_micro=100_000,
    )  # fmt: skip


@pytest.fixture
async def provider() -> Any:
    made = CallProvider(ProviderSettings(accounts={SID: TOKEN}, slow_seconds=0.2))
    yield made, await made.start()
    await made.stop()


async def checked(running: Platform, entries: list[tuple[str, int]]) -> None:
    balance, total, booked = await running.money()
    assert balance == total
    assert sorted(booked) == sorted(entries)


async def test_each_outcome_and_what_it_costs(dsn: str, home: Path, provider: Any) -> None:
    simulated, port = provider
    # 900 characters are 69 seconds of the simulated provider's speech: two minutes of the three.
    text = "word " * 180
    ends = {
        "+919876543210": ("DELIVERED", ""),
        "+919876543211": ("FAILED", "busy"),
        "+919876543212": ("FAILED", "no_answer"),
        "+919876543213": ("REJECTED", "invalid_destination"),
        "+919876543214": ("DELIVERED", ""),
        "+919876543215": ("FAILED", "undeliverable"),
    }
    kinds = ["completed", "busy", "no-answer", "rejected", "throttled_first", "failed"]
    by_number = dict(zip(ends, kinds, strict=True))
    throttled: set[str] = set()

    def decide(to: str, _script: str) -> str:
        if by_number[to] == "throttled_first":
            if to in throttled:
                return "completed"
            throttled.add(to)
        return by_number[to]

    simulated._decider.decide = decide
    async with platform(dsn, home, calls_route(port)) as running:
        answer = await running.send(list(ends), text)
        assert answer["accepted"] == 6
        # The longest it can take: 100 s of slow speech and the allowance, in started minutes.
        assert answer["messages"][0]["price"] == "1.2000"
        rows = await running.ended(6)
        assert {r["recipient"]: (r["status"], r["error_code"]) for r in rows} == ends
        by_to = {row["recipient"]: row for row in rows}
        answered = by_to["+919876543210"]
        assert answered["sender"] == CALLER
        assert answered["price_micro"] == 2 * MINUTE_MICRO
        assert answered["price_micro"] - answered["refunded_micro"] == 2 * MINUTE_MICRO
        assert answered["carrier_cost_micro"] == 200_000
        busy = by_to["+919876543211"]
        assert busy["refunded_micro"] == busy["price_micro"]
        assert busy["carrier_cost_micro"] == 0
        reserved = 2 * MINUTE_MICRO
        await checked(
            running,
            [("RESERVE", -reserved)] * 6 + [("CAPTURE", 0)] * 2 + [("REFUND", reserved)] * 4,
        )
    # Refused and throttled requests dial nobody; nobody is dialled twice.
    assert simulated.dialled == {to: 1 for to in ends if to != "+919876543213"}


async def test_what_was_not_used_is_given_back(dsn: str, home: Path, provider: Any) -> None:
    _, port = provider
    async with platform(dsn, home, calls_route(port)) as running:
        # A minute of slow speech and more, twice: reserved for three, said in one.
        await running.send("+919876543210", "x" * 800)
        (row,) = await running.ended(1)
        assert row["price_micro"] == 2 * MINUTE_MICRO
        back = row["refunded_micro"]
        assert back == 0
        await running.send("+919876543211", "x" * 500)
        rows = await running.ended(2)
        row = rows[-1]
        assert (row["price_micro"], row["refunded_micro"]) == (2 * MINUTE_MICRO, MINUTE_MICRO)
        balance, total, booked = await running.money()
        assert balance == total == CREDIT_MICRO - 3 * MINUTE_MICRO
        assert ("CAPTURE", MINUTE_MICRO) in booked
        (note,) = await running.fetch(
            "SELECT note FROM ledger_entry WHERE kind = 'CAPTURE' AND amount_micro > 0"
        )
        assert note[0].startswith("used 0.6000 of 1.2000 reserved, ")


async def test_a_provider_is_asked_when_its_callbacks_get_lost(
    dsn: str, home: Path, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, port = provider
    simulated.settings = ProviderSettings(accounts={SID: TOKEN}, callbacks=False)
    monkeypatch.setattr(unheard, "EVERY_SECONDS", 0.2)
    monkeypatch.setattr(unheard, "AFTER_SECONDS", 0.2)
    async with platform(dsn, home, calls_route(port)) as running:
        await running.send("+919876543210", "Your code is 4821.")
        (row,) = await running.ended(1)
        assert (row["status"], row["refunded_micro"]) == ("DELIVERED", 0)
        await checked(running, [("RESERVE", -MINUTE_MICRO), ("CAPTURE", 0)])


async def test_keys_come_as_a_reply(dsn: str, home: Path, provider: Any) -> None:
    _, port = provider
    async with platform(dsn, home, calls_route(port)) as running:
        await running.send("+919876543210", "Press a key.", voice={"dtmf": {"digits": 2}})
        await running.ended(1)
        (reply,) = await running.fetch("SELECT * FROM inbound_message")
        assert (reply["sender"], reply["body"]) == ("+919876543210", "12")
        assert reply["account_id"] == running.account_id
        assert reply["channel"] == "voice"


async def test_by_the_call_its_length_does_not_matter(dsn: str, home: Path, provider: Any) -> None:
    _, port = provider
    async with platform(dsn, home, calls_route(port), "call") as running:
        await running.send(["+919876543210", "+999000000002"][:1], "x" * 900)
        (row,) = await running.ended(1)
        assert (row["price_micro"], row["segments"]) == (MINUTE_MICRO, 1)
        await checked(running, [("RESERVE", -MINUTE_MICRO), ("CAPTURE", 0)])


async def test_over_a_trunk(dsn: str, home: Path, tmp_path: Path) -> None:
    require("sipp")
    require("espeak-ng")
    port = sipp.free_udp_port()
    route = NewRoute(
        name="trunk", channel="voice", dialect="sip", host="127.0.0.1", port=port,
        system_id=sipp.USER, password=sipp.PASSWORD, window_size=5,
        settings={"interface": "127.0.0.1", "codecs": ["pcmu"]},
    )  # fmt: skip
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.talking(ear.port), port=port, calls=2),
        platform(dsn, home, route) as running,
    ):
        await running.send(["+919876543210", "+919876543211"], "Your code is 4821.")
        rows = await running.ended(2)
        assert [row["status"] for row in rows] == ["DELIVERED"] * 2
        assert all(row["submitted_at"] < row["delivered_at"] for row in rows)
        assert all(row["provider_message_id"] for row in rows)
        assert len({row["provider_message_id"] for row in rows}) == 2
        await checked(running, [("RESERVE", -MINUTE_MICRO)] * 2 + [("CAPTURE", 0)] * 2)
    assert len(ear.samples) == 2
    assert all(ear.loudness(one) > 1_000 for one in ear.samples)


async def test_a_file_is_played_over_a_trunk(dsn: str, home: Path, tmp_path: Path) -> None:
    require("sipp")
    port, served = sipp.free_udp_port(), 0

    async def tone(_: web.Request) -> web.Response:
        nonlocal served
        served += 1
        return web.Response(body=wav(1.0), content_type="audio/wav")

    app = web.Application()
    app.router.add_get("/tone.wav", tone)
    files = web.AppRunner(app, access_log=None)
    await files.setup()
    await web.TCPSite(files, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{files.addresses[0][1]}/tone.wav"
    route = NewRoute(
        name="trunk", channel="voice", dialect="sip", host="127.0.0.1", port=port,
        system_id=sipp.USER, password=sipp.PASSWORD, settings={"interface": "127.0.0.1"},
    )  # fmt: skip
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.talking(ear.port), port=port, calls=2),
        platform(dsn, home, route) as running,
    ):
        await running.send(["+919876543210", "+919876543211"], "", voice={"audio_url": url})
        rows = await running.ended(2)
        assert [row["status"] for row in rows] == ["DELIVERED"] * 2
    await files.cleanup()
    # Fetched once, and heard by both: a sine whose peak was brought down to 16,000.
    assert served == 1
    assert len(ear.samples) == 2
    assert all(ear.loudness(one) == pytest.approx(11_314, rel=0.05) for one in ear.samples)


async def test_a_busy_trunk(dsn: str, home: Path, tmp_path: Path) -> None:
    require("sipp")
    require("espeak-ng")
    port = sipp.free_udp_port()
    route = NewRoute(
        name="trunk", channel="voice", dialect="sip", host="127.0.0.1", port=port,
        system_id=sipp.USER, password=sipp.PASSWORD, settings={"interface": "127.0.0.1"},
    )  # fmt: skip
    async with (
        sipp.carrier(tmp_path, sipp.refusing("486 Busy Here"), port=port, calls=1),
        platform(dsn, home, route) as running,
    ):
        await running.send("+919876543210", "Your code is 4821.")
        (row,) = await running.ended(1)
        assert (row["status"], row["error_code"]) == ("FAILED", "busy")
        await checked(running, [("RESERVE", -MINUTE_MICRO), ("REFUND", MINUTE_MICRO)])
