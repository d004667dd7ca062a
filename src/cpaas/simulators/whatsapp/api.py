"""The HTTP of the simulated Cloud API, under /{version}, and its control port."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import BodyPartReader, web

from cpaas.simulators.whatsapp import templates
from cpaas.simulators.whatsapp.cloud import Cloud, Refusal
from cpaas.simulators.whatsapp.settings import CloudSettings

UPLOAD_BYTES_MAX: Final = 110 * 2**20
#: what an answer that never comes waits for: the caller, who gives up before.
HANG_SECONDS: Final = 3600.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CloudServer:
    """The service on a port of its own."""

    def __init__(self, settings: CloudSettings) -> None:
        self.cloud = Cloud(settings)
        self.port = 0
        self.control_port = 0
        self._runners: list[web.AppRunner] = []

    async def start(self) -> int:
        """Listens; returns the port."""
        settings = self.cloud.settings
        self.port = await self._serve(_Calls(self.cloud).routes(), settings.host, settings.port)
        if settings.control_port is not None:
            from cpaas.simulators.whatsapp.control import routes

            self.control_port = await self._serve(
                routes(self.cloud), "127.0.0.1", settings.control_port
            )
        await self.cloud.webhooks.start()
        return self.port

    async def _serve(self, routes: list[web.RouteDef], host: str, port: int) -> int:
        app = web.Application(client_max_size=UPLOAD_BYTES_MAX)
        app.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, host, port).start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Answers nobody any more."""
        await self.cloud.webhooks.stop()
        for runner in self._runners:
            await runner.cleanup()


class _Calls:
    """One method per call."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def routes(self) -> list[web.RouteDef]:
        """All routes."""
        root = "/{version:v[0-9]+\\.[0-9]}"
        return [
            web.post(root + "/{number}/messages", _answered(self.messages)),
            web.post(root + "/{number}/media", _answered(self.upload)),
            web.post(root + "/{app}/uploads", _answered(self.session)),
            web.post(root + "/{session:upload:.+}", _answered(self.handle)),
            web.post(root + "/{waba}/message_templates", _answered(self.create)),
            web.get(root + "/{waba}/message_templates", _answered(self.listing)),
            web.delete(root + "/{waba}/message_templates", _answered(self.remove)),
            web.get(root + "/files/{id}", _answered(self.download)),
            web.get(root + "/{id}", _answered(self.look_up)),
            web.delete(root + "/{id}", _answered(self.delete)),
        ]

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """POST /{phone_number_id}/messages."""
        number_id = request.match_info["number"]
        number = self._cloud.number(number_id, _token(request))
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise Refusal(400, 100, "the body is not JSON") from None
        if isinstance(body, dict) and body.get("status") == "read":
            return _json({"success": True})
        answer, outcome = self._cloud.send(number_id, number, body)
        delay = HANG_SECONDS if outcome.hangs else self._cloud.settings.answer_delay_seconds
        if delay:
            await asyncio.sleep(delay)
        return _json(answer)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """POST /{phone_number_id}/media."""
        number_id = request.match_info["number"]
        self._cloud.number(number_id, _token(request))
        fields: dict[str, bytes] = {}
        media_type = ""
        with contextlib.suppress(ValueError, AssertionError):
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                if isinstance(part, BodyPartReader) and part.name:
                    fields[part.name] = bytes(await part.read())
                    if part.name == "file":
                        media_type = part.headers.get("Content-Type", "")
        if fields.get("messaging_product") != b"whatsapp" or "file" not in fields:
            raise Refusal(400, 100, "messaging_product and file are needed")
        media_type = fields.get("type", media_type.encode()).decode()
        made = self._cloud.upload(number_id, media_type, fields["file"])
        return _json({"id": made.id})

    async def session(self, request: web.Request) -> web.StreamResponse:
        """POST /{app_id}/uploads: begins a resumable upload."""
        token = _token(request)
        apps = {one.app_id: one.token for one in self._cloud.settings.numbers.values()}
        if apps.get(request.match_info["app"]) != token:
            raise Refusal(401, 190, "Error validating access token")
        if not request.query.get("file_length") or not request.query.get("file_type"):
            raise Refusal(400, 100, "file_length and file_type are needed")
        return _json({"id": f"upload:{hashlib.sha256(token.encode()).hexdigest()[:16]}"})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST /upload:…: the bytes; answers with a handle."""
        if not request.headers.get("Authorization", "").startswith("OAuth "):
            raise Refusal(401, 190, "Error validating access token")
        data = await request.read()
        return _json({"h": f"4::{hashlib.sha256(data).hexdigest()[:32]}"})

    async def look_up(self, request: web.Request) -> web.StreamResponse:
        """GET /{media_id}."""
        _token(request)
        found = self._cloud.files.get(request.match_info["id"])
        if found is None:
            raise Refusal(400, 100, "Object does not exist")
        version = request.match_info["version"]
        return _json(
            {
                "url": f"{request.scheme}://{request.host}/{version}/files/{found.id}",
                "mime_type": found.media_type, "file_size": len(found.data), "id": found.id,
                "sha256": hashlib.sha256(found.data).hexdigest(),
                "messaging_product": "whatsapp",
            }
        )  # fmt: skip

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The file behind a look-up's url; with the token, too."""
        _token(request)
        found = self._cloud.files.get(request.match_info["id"])
        if found is None:
            raise Refusal(404, 100, "gone")
        return web.Response(body=found.data, content_type=found.media_type)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """DELETE /{media_id}."""
        _token(request)
        if self._cloud.files.pop(request.match_info["id"], None) is None:
            raise Refusal(400, 100, "Object does not exist")
        return _json({"success": True})

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST /{waba_id}/message_templates."""
        waba = request.match_info["waba"]
        self._cloud.business(waba, _token(request))
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            raise Refusal(400, 100, "the body is not JSON") from None
        made = self._cloud.submit(waba, body)
        return _json({"id": made.id, "status": made.status, "category": made.category})

    async def listing(self, request: web.Request) -> web.StreamResponse:
        """GET /{waba_id}/message_templates."""
        waba = request.match_info["waba"]
        self._cloud.business(waba, _token(request))
        name, status = request.query.get("name"), request.query.get("status")
        found = [
            templates.shown(one, request.query.get("fields", ""))
            for one in self._cloud.templates.values()
            if one.waba_id == waba
            and (not name or one.name == name)
            and (not status or one.status == status)
        ]
        return _json(
            {
                "data": found, "paging": {"cursors": {"before": "MAZDZD", "after": "MjQZD"}},
                "summary": {
                    "total_count": len(found), "message_template_count": len(found),
                    "message_template_limit": 6000, "are_translations_complete": False,
                },
            }
        )  # fmt: skip

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """DELETE /{waba_id}/message_templates?name=."""
        waba = request.match_info["waba"]
        self._cloud.business(waba, _token(request))
        name = request.query.get("name")
        gone = [
            key
            for key, one in self._cloud.templates.items()
            if one.waba_id == waba
            and one.name == name
            and request.query.get("hsm_id") in (None, one.id)
        ]
        if not gone:
            raise Refusal(400, 100, "template was not found")
        for key in gone:
            del self._cloud.templates[key]
        return _json({"success": True})


def _token(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        raise Refusal(401, 190, "An access token is required")
    return token


def _answered(handler: Handler) -> Handler:
    """Refusals in Meta's form."""

    async def run(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as error:
            shown: dict[str, Any] = {
                "message": f"(#{error.code}) {error}", "type": "OAuthException",
                "code": error.code, "fbtrace_id": "AbCdEf",
                "error_data": {"messaging_product": "whatsapp", "details": str(error)},
            }  # fmt: skip
            if error.transient:
                shown["is_transient"] = True
            return _json({"error": shown}, error.status)

    return run


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )


async def serve(settings: CloudSettings) -> None:
    """Runs the service until cancelled."""
    server = CloudServer(settings)
    await server.start()
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()
