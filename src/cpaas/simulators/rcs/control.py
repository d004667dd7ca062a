"""A small HTTP port to look into a running simulated hub and to change what it does.

Loopback only: it has no password, since whoever reaches it is on the machine already.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from cpaas.simulators.rcs.directory import DirectoryError
from cpaas.simulators.rcs.hub import SimulatedHub

LIST_MAX = 10_000


class UserMessage(msgspec.Struct, forbid_unknown_fields=True):
    """What a user does: text, suggestionResponse, location, userFile, or eventType IS_TYPING."""

    bot: str
    msisdn: str
    content: dict[str, Any]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """What a reviewer says about a template."""

    bot: str
    name: str
    status: str
    reason: str = ""


async def start_control(
    hub: SimulatedHub, port: int
) -> tuple[int, Callable[[], Awaitable[None]]]:  # fmt: skip
    """Listens on loopback; returns the port and what stops it."""
    app = web.Application(client_max_size=1_000_000)
    app.add_routes(_routes(hub))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return int(runner.addresses[0][1]), runner.cleanup


def _routes(hub: SimulatedHub) -> list[web.RouteDef]:
    async def stats(_: web.Request) -> web.Response:
        return _json(hub.stats())

    async def messages(request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not limit.isdecimal():
            return _json({"error": "limit is a number"}, status=400)
        found = hub.messages(min(int(limit), LIST_MAX), request.query.get("msisdn"))
        return _json({"messages": msgspec.to_builtins(found)})

    async def settings(request: web.Request) -> web.Response:
        if request.method == "POST":
            changes = await _body(request, dict[str, Any])
            try:
                hub.configure(**changes)
            except (msgspec.ValidationError, ValueError, TypeError) as error:
                return _json({"error": str(error)}, status=400)
        shown = msgspec.to_builtins(hub.settings)
        names = {"bots": sorted(hub.settings.bots), "accounts": sorted(hub.settings.accounts)}
        return _json(shown | names)

    async def user(request: web.Request) -> web.Response:
        wish = await _body(request, UserMessage)
        hub.inject(wish.bot, wish.msisdn, wish.content)
        return _json({})

    async def decide(request: web.Request) -> web.Response:
        wish = await _body(request, Decision)
        try:
            hub.directory.decide(wish.bot, wish.name, wish.status, wish.reason)
        except DirectoryError as error:
            return _json({"error": str(error)}, status=error.status)
        return _json({})

    async def forget(_: web.Request) -> web.Response:
        return _json({"tokens": hub.desk.forget()})

    return [
        web.get("/stats", stats),
        web.get("/messages", messages),
        web.get("/settings", settings),
        web.post("/settings", settings),
        web.post("/user", user),
        web.post("/decide", decide),
        web.post("/forget-tokens", forget),
    ]


async def _body(request: web.Request, kind: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _json(value: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json")
