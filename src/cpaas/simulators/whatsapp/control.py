"""A small HTTP port to look into a running simulated Cloud API and to change what it does.

Loopback only: it has no password, since whoever reaches it is on the machine already.
"""

from typing import Any

import msgspec
from aiohttp import web

from cpaas.simulators.whatsapp.cloud import Cloud

LIST_MAX = 10_000


class Written(msgspec.Struct, forbid_unknown_fields=True):
    """What a handset writes to a number; `message` is as in Meta's webhook."""

    number: str
    sender: str
    message: dict[str, Any]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """What a reviewer says about a template."""

    id: str
    status: str
    reason: str = ""


def routes(cloud: Cloud) -> list[web.RouteDef]:
    """Everything that can be asked."""

    async def stats(_: web.Request) -> web.Response:
        hooks = cloud.webhooks
        return _json(
            {
                "service": "simulator-whatsapp", "status": "UP", "messages": len(cloud.sent),
                "webhooks_taken": hooks.taken, "webhooks_refused": hooks.refused,
                "uploads": cloud.counts.get("uploads", 0),
            }
        )  # fmt: skip

    async def messages(_: web.Request) -> web.Response:
        return _json({"messages": msgspec.to_builtins(list(cloud.sent.values())[-LIST_MAX:])})

    async def settings(request: web.Request) -> web.Response:
        changes = await _body(request, dict[str, Any])
        try:
            cloud.configure(**changes)
        except (msgspec.ValidationError, TypeError) as error:
            return _json({"error": str(error)}, 400)
        return _json(msgspec.to_builtins(cloud.settings))

    async def user(request: web.Request) -> web.Response:
        wish = await _body(request, Written)
        if wish.number not in cloud.settings.numbers:
            return _json({"error": "there is no such phone number id"}, 404)
        return _json({"id": cloud.receive(wish.number, wish.sender, wish.message)})

    async def decide(request: web.Request) -> web.Response:
        wish = await _body(request, Decision)
        if wish.id not in cloud.templates:
            return _json({"error": "there is no such template"}, 404)
        cloud.decide(wish.id, wish.status, wish.reason)
        return _json({})

    return [
        web.get("/stats", stats),
        web.get("/messages", messages),
        web.post("/settings", settings),
        web.post("/user", user),
        web.post("/decide", decide),
    ]


async def _body(request: web.Request, kind: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
