"""Tokens and capabilities are asked for once, kept for a while, and asked for again in time."""

import asyncio

import msgspec
import pytest

from cpaas.channels.rcs.capability import CapabilityCache, read_features
from cpaas.channels.rcs.tokens import TokenAnswer, TokenError, TokenKeeper


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    """Answers token requests, one by one, as a test lets it."""

    def __init__(self) -> None:
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()
        self.status = 200
        self.more: dict[str, object] = {"expires_in": 3000}

    async def __call__(self) -> TokenAnswer:
        self.calls += 1
        number = self.calls
        await self.open.wait()
        body = {"access_token": f"t{number}", "token_type": "Bearer"} | self.more
        return TokenAnswer(self.status, msgspec.json.encode(body))


async def test_many_that_wait_cause_one_call() -> None:
    endpoint = Endpoint()
    keeper = TokenKeeper(endpoint)
    endpoint.open.clear()
    waiting = [asyncio.create_task(keeper.token()) for _ in range(100)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    endpoint.open.set()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(told[0], asyncio.CancelledError)
    assert told[1:] == ["t1"] * 99
    assert endpoint.calls == 1


async def test_it_is_kept_until_a_minute_before_its_end() -> None:
    endpoint, clock = Endpoint(), Clock()
    keeper = TokenKeeper(endpoint, clock=clock)
    assert await keeper.token() == "t1"
    clock.now += 2939
    assert await keeper.token() == "t1"
    clock.now += 2
    assert await keeper.token() == "t2"


async def test_without_a_lifetime_it_is_kept_for_the_set_time() -> None:
    endpoint, clock = Endpoint(), Clock()
    endpoint.more = {}
    keeper = TokenKeeper(endpoint, fallback_seconds=300, clock=clock)
    assert await keeper.token() == "t1"
    clock.now += 239
    assert await keeper.token() == "t1"
    clock.now += 2
    assert await keeper.token() == "t2"


async def test_only_the_stale_one_is_thrown_away() -> None:
    endpoint = Endpoint()
    keeper = TokenKeeper(endpoint)
    first = await keeper.token()
    keeper.stale(first)
    assert await keeper.token() == "t2"
    keeper.stale(first)
    assert await keeper.token() == "t2"


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "account_stopped"), (429, "carrier_throttled"), (503, "carrier_temporary")],
)
async def test_a_failure_is_not_repeated_at_once(status: int, code: str) -> None:
    endpoint, clock = Endpoint(), Clock()
    endpoint.status = status
    keeper = TokenKeeper(endpoint, clock=clock)
    for _ in range(3):
        with pytest.raises(TokenError) as caught:
            await keeper.token()
        assert caught.value.error.code == code
    assert endpoint.calls == 1
    clock.now += 3
    endpoint.status = 200
    assert await keeper.token() == "t2"


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", 5, None, "a" * 9000])
async def test_what_cannot_stand_in_a_header_is_no_token(token: object) -> None:
    endpoint = Endpoint()
    endpoint.more = {"access_token": token}
    with pytest.raises(TokenError):
        await TokenKeeper(endpoint).token()


@pytest.mark.parametrize(
    ("status", "raw", "capable"),
    [
        (200, b'{"features":["RICHCARD_STANDALONE"]}', True),
        (200, b'{"capabilities":["chat"]}', True),
        (200, b"{}", False),
        (200, b'{"features":[]}', False),
        (404, b"", False),
        (200, b'{"error":{"code":500}}', None),
        (200, b"[]", None),
        (200, b"<", None),
        (429, b"", None),
        (500, b"{}", None),
    ],
)
def test_what_an_answer_says(status: int, raw: bytes, capable: bool | None) -> None:
    assert read_features(status, raw) is capable


class Handsets:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.plain: set[str] = set()
        self.open = asyncio.Event()
        self.open.set()
        self.silent = False

    async def __call__(self, number: str) -> bool | None:
        self.asked.append(number)
        await self.open.wait()
        return None if self.silent else number not in self.plain


def _cache(handsets: Handsets, clock: Clock, **options: int) -> CapabilityCache:
    return CapabilityCache(
        handsets, capable_seconds=100, not_capable_seconds=10, clock=clock, **options
    )


async def test_a_handset_is_asked_once_and_again_when_the_answer_is_old() -> None:
    handsets, clock = Handsets(), Clock()
    handsets.plain = {"2"}
    cache = _cache(handsets, clock)
    handsets.open.clear()
    waiting = [asyncio.create_task(cache.capable("1")) for _ in range(50)]
    await asyncio.sleep(0)
    handsets.open.set()
    assert await asyncio.gather(*waiting) == [True] * 50
    assert [await cache.capable("2"), await cache.capable("2")] == [False, False]
    assert handsets.asked == ["1", "2"]
    clock.now += 11
    await cache.capable("1")
    await cache.capable("2")
    assert handsets.asked == ["1", "2", "2"]
    clock.now += 100
    await cache.capable("1")
    assert handsets.asked == ["1", "2", "2", "1"]


async def test_no_answer_is_not_remembered_and_the_count_is_bounded() -> None:
    handsets, clock = Handsets(), Clock()
    handsets.silent = True
    cache = _cache(handsets, clock, kept_max=2)
    assert await cache.capable("1") is None
    assert await cache.capable("1") is None
    assert handsets.asked == ["1", "1"]
    for number in ("1", "2", "3"):
        cache.learn(number, capable=False)
    assert [cache.known(number) for number in ("1", "2", "3")] == [None, False, False]
