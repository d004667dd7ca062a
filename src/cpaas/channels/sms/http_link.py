"""One SMS route over HTTP: kept connections, so many requests at once, each written at most once.

What ends before the request is out counts as not sent; what ends after it is unknown, never
guessed. A carrier that cannot be reached is tried until it can, and nothing is taken meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
import msgspec
from yarl import URL

from cpaas.channels.base import NotEncodableError, Outcome, Prepared, Sink
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.channels.sms.http_dialects import address_of, dialect_of
from cpaas.channels.sms.http_settings import settings_of, tls_of
from cpaas.channels.sms.http_types import Call, Said, unknown
from cpaas.kit.clock import now_us
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Route

REFERENCE_MAX: Final = 0xFFFF
ANSWER_BYTES_MAX: Final = 64 * 1024
#: pauses between attempts to reach a carrier that is away.
PAUSE_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
#: of several parts' errors, the first in this order is the message's.
_WORST: Final = ("unknown", "fail", "reject", "next_route", "retry")
#: raised before a byte of the request went out.
_NOT_SENT: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


class _Open(msgspec.Struct):
    """A message whose requests are under way."""

    prepared: Prepared
    provider_ids: list[str | None]
    waiting: int
    error: CarrierError | None = None
    carrier_code: str = ""


class HttpLink:
    """The connections of one HTTP route."""

    def __init__(
        self,
        route: Route,
        credentials: dict[str, str],
        sink: Sink,
        *,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._settings = settings_of(route)
        self._dialect = dialect_of(route, credentials)
        self._address = address_of(route, self._settings)
        self._sink = sink
        self._clock_us = clock_us
        self._reference = clock_us() % REFERENCE_MAX
        self._window = max(1, route.window_size) * max(1, route.binds)
        self._tls = tls_of(self._settings)
        self._session: aiohttp.ClientSession | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._outcomes: list[Outcome] = []
        self._fault = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._up = False
        self._last_error = ""

    @property
    def up(self) -> bool:
        """Whether the carrier's port takes connections."""
        return self._up

    @property
    def free(self) -> int:
        """How many more requests may run."""
        return max(0, self._window - len(self._calls)) if self._up else 0

    @property
    def largest_free(self) -> int:
        """The same: all requests share the connections."""
        return self.free

    @property
    def connections_up(self) -> int:
        """1 if the carrier can be reached."""
        return int(self._up)

    @property
    def connections_wanted(self) -> int:
        """1: one address."""
        return 1

    @property
    def in_flight(self) -> int:
        """Requests without an answer yet."""
        return len(self._calls)

    @property
    def last_error(self) -> str:
        """Why the carrier cannot be used."""
        return "" if self._up else self._last_error

    def prepare(self, envelope: Envelope, message: Outgoing) -> Prepared:
        """The message as requests; NotEncodableError when that cannot be."""
        if not message.parts_ref and message.segments > 1:
            self._reference = self._reference % REFERENCE_MAX + 1
            message.parts_ref = self._reference
        try:
            total, parts = self._dialect.calls(message, self._clock_us())
        except UnicodeError as error:
            raise NotEncodableError(str(error)) from error
        return Prepared(envelope, message, min(len(parts), self._window), parts, total)

    def send(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Starts the requests of what fits; returns those of which nothing was started."""
        unsent = []
        for prepared in batch:
            if prepared.slots > self.free:
                unsent.append(prepared)
                continue
            one = _Open(prepared, [None] * prepared.total, len(prepared.parts))
            for number, call in prepared.parts:
                task = asyncio.create_task(self._exchange(one, number, call))
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)
        return unsent

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool = True) -> None:
        """Nothing comes over these connections but answers."""

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> bool:
        """None of these carriers takes a message back."""
        return False

    def update(self, route: Route) -> None:
        """Nothing of a link changes without a new one."""

    def start(self) -> None:
        """Tries the carrier's port, and goes on trying."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._tls, keepalive_timeout=self._settings.idle_seconds
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._settings.connect_timeout_seconds,
                sock_read=self._settings.response_timeout_seconds,
            ),
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True,
            headers={"User-Agent": "cpaas"},
        )  # fmt: skip
        # Else a GET whose kept connection breaks is written once more, and sent twice.
        self._session._retry_connection = False
        self._watching = asyncio.create_task(self._watch())

    async def stop(self, drain_seconds: float) -> None:
        """Waits for answers, then closes; what is still open then is unknown."""
        if self._calls:
            await asyncio.wait(set(self._calls), timeout=drain_seconds)
        tasks = [*self._calls, *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._up = False
        self._tell()
        if self._session is not None:
            await self._session.close()

    # Requests

    async def _exchange(self, one: _Open, number: int, call: Call) -> None:
        said = unknown("the request was cut off")
        try:
            said = await self._ask(call)
        finally:
            self._answered(one, number, said)

    async def _ask(self, call: Call) -> Said:
        session = self._session
        if session is None:
            raise RuntimeError("the link was not started")
        try:
            async with session.request(
                call.method, URL(call.url, encoded=True), headers=call.headers,
                data=call.body or None, allow_redirects=False,
            ) as answer:  # fmt: skip
                body = await answer.content.read(ANSWER_BYTES_MAX)
                while not answer.content.at_eof() and len(body) < ANSWER_BYTES_MAX:
                    body += await answer.content.read(ANSWER_BYTES_MAX)
                said = self._dialect.answer(call, answer.status, body)
        except _NOT_SENT as error:
            return self._down(str(error))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return unknown(f"{type(error).__name__}: {error}"[:200])
        if said.error is not None and said.error.code == "route_down":
            return self._down(said.code)
        return said

    def _down(self, why: str) -> Said:
        """The carrier cannot be used; nothing was sent."""
        self._last_error = why[:200]
        self._up = False
        self._fault.set()
        return Said(None, CATALOGUE["route_down"], self._last_error)

    def _answered(self, one: _Open, number: int, said: Said) -> None:
        if said.error is None:
            one.provider_ids[number - 1] = said.provider_id
        elif one.error is None or _WORST.index(said.error.then) < _WORST.index(one.error.then):
            one.error, one.carrier_code = said.error, said.code
        one.waiting -= 1
        if one.waiting:
            return
        if not self._outcomes:
            asyncio.get_running_loop().call_soon(self._tell)
        self._outcomes.append(Outcome(one.prepared, one.provider_ids, one.error, one.carrier_code))

    def _tell(self) -> None:
        """Hands on what was answered in this turn of the loop."""
        outcomes, self._outcomes = self._outcomes, []
        if outcomes:
            self._sink.on_outcomes(outcomes)

    # The carrier's port

    async def _watch(self) -> None:
        """Keeps `up` true while the port takes connections; tries with growing pauses."""
        failures = 0
        while True:
            error = await self._reach()
            if error:
                self._last_error = error
                self._set_up(up=False)
            else:
                self._fault.clear()
                self._set_up(up=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.probe_seconds):
                        await self._fault.wait()
                if not self._fault.is_set():
                    failures = 0
                    continue
                self._sink.on_change()
            await asyncio.sleep(PAUSE_SECONDS[min(failures, len(PAUSE_SECONDS) - 1)])
            failures += 1

    def _set_up(self, *, up: bool) -> None:
        if self._up != up:
            self._up = up
            self._sink.on_change()

    async def _reach(self) -> str:
        """Why the port takes no connection; empty if it does."""
        host, port = self._address
        try:
            async with asyncio.timeout(self._settings.connect_timeout_seconds):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            return f"{host}:{port} does not accept the connection in time"
        except (OSError, UnicodeError) as error:
            return f"{host}:{port}: {getattr(error, 'strerror', None) or error}"
        writer.close()
        return ""
