"""One route over HTTP: kept connections, a bounded window, each message's request written once.

A channel brings a driver that writes one message and reads its answer. What ends before the request
is out counts as not sent; what ends after it is unknown, never guessed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from cpaas.channels.base import Outcome, Prepared, Sink
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Route

#: a carrier closes idle connections; a request on one that is just closing is an unknown outcome.
IDLE_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
#: pauses after a carrier could not be reached, growing.
PAUSE_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
#: raised before a byte of the request went out.
NOT_SENT: Final = (
    aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL,
)  # fmt: skip
_log = get_logger(__name__)


class Said(msgspec.Struct, frozen=True):
    """A carrier's answer to one message: error None = accepted under `provider_id`.

    code: the carrier's own words. pause: for so many seconds the whole route sends nothing.
    """

    provider_id: str | None
    error: CarrierError | None = None
    code: str = ""
    pause: float = 0.0


def refused(code: str, words: str = "", *, pause: float = 0.0) -> Said:
    """The carrier did not take the message, for this reason of the catalogue."""
    return Said(None, CATALOGUE[code], words, pause)


class Driver(Protocol):
    """How one carrier's HTTP interface is spoken."""

    def prepare(self, envelope: Envelope, message: Outgoing) -> tuple[Any, str]:
        """The request, and the sender whose conversation must be open ("" = none must).

        Errors: NotEncodableError.
        """

    def hold(self, envelope: Envelope, message: Outgoing) -> float:
        """Seconds that the message has to wait; 0 = it goes now, and counts."""

    async def send(self, session: aiohttp.ClientSession, request: Any) -> Said:
        """Sends one message; what aiohttp raises is sorted by the link."""

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> Any:
        """What asks the carrier to take a message back: an async call of a session, or None."""


class HttpLink:
    """One route's requests under way."""

    def __init__(
        self,
        route: Route,
        driver: Driver,
        sink: Sink,
        *,
        clock: Callable[[], float] = time.monotonic,
        answer_seconds: float = ANSWER_SECONDS,
        ssl: Any = True,
    ) -> None:
        self._driver = driver
        self._sink = sink
        self._clock = clock
        self._window = max(1, route.window_size)
        self._answer_seconds = answer_seconds
        self._ssl = ssl
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._revokes: set[asyncio.Task[None]] = set()
        self._answered: list[Outcome] = []
        self._paused_until = 0.0
        self._failures = 0
        self._last_error = ""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def up(self) -> bool:
        """Whether messages can be handed over."""
        return self._session is not None and self._clock() >= self._paused_until

    @property
    def free(self) -> int:
        """How many more requests may run."""
        return max(0, self._window - len(self._tasks))

    @property
    def largest_free(self) -> int:
        """The same: a message is one request."""
        return self.free

    @property
    def connections_up(self) -> int:
        """1 unless the carrier is away."""
        return int(self.up)

    @property
    def connections_wanted(self) -> int:
        """1: one address."""
        return 1

    @property
    def in_flight(self) -> int:
        """Requests without an answer yet."""
        return len(self._tasks)

    @property
    def last_error(self) -> str:
        """Why the carrier is not used now."""
        return "" if self.up else self._last_error

    def prepare(self, envelope: Envelope, message: Outgoing) -> Prepared:
        """The message as a request; NotEncodableError when that cannot be."""
        request, window = self._driver.prepare(envelope, message)
        return Prepared(envelope, message, 1, [(1, request)], 1, window=window)

    def hold(self, envelope: Envelope, message: Outgoing) -> float:
        """Seconds that the message has to wait."""
        return self._driver.hold(envelope, message)

    def send(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Starts what fits; returns those of which nothing was written."""
        session = self._session
        if session is None:
            return list(batch)
        room = self.free
        for prepared in batch[:room]:
            task = asyncio.create_task(self._exchange(session, prepared))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return list(batch[room:])

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool = True) -> None:
        """Callbacks are answered by the gateway, not over these connections."""

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> bool:
        """Asks the carrier not to deliver what it holds; False when it cannot be asked."""
        ask = self._driver.revoke(provider_message_id, sender, recipient)
        if ask is None or self._session is None or not self.up:
            return False
        task = asyncio.create_task(self._ask(ask, self._session))
        self._revokes.add(task)
        task.add_done_callback(self._revokes.discard)
        return True

    def update(self, route: Route) -> None:
        """The window may change under way."""
        self._window = max(1, route.window_size)

    def start(self) -> None:
        """Opens the pool; the first message opens the first connection."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, ssl=self._ssl),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=self._answer_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "cpaas"},
        )  # fmt: skip
        self._sink.on_change()

    async def stop(self, drain_seconds: float) -> None:
        """Waits for answers, then closes; what is still open then is unknown."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=drain_seconds)
        tasks = [*self._tasks, *self._revokes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tell()
        if self._timer is not None:
            self._timer.cancel()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # -- one message

    async def _exchange(self, session: aiohttp.ClientSession, prepared: Prepared) -> None:
        said = refused("unknown_outcome", "the request was cut off")
        try:
            said = await self._said(session, prepared)
        finally:
            self._settle(prepared, said)

    async def _said(self, session: aiohttp.ClientSession, prepared: Prepared) -> Said:
        try:
            said = await self._driver.send(session, prepared.parts[0][1])
        except NOT_SENT as error:
            pause = PAUSE_SECONDS[min(self._failures, len(PAUSE_SECONDS) - 1)]
            self._failures += 1
            return refused("route_down", str(error)[:200], pause=pause)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return refused("unknown_outcome", f"{type(error).__name__}: {error}"[:200])
        except Exception as error:  # noqa: BLE001 - what was written may have arrived
            _log.exception("driver_failed")
            return refused("unknown_outcome", repr(error)[:200])
        self._failures = 0
        return said

    def _settle(self, prepared: Prepared, said: Said) -> None:
        if said.pause:
            self._pause(said.pause, said.code)
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._tell)
        self._answered.append(Outcome(prepared, [said.provider_id], said.error, said.code))

    def _tell(self) -> None:
        """Hands on what was answered in this turn of the loop."""
        outcomes, self._answered = self._answered, []
        if outcomes:
            self._sink.on_outcomes(outcomes)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._sink.on_change()

    def _pause(self, seconds: float, why: str) -> None:
        self._last_error = why[:200]
        until = self._clock() + seconds
        if until <= self._paused_until:
            return
        self._paused_until = until
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds + 0.001, self._sink.on_change)
        self._sink.on_change()

    async def _ask(self, ask: Any, session: aiohttp.ClientSession) -> None:
        try:
            await ask(session)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # Best effort: what becomes of the message, its receipt tells.
            _log.warning("revoke_not_answered", error=repr(error)[:200])
