"""A message as the Cloud API's JSON; a file stands in it as a place that is filled when it goes."""

import base64
from typing import Any, Final

import msgspec

from cpaas.channels.base import NotEncodableError
from cpaas.channels.whatsapp import content
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import Outgoing

#: our id comes back in every status of the message.
OURS: Final = "cpaas1."
_KINDS: Final = {"quick_reply": "quick_reply", "url": "url", "copy_code": "copy_code", "otp": "url"}


class Place(msgspec.Struct):
    """Where a file goes: the object gets `id` or `link` before the request is written."""

    kind: str
    url: str
    target: dict[str, Any]


class Request(msgspec.Struct):
    """One message's body, and the file that it needs (None = none)."""

    body: dict[str, Any]
    place: Place | None = None
    template: str = ""


def callback_data(message: Outgoing) -> str:
    """What carries our id to the statuses: of this message, and of this attempt."""
    packed = base64.urlsafe_b64encode(message.id).decode().rstrip("=")
    return f"{OURS}{packed}.{message.attempt}"


def message_id(data: str) -> bytes | None:
    """Our id in a status's data; None where it is not ours."""
    if not data.startswith(OURS):
        return None
    packed = data.removeprefix(OURS).partition(".")[0]
    try:
        found = base64.b64decode(packed + "==", altchars=b"-_", validate=True)
    except ValueError:
        return None
    return found if len(found) == 16 else None


def request(message: Outgoing) -> Request:
    """The body of POST /{phone_number_id}/messages. Errors: NotEncodableError."""
    try:
        rich = content.read(message.content or {})
        content.check(message.text, rich)
    except (InputError, msgspec.ValidationError) as error:
        raise NotEncodableError(str(error)) from None
    body: dict[str, Any] = {
        "messaging_product": "whatsapp", "recipient_type": "individual",
        "to": message.to.removeprefix("+"),
    }  # fmt: skip
    if rich.whatsapp.reply_to:
        body["context"] = {"message_id": rich.whatsapp.reply_to}
    body["biz_opaque_callback_data"] = callback_data(message)
    made = Request(body)
    if rich.template is not None:
        _template(made, rich.template, rich.media)
    elif rich.media is not None:
        _media(made, rich.media, message.text)
    elif rich.whatsapp.buttons or rich.whatsapp.list:
        body["type"] = "interactive"
        body["interactive"] = _interactive(message.text, rich.whatsapp)
    else:
        body["type"] = "text"
        body["text"] = {"body": message.text, "preview_url": rich.whatsapp.preview_url}
    return made


def _media(made: Request, media: content.Media, text: str) -> None:
    target: dict[str, Any] = {}
    caption = text or media.caption
    if caption:
        target["caption"] = caption
    if media.type == "document":
        target["filename"] = media.filename or _name(media.url)
    made.body["type"] = media.type
    made.body[media.type] = target
    made.place = Place(media.type, media.url, target)


def _name(url: str) -> str:
    return url.partition("?")[0].rsplit("/", 1)[-1][:240] or "document"


def _interactive(text: str, rich: content.Whatsapp) -> dict[str, Any]:
    made: dict[str, Any] = {"body": {"text": text}}
    if rich.header is not None:
        made["header"] = {"type": "text", "text": rich.header.text}
    if rich.footer:
        made["footer"] = {"text": rich.footer}
    if rich.list is not None:
        sections = [
            {
                **({"title": one.title} if one.title else {}),
                "rows": [
                    {
                        "id": row.id, "title": row.title,
                        **({"description": row.description} if row.description else {}),
                    }
                    for row in one.rows
                ],
            }
            for one in rich.list.sections
        ]  # fmt: skip
        return made | {
            "type": "list", "action": {"button": rich.list.button, "sections": sections}
        }  # fmt: skip
    first = rich.buttons[0]
    if isinstance(first, content.Url):
        parameters = {"display_text": first.text, "url": first.url}
        return made | {"type": "cta_url", "action": {"name": "cta_url", "parameters": parameters}}
    buttons = [
        {"type": "reply", "reply": {"id": one.id, "title": one.text}}
        for one in rich.buttons
        if isinstance(one, content.Reply)
    ]
    return made | {"type": "button", "action": {"buttons": buttons}}


def _template(made: Request, template: dict[str, Any], media: content.Media | None) -> None:
    values: dict[str, str] = template.get("variables") or {}
    # Meta writes the text of authentication templates itself, with a numbered variable.
    named = template.get("format") == "NAMED" and template.get("category") != "AUTHENTICATION"
    components: list[dict[str, Any]] = []
    header = template.get("header")
    if header is not None:
        component = _header(made, header, values, media, named=named)
        if component is not None:
            components.append(component)
    elif media is not None:
        raise NotEncodableError("this template has no header that media could stand in")
    if names := template.get("body"):
        components.append(
            {"type": "body", "parameters": [_text(name, values, named=named) for name in names]}
        )
    for button in template.get("buttons") or []:
        kind = _KINDS.get(button["type"])
        if kind is not None:
            components.append(_button(button, kind, values))
    made.body["type"] = "template"
    made.body["template"] = {
        "name": template["name"], "language": {"code": template["language"]},
        **({"components": components} if components else {}),
    }  # fmt: skip
    made.template = str(template["name"])


def _header(
    made: Request, header: dict[str, Any], values: dict[str, str], media: content.Media | None,
    *, named: bool,
) -> dict[str, Any] | None:  # fmt: skip
    kind = header["type"]
    if kind == "text":
        names = header.get("variables") or []
        texts = [_text(name, values, named=named) for name in names]
        return {"type": "header", "parameters": texts} if texts else None
    if media is not None and media.type != kind:
        raise NotEncodableError(f"this template's header is a {kind}, not {media.type}")
    url = media.url if media is not None else header.get("url", "")
    if not url:
        raise NotEncodableError(f"this template's header needs its {kind}: give media")
    target: dict[str, Any] = {}
    if kind == "document":
        named_file = media.filename if media is not None else header.get("filename", "")
        target["filename"] = named_file or _name(url)
    made.place = Place(kind, url, target)
    return {"type": "header", "parameters": [{"type": kind, kind: target}]}


def _button(button: dict[str, Any], kind: str, values: dict[str, str]) -> dict[str, Any]:
    words = [values[name] for name in button["variables"]]
    if kind == "quick_reply":
        parameters = [{"type": "payload", "payload": one} for one in words]
    elif kind == "copy_code":
        parameters = [{"type": "coupon_code", "coupon_code": one} for one in words]
    else:
        parameters = [{"type": "text", "text": one} for one in words]
    return {
        "type": "button", "sub_type": kind, "index": str(button["index"]),
        "parameters": parameters,
    }  # fmt: skip


def _text(name: str, values: dict[str, str], *, named: bool) -> dict[str, Any]:
    made = {"type": "text", "text": values[name]}
    return {**made, "parameter_name": name} if named else made
