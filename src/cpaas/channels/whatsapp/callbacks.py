"""Meta's webhooks in our words: statuses, replies, what became of templates. Pure."""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from cpaas.channels.base import (
    Callback,
    CallbackRefusedError,
    CarrierReceipt,
    Heard,
    Inbound,
    TemplateNotice,
    Tools,
)
from cpaas.channels.whatsapp.config import WhatsappSettings
from cpaas.channels.whatsapp.payloads import message_id
from cpaas.channels.whatsapp.statuses import meta_error, receipt_state
from cpaas.snapshot.types import Identity, Route

RAW_BYTES_MAX: Final = 4096
SECOND_US: Final = 1_000_000
_SIGNATURE: Final = "x-hub-signature-256"
#: kinds of replies that hold a file.
_FILES: Final = ("image", "video", "audio", "document", "sticker")
_Status = Literal["approved", "pending", "rejected", "paused", "disabled"]
_TEMPLATES: Final[dict[str, _Status]] = {
    "APPROVED": "approved", "REINSTATED": "approved", "UNARCHIVED": "approved",
    "PENDING": "pending", "IN_APPEAL": "pending",
    "REJECTED": "rejected", "LIMIT_EXCEEDED": "rejected",
    "DISABLED": "disabled", "DELETED": "disabled", "PENDING_DELETION": "disabled",
    "ARCHIVED": "disabled",
    "PAUSED": "paused", "LOCKED": "paused",
}  # fmt: skip


def hear(
    route: Route, settings: WhatsappSettings, callback: Callback, tools: Tools,
    *, fallback_secret: str = "",
) -> Heard:  # fmt: skip
    """What a webhook tells. Errors: CallbackRefusedError."""
    identities = tools.identities(route.id)
    if callback.method == "GET":
        return _verified(settings, identities, callback, tools)
    if callback.method != "POST":
        raise CallbackRefusedError(405, "POST or GET")
    signers = _signers(identities, callback, tools, fallback_secret)
    if signers is None:
        raise CallbackRefusedError(401, "the signature does not fit the body")
    try:
        document = msgspec.json.decode(callback.body)
    except msgspec.MsgspecError:
        raise CallbackRefusedError(400, "the body is not JSON") from None
    heard = Heard()
    for business, change in _changes(document):
        value = change.get("value")
        if isinstance(value, dict):
            _change(heard, str(change.get("field")), value, business, signers, callback)
    return heard


class _Signers(msgspec.Struct):
    """The numbers that a signature speaks for; `all` for a simulated route's."""

    identities: list[Identity]
    all: bool = False

    def number(self, phone_number_id: str) -> str | None:
        """The number of this id; None when the signature does not speak for it."""
        for one in self.identities:
            if str(one.settings.get("phone_number_id")) == phone_number_id:
                return one.value
        return "" if self.all else None

    def of_business(self, waba_id: str) -> str | None:
        """A number of this business."""
        for one in self.identities:
            if str(one.settings.get("waba_id")) == waba_id:
                return one.value
        return "" if self.all else None


def _verified(
    settings: WhatsappSettings, identities: list[Identity], callback: Callback, tools: Tools
) -> Heard:
    given = callback.query.get("hub.verify_token", "")
    known = [settings.verify_token]
    known += [tools.secrets(one).get("verify_token", "") for one in identities]
    right = any(one and hmac.compare_digest(one.encode(), given.encode()) for one in known)
    if callback.query.get("hub.mode") != "subscribe" or not right:
        raise CallbackRefusedError(403, "the verify token is not ours")
    return Heard(body=callback.query.get("hub.challenge", "").encode())


def _signers(
    identities: list[Identity], callback: Callback, tools: Tools, fallback_secret: str
) -> _Signers | None:
    kind, _, given = callback.headers.get(_SIGNATURE, "").partition("=")
    if kind != "sha256":
        return None
    fitting: dict[str, bool] = {}

    def fits(secret: str) -> bool:
        if not secret:
            return False
        if secret not in fitting:
            made = hmac.new(secret.encode(), callback.body, hashlib.sha256).hexdigest()
            fitting[secret] = hmac.compare_digest(made.encode(), given.lower().encode())
        return fitting[secret]

    if fits(fallback_secret):
        return _Signers(identities, all=True)
    found = [one for one in identities if fits(tools.secrets(one).get("app_secret", ""))]
    return _Signers(found) if found else None


def _changes(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in _dicts(document.get("entry") if isinstance(document, dict) else None):
        for change in _dicts(entry.get("changes")):
            yield str(entry.get("id", "")), change


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _change(
    heard: Heard, field: str, value: dict[str, Any], business: str, signers: _Signers,
    callback: Callback,
) -> None:  # fmt: skip
    if field == "messages":
        metadata = value.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        number = signers.number(str(metadata.get("phone_number_id", "")))
        if number is None:
            return
        ours = number or f"+{metadata.get('display_phone_number', '')}"
        for status in _dicts(value.get("statuses")):
            receipt = _receipt(status, ours, callback)
            if receipt is not None:
                heard.receipts.append(receipt)
        for message in _dicts(value.get("messages")):
            heard.inbound.append(_inbound(message, ours, value, callback))
    elif field.startswith("message_template_status"):
        sender = signers.of_business(business)
        if sender is not None:
            notice = _notice(value, sender)
            if notice is not None:
                heard.templates.append(notice)


def _receipt(status: dict[str, Any], ours: str, callback: Callback) -> CarrierReceipt | None:
    state = receipt_state(str(status.get("status")))
    given = status.get("id")
    if state is None or not isinstance(given, str) or not given:
        return None
    own = message_id(str(status.get("biz_opaque_callback_data", "")))
    if state == "ENROUTE" and own is None:
        # That it was accepted, its answer has said.
        return None
    pricing = status.get("pricing")
    error = meta_error((_dicts(status.get("errors")) or [{}])[0]) if state == "FAILED" else None
    return CarrierReceipt(
        given, state,
        error.name if error is not None else "",
        error.words or "The carrier could not deliver it." if error is not None else "",
        _moment(status, callback.at_us), str(status.get("recipient_id", "")), ours,
        msgspec.json.encode(status)[:RAW_BYTES_MAX], None, own,
        str(pricing.get("category", "")) if isinstance(pricing, dict) else "",
    )  # fmt: skip


def _moment(document: dict[str, Any], at_us: int) -> int:
    text = str(document.get("timestamp", ""))
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 13 else 0
    told = seconds * SECOND_US
    # Whole seconds: what was told within the last one happened now.
    return told if told and told < at_us - 2 * SECOND_US else at_us


def _inbound(
    message: dict[str, Any], ours: str, value: dict[str, Any], callback: Callback
) -> Inbound:
    kind = str(message.get("type", ""))
    held = message.get(kind)
    sender = str(message.get("from") or _user_of(value))
    # Contacts come as a list.
    text, told = _said(kind, held if isinstance(held, dict) else {})
    if isinstance(held, list):
        told = {kind: held}
    told["type"] = kind
    context = message.get("context")
    if isinstance(context, dict) and context.get("id"):
        told["reply_to"] = str(context["id"])
    text_us = str(message.get("timestamp", ""))
    exact = int(text_us) * SECOND_US if text_us.isdigit() and len(text_us) < 13 else callback.at_us
    return Inbound(
        sender, ours.removeprefix("+"), _clean(text), msgspec.json.encode(message)[:RAW_BYTES_MAX],
        [], content=None if kind == "text" and len(told) == 1 else _cleaned(told),
        key=str(message.get("id", "")), at_us=exact,
    )  # fmt: skip


def _user_of(value: dict[str, Any]) -> str:
    """The sender's id where no number is told."""
    contacts = _dicts(value.get("contacts"))
    return str(contacts[0].get("wa_id") or contacts[0].get("user_id") or "") if contacts else ""


def _said(kind: str, held: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text of a reply, and what it holds besides."""
    if kind == "text":
        return str(held.get("body", "")), {}
    if kind == "button":
        return str(held.get("text", "")), {"payload": str(held.get("payload", ""))}
    if kind == "interactive":
        for name in ("button_reply", "list_reply"):
            chosen = held.get(name)
            if isinstance(chosen, dict):
                return str(chosen.get("title", "")), {"payload": str(chosen.get("id", ""))}
        return "", {"interactive": held}
    if kind in _FILES:
        return str(held.get("caption", "")), {
            name: held[key]
            for name, key in (
                ("media_id", "id"), ("media_type", "mime_type"), ("sha256", "sha256"),
                ("filename", "filename"),
            )
            if key in held
        }  # fmt: skip
    if kind == "reaction":
        return str(held.get("emoji", "")), {"reaction_to": str(held.get("message_id", ""))}
    return "", {kind: held} if held else {}


def _notice(value: dict[str, Any], sender: str) -> TemplateNotice | None:
    status = _TEMPLATES.get(str(value.get("event")))
    name = value.get("message_template_name")
    if status is None or not isinstance(name, str):
        return None
    more = value.get("rejection_info")
    words = str(more.get("reason", "")) if isinstance(more, dict) else ""
    reason = str(value.get("reason") or "")
    return TemplateNotice(
        sender, name, str(value.get("message_template_language", "")), status,
        words or ("" if reason == "NONE" else reason), str(value.get("message_template_id", "")),
        str(value.get("message_template_category", "")),
    )  # fmt: skip


def _clean(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()


def _cleaned(content: dict[str, Any]) -> dict[str, Any]:
    """What jsonb can hold."""
    raw = msgspec.json.encode(content).replace(b"\\u0000", b"")
    found: dict[str, Any] = msgspec.json.decode(raw)
    return found
