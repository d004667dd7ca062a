"""The hub's HTTP: token endpoint, message API, capabilities, files and template directory.

The same calls under the roots of the family: Virtuoso's without, Vi's and Dotgo's with /rcs.
"""

import asyncio
import base64
import binascii
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import BodyPartReader, web

from cpaas.kit.ids import new_id
from cpaas.simulators.rcs.directory import DirectoryError
from cpaas.simulators.rcs.hub import Answer, SimulatedHub
from cpaas.simulators.rcs.settings import RcsSettings

BODY_BYTES_MAX: Final = 250_000
UPLOAD_BYTES_MAX: Final = 20_000_000
USERS_MAX: Final = 10_000
#: what an answer that never comes waits for: the caller, who gives up before.
HANG_SECONDS: Final = 3600.0
_MSISDN: Final = re.compile(r"\+[1-9][0-9]{6,14}")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RcsServer:
    """A hub on a port of its own."""

    def __init__(self, settings: RcsSettings) -> None:
        self.hub = SimulatedHub(settings)
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Listens; returns the port."""
        app = web.Application(client_max_size=UPLOAD_BYTES_MAX)
        app.add_routes(_Calls(self.hub).routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.hub.settings.host, self.hub.settings.port)
        await site.start()
        await self.hub.caller.start()
        self.port = int(self._runner.addresses[0][1])
        return self.port

    async def stop(self) -> None:
        """Answers nobody any more."""
        self.hub.agenda.close()
        await self.hub.caller.stop()
        if self._runner is not None:
            await self._runner.cleanup()


class _Calls:
    """One method per call of the API."""

    def __init__(self, hub: SimulatedHub) -> None:
        self._hub = hub

    def routes(self) -> list[web.RouteDef]:
        """All routes, under each root."""
        found = [
            web.post("/oauth2/token", self.token),
            web.post("/auth/oauth/token", self.token),
        ]
        for root in ("", "/rcs"):
            phone = f"{root}/v1/phones/{{msisdn}}"
            found += [
                web.post(f"{phone}/agentMessages/async", self._for_bot(self.send)),
                web.delete(f"{phone}/agentMessages/{{id}}", self._for_bot(self.revoke)),
                web.get(f"{phone}/capabilities", self._for_bot(self.capabilities)),
                web.post(f"{phone}/agentEvents", self._for_bot(self.agent_event)),
                web.post(
                    f"{root}/bot/v1/{{bot}}/rcsEnabledContacts", self._for_bot(self.reachable)
                ),
                web.post(f"{root}/upload/v1/files", self._for_bot(self.upload)),
            ]
        bots = "/directory/secure/api/v1/bots/{bot}"
        found += [
            web.post(f"{bots}/templates", self._in_directory(self.create)),
            web.get(f"{bots}/templates", self._in_directory(self.listing)),
            web.get(f"{bots}/templates/{{name}}", self._in_directory(self.details)),
            web.put(f"{bots}/templates/{{name}}", self._in_directory(self.create)),
            web.get(f"{bots}/templates/{{name}}/templateStatus", self._in_directory(self.status)),
            web.post(f"{bots}/deleteTemplate/{{name}}", self._in_directory(self.delete)),
        ]
        return found

    async def token(self, request: web.Request) -> web.Response:
        """OAuth2 client credentials; the grant type stands in the query."""
        status, body = self._hub.desk.issue(
            request.headers.get("Authorization", ""), request.query.get("grant_type")
        )
        return _json(body, status)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """agentMessages/async."""
        msisdn = request.match_info["msisdn"]
        raw = await request.read()
        if not _MSISDN.fullmatch(msisdn):
            return _error(400, "the number must be E.164 with its plus")
        if len(raw) > BODY_BYTES_MAX:
            return _error(400, "the message is over 250 KB")
        try:
            body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return _error(400, "the body is not JSON")
        answer = self._hub.send(
            request.query["botId"], msisdn, request.query.get("messageId", ""), body,
            check=request.query.get("doCapCheck") == "true",
        )  # fmt: skip
        return await self._answered(answer)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """Best effort, only while it is undelivered."""
        answer = self._hub.revoke(request.query["botId"], request.match_info["id"])
        return await self._answered(answer)

    async def capabilities(self, request: web.Request) -> web.StreamResponse:
        """200 with {} = not RCS."""
        return _json(self._hub.capabilities(request.match_info["msisdn"]))

    async def reachable(self, request: web.Request) -> web.StreamResponse:
        """Which of up to 10,000 have RCS."""
        try:
            wish = msgspec.json.decode(await request.read(), type=dict[str, list[str]])
            users = wish["users"]
        except (msgspec.DecodeError, KeyError):
            return _error(400, "users must be a list of numbers")
        if len(users) > USERS_MAX:
            return _error(400, f"users has more than {USERS_MAX} numbers")
        return _json({"rcsEnabledContacts": self._hub.reachable(users)})

    async def agent_event(self, request: web.Request) -> web.StreamResponse:
        """Typing, or that the bot has read."""
        try:
            wish = msgspec.json.decode(await request.read(), type=dict[str, str])
        except msgspec.DecodeError:
            return _error(400, "the body is not JSON")
        if wish.get("eventType") not in ("IS_TYPING", "READ"):
            return _error(400, "eventType must be IS_TYPING or READ")
        return _json({})

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """A file by multipart; its id can be sent as fileName."""
        parts = await _parts(request)
        if "fileContent" not in parts or "fileType" not in parts:
            return _error(400, "fileContent and fileType are needed")
        return _json({"name": f"files/{new_id().hex}"})

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A new template, or a new version of one."""
        parts = await _parts(request)
        if "rich_template_data" not in parts:
            return _error(400, "rich_template_data is missing")
        update = _name(request) if "name" in request.match_info else None
        data = parts["rich_template_data"]
        return _json(
            self._hub.directory.submit(request.match_info["bot"], data, update=update), 202
        )

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """All templates of a bot."""
        found = [
            {"name": one.name, "templateStatus": one.status, "templateType": one.data["type"]}
            for one in self._hub.directory.of(request.match_info["bot"])
        ]
        return _json({"templateList": found})

    async def details(self, request: web.Request) -> web.StreamResponse:
        """One template with its content."""
        one = self._hub.directory.one(request.match_info["bot"], _name(request))
        return _json({**one.data, "templateStatus": one.status})

    async def status(self, request: web.Request) -> web.StreamResponse:
        """Where its review stands."""
        one = self._hub.directory.one(request.match_info["bot"], _name(request))
        body = {"name": one.name, "templateStatus": one.status}
        return _json(body | ({"reason": one.reason} if one.reason else {}))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Removes a template."""
        self._hub.directory.delete(request.match_info["bot"], _name(request))
        return _json({})

    async def _answered(self, answer: Answer) -> web.Response:
        delay = HANG_SECONDS if answer.hangs else self._hub.settings.answer_delay_seconds
        if delay:
            await asyncio.sleep(delay)
        headers = {"Retry-After": str(answer.retry_after)} if answer.retry_after else None
        return _json(answer.body, answer.status, headers)

    def _for_bot(self, handler: Handler) -> Handler:
        """Only with a token of the very bot that the call names."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            grant = self._hub.desk.grant(request.headers.get("Authorization", ""))
            if grant is None:
                return _json(
                    {"error": "invalid_token", "error_description": "Invalid access token"}, 401
                )
            bot = request.match_info.get("bot") or request.query.get("botId", "")
            if not bot or grant.bot != bot or self._hub.settings.refuse_address:
                return _error(403, "invalid client id or invalid IP address")
            return await handler(request)

        return guarded

    def _in_directory(self, handler: Handler) -> Handler:
        """Only with a token of an account, which is none of a bot."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._hub.settings.directory:
                return _error(404, "not found")
            grant = self._hub.desk.grant(request.headers.get("Authorization", ""))
            if grant is None or grant.bot:
                return _json({"error": "invalid_token"}, 401)
            try:
                return await handler(request)
            except DirectoryError as error:
                return _error(error.status, str(error))

        return guarded


def _name(request: web.Request) -> str:
    text = request.match_info["name"]
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        raise DirectoryError(400, "the name must be base64url") from None


async def _parts(request: web.Request) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    with contextlib.suppress(ValueError, AssertionError):
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name:
                parts[part.name] = bytes(await part.read())
    return parts


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(
        body=body, status=status, content_type="application/json", headers=headers
    )  # fmt: skip


def _error(status: int, text: str) -> web.Response:
    return _json({"error": {"code": status, "message": text, "status": str(status)}}, status)


async def serve(settings: RcsSettings) -> None:
    """Runs a hub, with its control port if asked for, until cancelled."""
    server = RcsServer(settings)
    async with contextlib.AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop)
        if settings.control_port is not None:
            from cpaas.simulators.rcs.control import start_control

            _, stop_control = await start_control(server.hub, settings.control_port)
            stack.push_async_callback(stop_control)
        await asyncio.Event().wait()
