"""The form of a template, and what it says as the API wants it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from django import forms

from cpaas.consoles.shared.fields import choice_field, long_text_field, text_field
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.templates.types import CATEGORIES, TYPES, Button, TemplateRow

KINDS: Final = tuple(
    (f"{channel}:{name}", f"{CHANNEL_NAMES[channel]} · {label}")
    for channel, types in TYPES.items()
    for name, label in types.items()
    if name != "carousel"
)
_MEDIA: Final = (
    ("", "No media"), ("image", "Image"), ("video", "Video"), ("document", "Document"),
)  # fmt: skip
_PHONE: Final = re.compile(r"\+[\d ]+")
#: where the API's faults are shown.
FIELDS: Final = {
    "name": "name", "language": "language", "channel": "kind", "type": "kind",
    "category": "category", "dlt_template_id": "dlt_template_id", "content.body": "body",
    "content.footer": "footer", "content.header.text": "heading", "content.header": "media_url",
    "content.header.url": "media_url", "content.cards[0].title": "heading",
    "content.cards[0].description": "body", "content.cards[0].url": "media_url",
    "content.cards[0]": "heading", "content.examples": "examples", "content.buttons": "buttons",
}  # fmt: skip


class TemplateForm(forms.Form):
    """One template. Buttons and examples are written one a line."""

    kind = choice_field("Channel and type", KINDS)
    name = text_field("Name", help_text="Small letters, digits and _.", autocomplete="off")
    language = text_field("Language", initial="en", help_text="Such as en, hi or en_US.")
    category = choice_field(
        "Category", [("", "Choose one"), *((one, one.title()) for one in CATEGORIES)],
        required=False,
    )  # fmt: skip
    heading = text_field("Heading", required=False, help_text="Above the text, at most a line.")
    media_kind = choice_field("Media", _MEDIA, required=False)
    media_url = text_field(
        "Media URL", required=False, max_length=2000, placeholder="https://",
        help_text="An https address that carriers can fetch.",
    )  # fmt: skip
    body = long_text_field(
        "Text", rows=5, required=False, help_text="Write a variable as {{name}} or {{1}}."
    )
    footer = text_field("Footer", required=False)
    buttons = long_text_field(
        "Buttons", required=False, rows=3,
        help_text="One a line: Track | https://… · Call us | +91… · Yes, please · code",
    )  # fmt: skip
    examples = long_text_field(
        "Examples", required=False, rows=3, help_text="One a line: code = 4821"
    )
    dlt_template_id = choice_field("DLT template", [("", "None")], required=False)

    def __init__(
        self, *args: Any, dlt: Sequence[tuple[str, str]] = (), fixed: bool = False, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        chosen: Any = self.fields["dlt_template_id"]
        chosen.choices = [("", "None"), *dlt]
        self.fields["kind"].widget.attrs["data-kind"] = ""
        if fixed:
            for name in ("name", "language"):
                self.fields[name].widget.attrs["readonly"] = True


def wanted(given: dict[str, Any]) -> dict[str, Any]:
    """What the form says, as the API takes it; fields that its channel lacks are left out."""
    channel, _, kind = str(given.get("kind") or "sms:text").partition(":")
    body = str(given.get("body") or "").replace("\r\n", "\n").strip()
    content: dict[str, Any] = {"examples": examples(str(given.get("examples") or ""))}
    heading, media = str(given.get("heading") or ""), str(given.get("media_kind") or "")
    url, buttons = str(given.get("media_url") or ""), button_lines(str(given.get("buttons") or ""))
    if channel == "rcs" and kind == "rich_card":
        card = {"title": heading, "description": body, "buttons": buttons}
        content["cards"] = [card | ({"media": media, "url": url} if media or url else {})]
    else:
        content["body"] = body
    if channel == "whatsapp":
        if kind == "media":
            content["header"] = {"type": media or "image", "url": url}
        elif heading:
            content["header"] = {"type": "text", "text": heading}
        content["footer"] = str(given.get("footer") or "")
    if channel in ("whatsapp", "rcs") and kind != "rich_card":
        content["buttons"] = buttons
    return {
        "channel": channel, "type": kind, "name": str(given.get("name") or ""),
        "language": str(given.get("language") or "en"), "content": content,
        "category": str(given.get("category") or "") if channel == "whatsapp" else "",
        "dlt_template_id": str(given.get("dlt_template_id") or "") if channel == "sms" else "",
    }  # fmt: skip


def examples(text: str) -> dict[str, str]:
    """Lines of `name = value`; others are passed over."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(" {}"): value.strip() for name, sign, value in pairs if sign and value}


def button_lines(text: str) -> list[dict[str, str]]:
    """Lines of the field as buttons of a template."""
    return [_button(line.strip()) for line in text.splitlines() if line.strip()]


def _button(line: str) -> dict[str, str]:
    label, _, target = (part.strip() for part in line.partition("|"))
    if not target:
        return {"type": "otp", "text": "Copy code"} if label == "code" else {
            "type": "quick_reply", "text": label, "postback": label[:120],
        }  # fmt: skip
    if _PHONE.fullmatch(target):
        return {"type": "phone", "text": label, "phone": target.replace(" ", "")}
    return {"type": "url", "text": label, "url": target}


def initial(row: TemplateRow) -> dict[str, str]:
    """The form's values for a template."""
    content, header = row.version.content, row.version.content.header
    card = content.cards[0] if content.cards else None
    found = {
        "kind": f"{row.channel}:{row.version.type}", "name": row.name, "language": row.language,
        "category": row.version.category, "body": content.body, "footer": content.footer,
        "buttons": _lines(content.buttons), "dlt_template_id": row.dlt_template_id,
        "examples": "\n".join(f"{name} = {value}" for name, value in content.examples.items()),
    }  # fmt: skip
    if header is not None:
        found |= {"heading": header.text, "media_url": header.url,
                  "media_kind": "" if header.type == "text" else header.type}  # fmt: skip
    if card is not None:
        found |= {"heading": card.title, "body": card.description, "media_kind": card.media,
                  "media_url": card.url, "buttons": _lines(card.buttons)}  # fmt: skip
    return found


def _lines(buttons: Sequence[Button]) -> str:
    return "\n".join(
        "code" if one.type in ("otp", "copy_code")
        else " | ".join(part for part in (one.text, one.url or one.phone) if part)
        for one in buttons
    )  # fmt: skip
