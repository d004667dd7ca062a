"""How long a gateway rests between two turns on a route with a limit; the clock is a script."""

import asyncio
from typing import Any

import pytest

from cpaas.gateway import deliver
from cpaas.gateway.deliver import RouteGateway


class Settling:
    """Settle that has room."""

    answers_room = 1_000


class Link:
    """A link that stands."""

    up, largest_free, in_flight = True, 10, 0

    def __init__(self, free: int) -> None:
        self.free = free


def paced(link: Link, times: list[float]) -> RouteGateway:
    """A gateway at one segment a second that has used up what it may send at time 0."""
    around: Any = type("Around", (), {
        "settler": Settling(), "clock_us": lambda: 0, "clock": staticmethod(lambda: times.pop(0)),
    })  # fmt: skip
    route: Any = type("Route", (), {"tps": 1, "id": 1})
    gateway = RouteGateway(route, around, None, None, None)  # type: ignore[arg-type]
    gateway.link = link  # type: ignore[assignment]
    gateway.throttle.take(1, 0.0)
    gateway._contact.linked(0.0, full=False)
    gateway._buffer.messages = 1
    return gateway


async def test_a_token_that_comes_after_the_turn_ends_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliver, "POLL_SECONDS", 3600.0)
    gateway = paced(Link(free=10), [0.0, 0.0, 0.85, 0.95, 0.95])
    assert gateway._pick().empty
    async with asyncio.timeout(60):
        await gateway._rest()


async def test_a_full_window_is_waited_for_and_not_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliver, "POLL_SECONDS", 3600.0)
    gateway = paced(Link(free=0), [0.0, 0.0, 5.0, 5.0])
    assert gateway._pick().empty
    rest = asyncio.create_task(gateway._rest())
    done, _ = await asyncio.wait([rest], timeout=0.2)
    assert not done
    gateway.on_change()
    await rest
