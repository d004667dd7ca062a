"""A Twilio-compatible Calls API as the gateway's HTTP link speaks it: one POST a call."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec

from cpaas.channels.base import NotEncodableError, Tools
from cpaas.channels.http import Said
from cpaas.channels.voice.config import CallsSettings
from cpaas.channels.voice.content import content_of, limit_seconds
from cpaas.channels.voice.payloads import call_form, twiml
from cpaas.channels.voice.statuses import api_error
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Route

THROTTLED_PAUSE: Final = 1.0
ANSWER_BYTES_MAX: Final = 256 * 1024
KEYS: Final = "/keys"


class CallsDriver:
    """Writes a message as a call, and reads whether it was taken."""

    def __init__(self, route: Route, settings: CallsSettings, token: str, tools: Tools) -> None:
        self._route = route
        self._settings = settings
        self._tools = tools
        self._auth = aiohttp.BasicAuth(route.system_id, token)
        base = settings.base_url.rstrip("/")
        self._calls = f"{base}/{settings.version}/Accounts/{quote(route.system_id, safe='')}/Calls"

    def prepare(self, envelope: Envelope, message: Outgoing) -> tuple[Any, str]:
        """The form of the call; its callbacks carry our own id. Errors: NotEncodableError."""
        try:
            content = content_of(message.content)
        except msgspec.ValidationError as error:
            raise NotEncodableError(f"voice: {error}") from None
        if not message.sender:
            raise NotEncodableError("a call needs the number that it comes from", "sender_required")
        base, mark = callback_base(self._route, self._settings, self._tools), message.id.hex()
        return call_form(
            f"+{message.to.removeprefix('+')}", message.sender,
            twiml(message.text, content, f"{base}{KEYS}?m={mark}"),
            callback_url=f"{base}?m={mark}", ring_seconds=self._settings.ring_seconds,
            limit_seconds=limit_seconds(message.text, content),
        ), ""  # fmt: skip

    def hold(self, envelope: Envelope, message: Outgoing) -> float:
        """Calls never wait for more than the route's rate."""
        return 0.0

    async def send(self, session: aiohttp.ClientSession, request: Any) -> Said:
        """Sends one call; what aiohttp raises is sorted by the link."""
        async with session.post(f"{self._calls}.json", data=request, auth=self._auth) as response:
            body = await response.content.read(ANSWER_BYTES_MAX)
            status = response.status
        try:
            told = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            told = {}
        if status in {200, 201}:
            sid = told.get("sid")
            # Taken, but without a name: its callback tells it by ours.
            return Said(str(sid)) if sid else Said(None, api_error(500, 0), "no sid in the answer")
        code = told.get("code")
        error = api_error(status, code if isinstance(code, int) else 0)
        words = f"{code or status} {told.get('message', '')}".strip()[:300]
        return Said(None, error, words, THROTTLED_PAUSE if error.slows_route else 0.0)

    async def look(self, session: aiohttp.ClientSession, sid: str) -> tuple[str, int]:
        """A call's status and seconds; status "" when the carrier does not say."""
        url = f"{self._calls}/{quote(sid, safe='')}.json"
        async with session.get(url, auth=self._auth) as response:
            body = await response.content.read(ANSWER_BYTES_MAX)
            if response.status != HTTPStatus.OK:
                return "", 0
        try:
            told = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            return "", 0
        duration = str(told.get("duration") or "0")
        return str(told.get("status") or ""), int(duration) if duration.isdecimal() else 0

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> Any:
        """Ends the call: one that rings is cancelled by it."""

        async def ask(session: aiohttp.ClientSession) -> None:
            url = f"{self._calls}/{quote(provider_message_id, safe='')}.json"
            async with session.post(url, data={"Status": "completed"}, auth=self._auth) as response:
                await response.read()

        return ask


def callback_base(route: Route, settings: CallsSettings, tools: Tools) -> str:
    """Where the provider calls this route."""
    ours = tools.callback_url(route)
    if not settings.callback_url:
        return ours
    # The route's secret path at another address.
    return settings.callback_url.rstrip("/") + ours[ours.index("/callbacks") :]
