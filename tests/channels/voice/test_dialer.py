"""The SIP worker against SIPp: digest, speech that is heard, keys, busy, no answer, a crash."""

import array
import asyncio
import contextlib
import math
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.channels.voice import sipp
from tests.parts import require

from cpaas.channels.voice.dialer import Dialer
from cpaas.channels.voice.frames import Answered, Digit, Ended, FromWorker, Ringing, Trunk

pytestmark = [pytest.mark.slow]
TONE = array.array(
    "h", [round(8_000 * math.sin(2 * math.pi * 440 * n / 8_000)) for n in range(8_000)]
).tobytes()


@pytest.fixture(autouse=True)
def _needs_sipp() -> None:
    require("sipp")


class Heard:
    """What a dialer tells."""

    def __init__(self) -> None:
        self.events: list[FromWorker] = []
        self.lost: list[int] = []
        self.changed = asyncio.Event()

    def on_ready(self) -> None:
        self.changed.set()

    def on_call(self, event: FromWorker) -> None:
        self.events.append(event)
        self.changed.set()

    def on_lost(self, calls: list[int]) -> None:
        self.lost += calls
        self.changed.set()

    def ended(self) -> list[Ended]:
        return [one for one in self.events if isinstance(one, Ended)]

    async def until(self, what: Any) -> None:
        async with asyncio.timeout(60):
            while not what():
                self.changed.clear()
                await self.changed.wait()


def trunk(port: int, password: str = sipp.PASSWORD, codecs: Any = ("pcmu", "pcma")) -> Trunk:
    return Trunk(
        "127.0.0.1", port, "udp", "127.0.0.1", sipp.USER, sipp.USER, password, codecs,
        register=False, interface="127.0.0.1",
    )  # fmt: skip


def wanted(port: int, number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "uri": f"sip:+9198765{number:05d}@127.0.0.1:{port};transport=udp",
        "caller": "+911140000000", "repeat": 1, "ring_seconds": 20.0, "limit_seconds": 30.0,
    } | changes  # fmt: skip


@contextlib.asynccontextmanager
async def started(port: int, **changes: Any) -> AsyncIterator[tuple[Dialer, Heard]]:
    heard = Heard()
    dialer = Dialer(trunk(port, **changes), heard)
    dialer.start()
    try:
        await heard.until(lambda: dialer.ready)
        yield dialer, heard
    finally:
        await dialer.stop()


@pytest.mark.parametrize("codec", ["0", "8"])
async def test_a_call_is_let_in_by_digest_and_its_sound_is_heard(
    tmp_path: Path, codec: str
) -> None:
    port = sipp.free_udp_port()
    codecs = ("pcmu",) if codec == "0" else ("pcma",)
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.talking(ear.port, codec), port=port, calls=1),
        started(port, codecs=codecs) as (dialer, heard),
    ):
        dialer.place(TONE, wanted(port, repeat=2))
        await heard.until(heard.ended)
    ringing, answered, ended = heard.events
    assert isinstance(ringing, Ringing)
    assert isinstance(answered, Answered)
    assert isinstance(ended, Ended)
    assert (ended.placed, ended.by, ended.call_id) == (True, "us", answered.call_id)
    # Lead, twice a second of tone with a pause between, and the tail.
    assert ended.milliseconds is not None
    assert 3_000 <= ended.milliseconds < 20_000
    (source,) = ear.samples
    assert ear.types == {int(codec)}
    assert ear.gaps == 0
    # A sine of peak 8,000: companding changes it by a few per cent at most.
    assert ear.loudness(source) == pytest.approx(8_000 / math.sqrt(2), rel=0.05)
    loud = sum(abs(one) > 50 for one in ear.samples[source])
    assert loud == pytest.approx(2 * 8_000, rel=0.05)
    assert not heard.lost


async def test_keys_are_heard_and_end_the_call(tmp_path: Path) -> None:
    port = sipp.free_udp_port()
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.talking(ear.port), port=port, calls=1),
        started(port) as (dialer, heard),
    ):
        dialer.place(
            TONE * 20, wanted(port, digits_max=2, digits_seconds=20.0, finish_on="#")
        )  # fmt: skip
        await heard.until(lambda: any(isinstance(one, Answered) for one in heard.events))
        while not ear.samples:
            await asyncio.sleep(0.05)
        for digit in "4#":
            ear.press(digit)
            await heard.until(
                lambda digit=digit: any(
                    isinstance(one, Digit) and one.digit == digit for one in heard.events
                )
            )
        await heard.until(heard.ended)
    (ended,) = heard.ended()
    assert (ended.digits, ended.by) == ("4", "us")
    assert ended.milliseconds is not None
    # The message of twenty seconds was cut short.
    assert ended.milliseconds < 20_000


@pytest.mark.parametrize(
    ("line", "status"),
    [("486 Busy Here", 486), ("603 Decline", 603), ("404 Not Found", 404), ("480 Gone", 480)],
)
async def test_what_the_carrier_answers_is_told(tmp_path: Path, line: str, status: int) -> None:
    port = sipp.free_udp_port()
    async with (
        sipp.carrier(tmp_path, sipp.refusing(line), port=port, calls=1),
        started(port) as (dialer, heard),
    ):
        dialer.place(TONE, wanted(port))
        await heard.until(heard.ended)
    (ended,) = heard.ended()
    assert (ended.status, ended.by, ended.milliseconds) == (status, "them", None)
    assert ended.placed


async def test_nobody_answers(tmp_path: Path) -> None:
    port = sipp.free_udp_port()
    async with (
        sipp.carrier(tmp_path, sipp.SILENT, port=port, calls=1),
        started(port) as (dialer, heard),
    ):
        dialer.place(TONE, wanted(port, ring_seconds=1.0))
        await heard.until(heard.ended)
    (ended,) = heard.ended()
    assert (ended.by, ended.milliseconds, ended.placed) == ("ring", None, True)
    assert isinstance(heard.events[0], Ringing)


async def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    port = sipp.free_udp_port()
    async with (
        sipp.carrier(tmp_path, "", port=port, calls=1),
        started(port, password="wrong") as (dialer, heard),
    ):
        dialer.place(TONE, wanted(port))
        await heard.until(heard.ended)
    (ended,) = heard.ended()
    assert (ended.status, ended.milliseconds) == (403, None)


async def test_twenty_calls_at_once(tmp_path: Path) -> None:
    port = sipp.free_udp_port()
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.talking(ear.port), port=port, calls=20),
        started(port) as (dialer, heard),
    ):
        for number in range(20):
            dialer.place(TONE * 3, wanted(port, number))
        await heard.until(lambda: len(heard.ended()) == 20)
    assert all(one.milliseconds and one.by == "us" for one in heard.ended())
    # They talked at the same time: all had answered before the first one ended.
    kinds = [type(one) for one in heard.events if isinstance(one, Answered | Ended)]
    assert kinds[:20] == [Answered] * 20
    assert len(ear.samples) == 20
    assert all(ear.loudness(one) > 4_000 for one in ear.samples)
    assert not heard.lost


async def test_a_worker_that_dies_takes_its_calls_along_and_none_is_dialled_again(
    tmp_path: Path,
) -> None:
    port = sipp.free_udp_port()
    # SIPp fails when a second call to it comes beyond the one that it was told of.
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.hung(ear.port), port=port, calls=1),
        started(port) as (dialer, heard),
    ):
        call = dialer.place(TONE * 30, wanted(port))
        await heard.until(lambda: any(isinstance(one, Answered) for one in heard.events))
        killed = dialer.pid
        os.kill(killed, signal.SIGKILL)
        await heard.until(lambda: heard.lost)
        assert heard.lost == [call]
        await heard.until(lambda: dialer.ready)
        assert dialer.pid != killed
        assert dialer.last_error == ""
    assert not heard.ended()


async def test_what_is_under_way_when_it_stops_is_told(tmp_path: Path) -> None:
    port = sipp.free_udp_port()
    async with (
        sipp.Ear.open() as ear,
        sipp.carrier(tmp_path, sipp.talking(ear.port), port=port, calls=1),
        started(port) as (dialer, heard),
    ):
        dialer.place(TONE * 30, wanted(port))
        await heard.until(lambda: any(isinstance(one, Answered) for one in heard.events))
        await dialer.stop()
    (ended,) = heard.ended()
    assert (ended.by, ended.placed) == ("stop", True)
    assert ended.milliseconds is not None
    assert not heard.lost


async def test_nobody_is_dialled_when_the_worker_is_away() -> None:
    heard = Heard()
    dialer = Dialer(trunk(sipp.free_udp_port()), heard)
    assert not dialer.ready
    assert dialer.pid == 0
