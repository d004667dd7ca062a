"""A template's content as it is entered and stored, and the rows that lists show."""

from typing import Any, Literal

import msgspec

Type = Literal["text", "media", "rich_card", "carousel"]
HeaderType = Literal["text", "image", "video", "document"]
ButtonType = Literal["quick_reply", "url", "phone", "copy_code", "otp"]

#: channel -> its types, as the API writes them and as the consoles show them.
TYPES: dict[str, dict[str, str]] = {
    "sms": {"text": "Text"},
    "whatsapp": {"text": "Text", "media": "Media"},
    "rcs": {"text": "Text Only", "rich_card": "Rich Card", "carousel": "Carousel"},
    "voice": {"text": "Text"},
}
CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")


class Button(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A button, or an RCS suggestion. url may end in one variable; example: that address."""

    type: ButtonType
    text: str = ""
    url: str = ""
    phone: str = ""
    postback: str = ""
    example: str = ""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands above a WhatsApp body: a line of text, or media at an address."""

    type: HeaderType
    text: str = ""
    url: str = ""
    filename: str = ""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An RCS card; url: of its image or video."""

    title: str = ""
    description: str = ""
    media: Literal["", "image", "video"] = ""
    url: str = ""
    thumbnail_url: str = ""
    buttons: tuple[Button, ...] = ()


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything a template says; which fields it may have depends on channel and type.

    examples: a value for each variable, as carriers want them for their review. layout: RCS, how
    cards stand. voice: how a text is spoken, as in a message's `voice`.
    """

    body: str = ""
    header: Header | None = None
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    cards: tuple[Card, ...] = ()
    layout: dict[str, str] = {}
    voice: dict[str, str | int] = {}
    examples: dict[str, str] = {}


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file or a form says about a template beside its name."""

    content: Content
    type: str = "text"
    category: str = ""


class NewTemplate(msgspec.Struct, frozen=True):
    """A template to store; checked by `check.template`."""

    channel: str
    name: str
    content: Content
    type: str = "text"
    language: str = "en"
    category: str = ""
    dlt_template_id: str = ""


class VersionRow(msgspec.Struct, frozen=True):
    """One version of a template. Times are Unix microseconds.

    carrier_trouble: why it could not be handed over; carrier_due_us: when that is tried again.
    """

    id: int
    number: int
    type: str
    category: str
    content: Content
    variables: list[str]
    status: str
    reason: str
    decided_by: str
    carrier_status: str
    carrier_id: str
    carrier_reason: str
    carrier_account: str
    carrier_trouble: str
    carrier_due_us: int | None
    media: dict[str, Any] | None
    created_us: int
    submitted_us: int | None
    decided_us: int | None


class TemplateRow(msgspec.Struct, frozen=True):
    """A template with one of its versions: the newest, unless another is asked for.

    Times are Unix microseconds.
    """

    id: int
    account_id: int
    account: str
    channel: str
    name: str
    language: str
    status: str
    last_version: int
    live_version: int
    dlt_template_id: str
    created_us: int
    changed_us: int
    version: VersionRow


class CarrierWord(msgspec.Struct, frozen=True):
    """What a carrier says about a version: approved, rejected, paused, disabled or pending.

    category: the carrier's own, where it chose another one. account: the WABA or bot it lies in.
    """

    status: str
    carrier_id: str = ""
    reason: str = ""
    category: str = ""
    account: str = ""


class DueReview(msgspec.Struct, frozen=True):
    """A version that its carrier has to be given, or asked about: then `carrier_id` is set.

    tries: how often it was tried before.
    """

    account_id: int
    template_id: int
    version_id: int
    number: int
    carrier_id: str
    tries: int


class EventRow(msgspec.Struct, frozen=True):
    """A step of a template's history."""

    number: int
    at_us: int
    kind: str
    text: str
    actor: str
