"""Voice as the gateway sees it: a SIP trunk or a Calls API, and what the latter calls us with."""

from typing import Any, Final

import msgspec

from cpaas.channels.base import (
    Callback,
    CallbackRefusedError,
    CarrierReceipt,
    Heard,
    Inbound,
    Link,
    RouteSettingsError,
    Sink,
    Tools,
)
from cpaas.channels.voice.callbacks import (
    NOTHING,
    SIGNATURE,
    TWIML_TYPE,
    CallbackError,
    CallUpdate,
    call_update,
    genuine,
    read_form,
)
from cpaas.channels.voice.calls_driver import KEYS, CallsDriver, callback_base
from cpaas.channels.voice.calls_link import CallsLink
from cpaas.channels.voice.config import (
    HTTP,
    SIP,
    CallsSettings,
    SipSettings,
    calls_settings,
    sip_settings,
)
from cpaas.channels.voice.content import MINUTE, VoiceContent, limit_seconds
from cpaas.channels.voice.sip_link import SipLink
from cpaas.channels.voice.speech import Speech
from cpaas.channels.voice.statuses import call_end
from cpaas.kit.errors import InputError
from cpaas.messages.call_record import with_seconds
from cpaas.snapshot.types import Route

DIALECTS: Final = (SIP, HTTP)


class VoiceChannel:
    """Calls that speak or play a message."""

    name = "voice"

    def open(self, route: Route, credentials: dict[str, str], sink: Sink, tools: Tools) -> Link:
        """A link for a route; RouteSettingsError when its settings cannot be used."""
        secret = credentials.get("password", "")
        if route.dialect == SIP:
            settings = sip_settings(route)
            if not route.host:
                raise RouteSettingsError(f"route {route.name} does not say where the trunk is")
            return SipLink(route, settings, secret, sink, tools, Speech(tools.sounds, tools.piper))
        if route.dialect == HTTP:
            return CallsLink(
                route, CallsDriver(route, calls_settings(route), secret, tools), sink,
                answer_seconds=calls_settings(route).timeout_seconds,
            )  # fmt: skip
        raise RouteSettingsError(
            f"route {route.name} has the dialect {route.dialect!r}: use one of {DIALECTS}"
        )

    def weigh(self, text: str, content: dict[str, Any]) -> int:
        """Started minutes of the longest that the call may take."""
        try:
            wanted = msgspec.convert(content.get("voice") or {}, VoiceContent)
        except msgspec.ValidationError as error:
            todo = "see docs/reference/channels/voice.md"
            raise InputError(f"voice: {error}", todo, "voice") from error
        for field in ("media", "whatsapp", "rcs"):
            if content.get(field):
                raise InputError(f"a call has no {field}", "leave it out", field)
        return -(-limit_seconds(text, wanted) // MINUTE)

    def check_settings(self, document: dict[str, object], dialect: str = SIP) -> None:
        """Raises when the settings do not fit a trunk, or a Calls API."""
        if dialect != HTTP:
            msgspec.convert(document, SipSettings)
            return
        msgspec.convert(document, CallsSettings)

    def identity(self, route: Route) -> object:
        """What must be equal for the link to live on when the route is changed."""
        return (
            route.name, route.dialect, route.host, route.port, route.system_id,
            repr(route.settings), route.secret, route.callback_token,
        )  # fmt: skip

    def hear(
        self, route: Route, credentials: dict[str, str], callback: Callback, tools: Tools
    ) -> Heard:
        """What a callback tells. Pure. Errors: CallbackRefusedError."""
        # The provider built in for test keys calls us as any other.
        calls_us = route.dialect == HTTP or route.simulated
        if not calls_us or callback.method != "POST":
            raise CallbackRefusedError(404, "nobody calls here")
        settings = calls_settings(route)
        try:
            form = read_form(callback.body)
            mark = callback.query.get("m", "")
            url = f"{callback_base(route, settings, tools)}{callback.path}?m={mark}"
            signed = callback.headers.get(SIGNATURE.lower(), "")
            if settings.verify and not genuine(credentials.get("password", ""), url, form, signed):
                raise CallbackRefusedError(403, "the signature does not hold")
            update = call_update(form)
        except CallbackError as error:
            raise CallbackRefusedError(400, str(error)) from None
        message_id = _message_id(mark)
        if callback.path == KEYS:
            return Heard(inbound=_keys(update), body=NOTHING, content_type=TWIML_TYPE)
        return Heard(receipts=[_receipt(update, message_id, callback)])


def _message_id(mark: str) -> bytes | None:
    try:
        found = bytes.fromhex(mark)
    except ValueError:
        return None
    return found if len(found) == 16 else None


def _keys(update: CallUpdate) -> list[Inbound]:
    if not update.digits:
        return []
    return [
        Inbound(
            update.to, update.sender, update.digits, b"", [], content={"dtmf": update.digits},
            key=f"{update.sid}:keys",
        )
    ]  # fmt: skip


def _receipt(update: CallUpdate, message_id: bytes | None, callback: Callback) -> CarrierReceipt:
    ended = call_end(update.status)
    state, error = ended or ("ENROUTE", None)
    seconds = None
    if state == "DELIVERED":
        # An answered call of no told length has begun its first minute.
        seconds = max(1, update.seconds or 1)
    raw = callback.body if seconds is None else with_seconds(seconds, callback.body)
    return CarrierReceipt(
        update.sid, state, "" if error is None else error.code,
        "" if error is None else error.text, update.done_us or callback.at_us, update.to,
        update.sender, raw, None, message_id, seconds=seconds,
    )  # fmt: skip
