"""POSTs to customers' URLs over kept connections, within a guard, a time limit and a size limit.

Written by hand because webhooks are as many as messages: a general client costs four times as
much for each. One answer at a time per connection, no redirects, no pipelining.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from cpaas.kit.exchange import Exchange, Kind, PostError, StaleError
from cpaas.kit.guard import Address, Guard, GuardError, Target, parse_url

TIMEOUT_SECONDS: Final = 10.0
CONNECT_SECONDS_MAX: Final = 4.0
IDLE_SECONDS_MAX: Final = 15.0
# A name may move to other addresses: no connection outlives that for long.
AGE_SECONDS_MAX: Final = 120.0
IDLE_TOTAL_MAX: Final = 512
ADDRESSES_TRIED_MAX: Final = 3
RETRY_AFTER_SECONDS_MAX: Final = 10**7
JSON: Final = b"application/json"

PoolKey = tuple[int, str, str, int]


class Reply(msgspec.Struct, frozen=True):
    """What the other side answered; `retry_after` in seconds, `body_start` its first KiB."""

    status: int
    retry_after: float | None
    body_start: bytes
    duration_ms: int


class PostClient:
    """A keep-alive client for POST; the caller bounds how many posts run at once.

    Connections are kept per (partition, scheme, host, port): customers on one host share nothing.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
        user_agent: str = "cpaas-webhooks/1",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._timeout = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._agent = user_agent.encode()
        self._now = now
        self._idle: dict[PoolKey, list[Exchange]] = {}
        self._idle_total = 0
        self._heads: dict[tuple[str, bytes], bytes] = {}
        self._closed = False

    async def post(
        self,
        url: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        *,
        partition: int = 0,
        method: str = "POST",
        content_type: bytes = JSON,
    ) -> Reply:
        """Posts the body; any status is a Reply. Errors: PostError when there is no answer.

        method GET: without a body.
        """
        started = self._now()
        try:
            target = parse_url(url)
        except GuardError as error:
            raise PostError("url", str(error)) from None
        if method == "GET":
            request = self._get(target, headers)
        else:
            request = self._request(url, target, headers, body, content_type)
        key = (partition, target.scheme, target.host, target.port)
        exchange = await self._answer(target, key, request)
        finished = self._now()
        self._keep(key, exchange, finished)
        wait = exchange.retry_after
        return Reply(
            exchange.status,
            parse_retry_after(wait, time.time()) if wait else None,
            exchange.body,
            int((finished - started) * 1000),
        )

    async def _answer(self, target: Target, key: PoolKey, request: bytes) -> Exchange:
        started = self._now()
        kept = self._take_idle(key)
        try:
            if kept is not None:
                try:
                    await kept.send(request, self._timeout)
                    return kept
                except StaleError:
                    kept = None
            async with asyncio.timeout(self._timeout):
                exchange = await self._connect(target)
            left = max(0.0, self._timeout - (self._now() - started))
            await exchange.send(request, left)
            return exchange
        except TimeoutError:
            raise self._late() from None
        except PostError as error:
            if error.kind == "timeout":
                raise self._late() from None
            raise
        except StaleError:
            text = "the connection was closed without an answer"
            raise PostError("closed", text) from None

    def _late(self) -> PostError:
        return PostError("timeout", f"no answer within {self._timeout:g} s")

    async def close(self) -> None:
        """Closes what is kept; posts under way end by themselves and are not kept."""
        self._closed = True
        self.drop_idle(float("inf"))

    def drop_idle(self, before: float | None = None) -> None:
        """Closes connections idle since before a moment (default: IDLE_SECONDS_MAX ago)."""
        limit = self._now() - IDLE_SECONDS_MAX if before is None else before
        for key in list(self._idle):
            kept = []
            for exchange in self._idle[key]:
                if exchange.transport is None:
                    continue
                if exchange.idle_since < limit:
                    exchange.transport.abort()
                else:
                    kept.append(exchange)
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        self._idle_total = sum(len(kept) for kept in self._idle.values())

    def _take_idle(self, key: PoolKey) -> Exchange | None:
        kept = self._idle.get(key)
        oldest = self._now() - IDLE_SECONDS_MAX
        while kept:
            exchange = kept.pop()
            self._idle_total -= 1
            if not kept:
                del self._idle[key]
            if exchange.transport is None:
                continue
            if exchange.reusable and exchange.idle_since >= oldest:
                return exchange
            exchange.transport.abort()
        return None

    def _keep(self, key: PoolKey, exchange: Exchange, now: float) -> None:
        if not exchange.reusable or exchange.transport is None:
            return
        if now - exchange.opened_at > AGE_SECONDS_MAX:
            exchange.transport.abort()
            return
        if self._idle_total >= IDLE_TOTAL_MAX:
            self.drop_idle()
        if self._closed or self._idle_total >= IDLE_TOTAL_MAX:
            exchange.transport.abort()
            return
        exchange.idle_since = now
        self._idle.setdefault(key, []).append(exchange)
        self._idle_total += 1

    def _request(
        self,
        url: str,
        target: Target,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        content_type: bytes = JSON,
    ) -> bytes:
        head = self._heads.get((url, content_type))
        if head is None:
            if len(self._heads) >= 4096:
                self._heads.clear()
            head = self._heads[url, content_type] = (
                f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n".encode()
                + b"User-Agent: %b\r\nContent-Type: %b\r\n" % (self._agent, content_type)
                + b"Accept: */*\r\nContent-Length: "
            )
        own = b"".join([b"%b: %b\r\n" % header for header in headers])
        return b"%b%d\r\n%b\r\n%b" % (head, len(body), own, body)

    def _get(self, target: Target, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        own = b"".join([b"%b: %b\r\n" % header for header in headers])
        head = f"GET {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n".encode()
        return b"%bUser-Agent: %b\r\nAccept: */*\r\n%b\r\n" % (head, self._agent, own)

    async def _connect(self, target: Target) -> Exchange:
        try:
            addresses = await self._guard.addresses(target.host)
        except GuardError as error:
            kind: Kind = "dns" if error.code == "host_unknown" else "url"
            raise PostError(kind, str(error)) from None
        failure = PostError("connect", f"{target.host} cannot be reached")
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    exchange = await self._open(target, address)
                exchange.opened_at = self._now()
                return exchange
            except ssl.SSLError as error:
                reason = getattr(error, "verify_message", "") or error.reason or str(error)
                failure = PostError("tls", f"TLS with {target.host} failed: {reason}")
            except TimeoutError:
                failure = PostError("connect", f"{address} does not accept the connection in time")
            except OSError as error:
                failure = PostError("connect", f"{address}: {error.strerror or error}")
        raise failure

    async def _open(self, target: Target, address: Address) -> Exchange:
        loop = asyncio.get_running_loop()
        if target.scheme == "http":
            _, exchange = await loop.create_connection(Exchange, str(address), target.port)
        else:
            _, exchange = await loop.create_connection(
                Exchange,
                str(address),
                target.port,
                ssl=self._tls,
                server_hostname=target.host,
            )
        return exchange


def parse_retry_after(value: bytes, now: float) -> float | None:
    """Seconds of a Retry-After header, which names seconds or a date; None when it says nothing."""
    text = value.decode("latin-1").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), RETRY_AFTER_SECONDS_MAX))
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - now), RETRY_AFTER_SECONDS_MAX)
    except (ValueError, OverflowError):
        return None
