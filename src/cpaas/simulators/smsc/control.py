"""A small HTTP port to look into a running simulated SMSC and to change what it does.

Loopback only: it has no password, since whoever reaches it is on the machine already.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from cpaas.simulators.smsc.smsc import SimulatedSmsc

LIST_MAX = 10_000


class MoRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A message from a handset."""

    source: str
    destination: str
    text: str
    system_id: str


class DropRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whose connections to cut; all when no system_id is given."""

    system_id: str | None = None


async def start_control(
    smsc: SimulatedSmsc, port: int
) -> tuple[int, Callable[[], Awaitable[None]]]:
    """Listen on loopback; return the port and what stops it."""
    app = web.Application(client_max_size=1_000_000)
    app.add_routes(_routes(smsc))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return int(runner.addresses[0][1]), runner.cleanup


def _routes(smsc: SimulatedSmsc) -> list[web.RouteDef]:
    async def stats(_: web.Request) -> web.Response:
        return _json(smsc.snapshot())

    async def messages(request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not limit.isdecimal():
            return _json({"error": "limit is a number"}, status=400)
        found = smsc.messages(min(int(limit), LIST_MAX), request.query.get("destination"))
        return _json({"messages": found})

    async def settings(request: web.Request) -> web.Response:
        if request.method == "POST":
            changes = await _body(request, dict[str, Any])
            try:
                smsc.configure(**changes)
            except (msgspec.ValidationError, TypeError) as error:
                return _json({"error": str(error)}, status=400)
        shown = msgspec.to_builtins(smsc.settings)
        return _json(shown | {"accounts": sorted(smsc.settings.accounts)})

    async def drop(request: web.Request) -> web.Response:
        wish = await _body(request, DropRequest)
        return _json({"dropped": smsc.drop(wish.system_id)})

    async def mo(request: web.Request) -> web.Response:
        wish = await _body(request, MoRequest)
        parts = smsc.inject(
            source=wish.source,
            destination=wish.destination,
            text=wish.text,
            system_id=wish.system_id,
        )
        return _json({"parts": parts})

    return [
        web.get("/stats", stats),
        web.get("/messages", messages),
        web.get("/settings", settings),
        web.post("/settings", settings),
        web.post("/drop", drop),
        web.post("/mo", mo),
    ]


async def _body(request: web.Request, kind: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _json(value: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, content_type="application/json")
