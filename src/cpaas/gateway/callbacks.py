"""The HTTP side of a channel service: its health, its figures, and what its carriers tell us.

A callback comes to a secret address of its route and is answered once all of it is stored, so that
a carrier repeats what we could not keep. It needs no link: a route that is off, or that runs in
another process, still hears what it is told.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import web

from cpaas.channels.base import (
    Callback,
    CallbackRefusedError,
    CarrierReceipt,
    Heard,
    Hearing,
    Inbound,
    TemplateNotice,
    Tools,
)
from cpaas.gateway import told
from cpaas.gateway.types import Around
from cpaas.kit.log import get_logger
from cpaas.kit.networks import Network, client_address
from cpaas.snapshot.types import Route

PATH: Final = "/callbacks"
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
#: longer than a commit ever takes; then the carrier comes again.
STORED_SECONDS: Final = 20.0
#: callbacks that wait for their commit at once.
WAITING_MAX: Final = 2_000
_log = get_logger(__name__)

#: (status, content type, body) of a page of the service's own, such as /health; None = no such.
Page = Callable[[str, str], tuple[int, str, bytes] | None]


class Told:
    """A callback whose parts are being stored; the token of each of them."""

    def __init__(self, parts: int) -> None:
        self._left = parts
        self.stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not parts:
            self.stored.set_result(None)

    def part_stored(self) -> None:
        """One part is committed."""
        self._left -= 1
        if self._left <= 0 and not self.stored.done():
            self.stored.set_result(None)


class Callbacks:
    """Serves one channel's callbacks beside the service's own pages."""

    def __init__(
        self,
        channel: Hearing,
        around: Around,
        tools: Tools,
        *,
        credentials: Callable[[Route], dict[str, str]],
        page: Page,
        templates: Callable[[Route, Sequence[TemplateNotice]], Awaitable[None]],
        trusted: tuple[Network, ...] = (),
        counted: Callable[[int, Sequence[CarrierReceipt]], None] = lambda _route, _receipts: None,
    ) -> None:
        """trusted: proxies that may say whose request it is. counted: told of every receipt."""
        self._channel = channel
        self._around = around
        self._tools = tools
        self._credentials = credentials
        self._page = page
        self._templates = templates
        self._trusted = trusted
        self._counted = counted
        self._runner: web.AppRunner | None = None
        self._waiting = 0

    async def start(self, host: str, port: int) -> int:
        """Listens; returns the port."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route(
            "*", f"{PATH}/{{channel}}/{{route}}/{{token:[^/]+}}{{tail:.*}}", self._serve
        )
        app.router.add_route("*", "/{page:.*}", self._own_page)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, shutdown_timeout=1.0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Listens no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _own_page(self, request: web.Request) -> web.Response:
        found = self._page(request.method, request.path)
        status, kind, body = found or (404, "application/json", b'{"code":"not_found"}')
        answer = web.Response(status=status, body=body, headers={"content-type": kind})
        # Whoever asks how the service is asks once, and may read to the end.
        answer.force_close()
        return answer

    async def _serve(self, request: web.Request) -> web.Response:
        route = self._route(request.match_info["route"], request.match_info["token"])
        if route is None:
            return web.json_response({"code": "not_found"}, status=404)
        if self._waiting >= WAITING_MAX or self._around.settler.full or self._around.inbound.full:
            return web.Response(status=503, headers={"retry-after": "5"})
        self._waiting += 1
        try:
            return await self._hear(request, route)
        except CallbackRefusedError as error:
            _log.warning("callback_refused", route=route.name, reason=str(error)[:300])
            return web.Response(status=error.status, text=str(error))
        finally:
            self._waiting -= 1

    def _route(self, name: str, token: str) -> Route | None:
        route = self._around.snapshot().routes_by_name.get(name)
        wanted = route.callback_token if route is not None else ""
        # Compared in any case, so that names of routes cannot be told by the time it takes.
        same = hmac.compare_digest(token.encode(), wanted.encode() or b"-")
        return route if same and wanted else None

    async def _hear(self, request: web.Request, route: Route) -> web.Response:
        callback = Callback(
            request.method, request.match_info["tail"], dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(), self._client(request), self._around.clock_us(),
        )  # fmt: skip
        heard = self._channel.hear(route, self._credentials(route), callback, self._tools)
        told_parts = Told(len(heard.receipts) + len(heard.inbound))
        self._hand_on(route, heard, told_parts)
        try:
            if heard.templates:
                await self._templates(route, heard.templates)
            async with asyncio.timeout(STORED_SECONDS):
                await told_parts.stored
        except TimeoutError:
            _log.warning("callback_not_stored_in_time", route=route.name)
            return web.Response(status=503, headers={"retry-after": "5"})
        return web.Response(
            status=heard.status, body=heard.body, headers={"content-type": heard.content_type}
        )

    def _client(self, request: web.Request) -> str:
        forwarded = request.headers.get("x-forwarded-for")
        return client_address(request.remote or "", forwarded, self._trusted)

    def _hand_on(self, route: Route, heard: Heard, parts: Told) -> None:
        if heard.receipts:
            self._around.settler.receipts(told.receipts(route.id, heard.receipts, lambda _: parts))
            self._counted(route.id, heard.receipts)
        if heard.inbound:
            self._around.inbound.put(
                route.id, route.channel, heard.inbound, partial(_reply_stored, parts)
            )


def _reply_stored(parts: Told, _message: Inbound) -> None:
    parts.part_stored()


def acknowledge(tokens: Sequence[object]) -> list[object]:
    """Tells callbacks that parts of them are committed; returns the tokens of others."""
    others: list[object] = []
    for token in tokens:
        if isinstance(token, Told):
            token.part_stored()
        else:
            others.append(token)
    return others


def callback_path(route: Route) -> str:
    """The secret path of a route."""
    return f"{PATH}/{route.channel}/{route.name}/{route.callback_token}"


def hears(channel: Any) -> bool:
    """Whether a channel's carriers call us over HTTP."""
    return isinstance(channel, Hearing)
