"""Rich content of an RCS message as the API takes it: card, carousel, suggestions.

Pure and strict: what a handset or the hub would refuse is named here, before anything is charged.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from cpaas.kit.errors import InputError

CHIPS_MAX: Final = 11
CARD_CHIPS_MAX: Final = 4
TEXT_CHARS_MAX: Final = 3072
CODE_CHARS_MAX: Final = 200
#: fields of the API that belong to other channels.
OTHERS: Final = ("whatsapp", "voice")
PARAMS_BYTES_MAX: Final = 32_768

_Label = Annotated[str, msgspec.Meta(min_length=1, max_length=25)]
_Postback = Annotated[str, msgspec.Meta(max_length=2048)]
_Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]+$", max_length=2048)]
_Phone = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
_Title = Annotated[str, msgspec.Meta(max_length=200)]
_Description = Annotated[str, msgspec.Meta(max_length=2000)]


class _Chip(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True
):
    """What every suggestion has; postback left out = its text."""

    text: _Label
    postback: _Postback = ""


class Reply(_Chip, frozen=True, tag="reply"):
    """A tap answers with its text."""


class OpenUrl(_Chip, frozen=True, tag="url"):
    """A tap opens a web page."""

    url: _Url


class Dial(_Chip, frozen=True, tag="dial"):
    """A tap calls a number."""

    phone: _Phone


class ViewLocation(_Chip, frozen=True, tag="location"):
    """A tap shows a place on the map."""

    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    label: _Title = ""


class ShareLocation(_Chip, frozen=True, tag="share_location"):
    """A tap sends where the handset is."""


class Calendar(_Chip, frozen=True, tag="calendar"):
    """A tap makes an appointment."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    start: datetime
    end: datetime
    description: Annotated[str, msgspec.Meta(max_length=500)] = ""


Suggestion = Reply | OpenUrl | Dial | ViewLocation | ShareLocation | Calendar


class CardMedia(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card's picture or video, fetched by the hub."""

    url: _Url
    height: Literal["short", "medium", "tall"] = "medium"
    thumbnail_url: _Url | None = None


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One card; it needs a title, a description or media."""

    title: _Title = ""
    description: _Description = ""
    media: CardMedia | None = None
    suggestions: Annotated[tuple[Suggestion, ...], msgspec.Meta(max_length=CARD_CHIPS_MAX)] = ()
    orientation: Literal["vertical", "horizontal"] = "vertical"
    alignment: Literal["left", "right"] = "left"


class Carousel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """2 to 10 cards side by side; their orientation and alignment do not count."""

    cards: Annotated[tuple[Card, ...], msgspec.Meta(min_length=2, max_length=10)]
    width: Literal["small", "medium"] = "medium"


class RcsContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The field `rcs` of a message: a card, a carousel, or suggestions under a text or file."""

    card: Card | None = None
    carousel: Carousel | None = None
    suggestions: Annotated[tuple[Suggestion, ...], msgspec.Meta(max_length=CHIPS_MAX)] = ()


class TemplateUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """An approved template by the hub's code, with the values of its variables."""

    code: str
    params: dict[str, str] = {}


class Media(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that the hub fetches; what else a message's `media` may say is for other channels."""

    url: _Url
    thumbnail_url: _Url | None = None


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Outgoing.content` of an RCS message: exactly one of template, card, carousel, file, text."""

    template: TemplateUse | None = None
    media: Media | None = None
    rcs: RcsContent = RcsContent()


def read(text: str, raw: Mapping[str, Any]) -> Message:
    """What a message holds beside its text, as the API got it.

    Errors: InputError that names the field.
    """
    for field in OTHERS:
        if raw.get(field):
            raise InputError(f"an RCS message has no {field}", "use the field rcs", field)
    try:
        message = msgspec.convert(raw, Message)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$.")
        field = place.rstrip("`") or "rcs"
        raise InputError(f"{field}: {words[:1].lower()}{words[1:]}", _HINT, field) from None
    _check(message.rcs)
    check_kind("" if message.template else text, message)
    return message


def check_kind(text: str, message: Message) -> None:
    """One kind of content, within its limits. Errors: InputError."""
    rcs = message.rcs
    kinds = {
        "template": message.template is not None, "media": message.media is not None,
        "rcs.card": rcs.card is not None, "rcs.carousel": rcs.carousel is not None,
    }  # fmt: skip
    named = [name for name, there in kinds.items() if there]
    if len(named) > 1:
        raise InputError(
            f"{' and '.join(named)} cannot go in one message", "send one of them", named[1]
        )
    if named and text and "template" not in named:
        raise InputError(
            f"text cannot go with {named[0]}", "put it into the card, or send two messages", "text"
        )
    if not named and not text:
        raise InputError("there is nothing to send", "give text, template, media or rcs", "text")
    if not named and len(text) > TEXT_CHARS_MAX:
        raise InputError(
            f"the text has {len(text)} characters, RCS takes {TEXT_CHARS_MAX}", "shorten it", "text"
        )
    if message.template is not None:
        _check_template(message.template)


_HINT: Final = "see the documentation of the field rcs"


def _check(content: RcsContent) -> None:
    if content.card is not None and content.carousel is not None:
        raise InputError("rcs has a card and a carousel", "send one of them", "rcs.carousel")
    if content.card is not None:
        _check_card(content.card, "rcs.card")
    if content.carousel is not None:
        for number, card in enumerate(content.carousel.cards):
            _check_card(card, f"rcs.carousel.cards[{number}]")
    _check_chips(content.suggestions, "rcs.suggestions")


def _check_card(card: Card, field: str) -> None:
    if not (card.title or card.description or card.media):
        raise InputError(
            f"{field} is empty", "give it a title, a description or media", field
        )  # fmt: skip
    _check_chips(card.suggestions, f"{field}.suggestions")


def _check_chips(chips: Sequence[Any], field: str) -> None:
    for number, chip in enumerate(chips):
        if isinstance(chip, Calendar):
            if chip.start.tzinfo is None or chip.end.tzinfo is None:
                raise InputError(
                    f"{field}[{number}]: start and end need a time zone",
                    'write them like "2026-12-01T09:00:00Z"', f"{field}[{number}]",
                )  # fmt: skip
            if chip.end <= chip.start:
                raise InputError(
                    f"{field}[{number}]: end is not after start", "exchange them",
                    f"{field}[{number}]",
                )  # fmt: skip


def _check_template(template: TemplateUse) -> None:
    if not 0 < len(template.code) <= CODE_CHARS_MAX:
        raise InputError("the template has no carrier code", "ask for its approval", "template")
    if len(msgspec.json.encode(template.params)) > PARAMS_BYTES_MAX:
        raise InputError("the variables are over 32 KB", "shorten them", "variables")
