"""What a WhatsApp message may carry: text, media, buttons, a list, or a template; checked whole."""

from typing import Annotated, Any, Final, Literal

import msgspec

from cpaas.kit.errors import InputError
from cpaas.kit.guard import GuardError, parse_url

TEXT_CHARS_MAX: Final = 4096
CAPTION_CHARS_MAX: Final = 1024
BODY_CHARS_MAX: Final = 1024
BUTTONS_MAX: Final = 3
ROWS_MAX: Final = 10
#: kind -> media type -> most bytes.
FILES: Final[dict[str, dict[str, int]]] = {
    "image": {"image/jpeg": 5 * 2**20, "image/png": 5 * 2**20},
    "video": {"video/mp4": 16 * 2**20, "video/3gpp": 16 * 2**20},
    "audio": {
        "audio/aac": 16 * 2**20, "audio/mp4": 16 * 2**20, "audio/mpeg": 16 * 2**20,
        "audio/amr": 16 * 2**20, "audio/ogg": 16 * 2**20,
    },
    "document": {
        "application/pdf": 100 * 2**20, "text/plain": 100 * 2**20,
        "application/msword": 100 * 2**20, "application/vnd.ms-excel": 100 * 2**20,
        "application/vnd.ms-powerpoint": 100 * 2**20,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": 100 * 2**20,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": 100 * 2**20,
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": 100 * 2**20,
    },
}  # fmt: skip
_Title = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Media(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file by its URL."""

    type: Literal["image", "video", "document", "audio"]
    url: str
    caption: str = ""
    filename: Annotated[str, msgspec.Meta(max_length=240)] = ""


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="reply"):
    """A button that answers."""

    text: _Title
    id: _Id


class Url(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="url"):
    """A button that opens an address."""

    text: _Title
    url: str


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a list."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=24)]
    description: Annotated[str, msgspec.Meta(max_length=72)] = ""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of a list under one title."""

    rows: list[Row]
    title: Annotated[str, msgspec.Meta(max_length=24)] = ""


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list behind a button."""

    button: _Title
    sections: list[Section]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands above an interactive message's text."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class Whatsapp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The field `whatsapp` of a message. reply_to: the provider id of the message it answers."""

    header: Header | None = None
    footer: Annotated[str, msgspec.Meta(max_length=60)] = ""
    buttons: list[Reply | Url] = []
    list: Menu | None = None
    preview_url: bool = False
    reply_to: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Message(msgspec.Struct, frozen=True):
    """All that stands beside the text, as the envelope carries it."""

    template: dict[str, Any] | None = None
    media: Media | None = None
    whatsapp: Whatsapp = Whatsapp()


def read(content: dict[str, Any]) -> Message:
    """The content as values. Errors: InputError names the field."""
    for field in ("rcs", "voice"):
        if content.get(field):
            raise InputError(f"a WhatsApp message has no {field}", "leave it out", field)
    for field, kind in (("media", Media), ("whatsapp", Whatsapp)):
        if content.get(field) is not None:
            try:
                msgspec.convert(content[field], kind)
            except msgspec.ValidationError as error:
                raise InputError(
                    f"{field} cannot be sent: {str(error).replace('`', chr(39))}",
                    "see docs/reference/channels/whatsapp.md", field,
                ) from None  # fmt: skip
    return msgspec.convert(content, Message)


def check(text: str, message: Message) -> None:
    """That exactly one kind of message is asked for. Errors: InputError names the field."""
    rich = message.whatsapp
    if message.media is not None:
        _file(message.media)
    if message.template is not None:
        if rich.buttons or rich.list or rich.header or rich.footer:
            raise InputError(
                "a template brings its own header and buttons", "leave them out", "whatsapp"
            )
        return
    interactive = bool(rich.buttons or rich.list)
    if message.media is not None:
        if interactive:
            raise InputError("media has no buttons here", "send them as two messages", "whatsapp")
        if text and message.media.caption:
            raise InputError("media has one caption", "give it as text or as caption", "text")
        caption = text or message.media.caption
        if caption and message.media.type == "audio":
            raise InputError("audio has no caption", "leave the text out", "text")
        _length(caption, CAPTION_CHARS_MAX, "text")
        return
    if not text.strip():
        raise InputError("the message is empty", "give text, media or template", "text")
    _length(text, BODY_CHARS_MAX if interactive else TEXT_CHARS_MAX, "text")
    if (rich.header or rich.footer) and not interactive:
        raise InputError(
            "header and footer belong to buttons or a list", "leave them out", "whatsapp"
        )
    _interactive(rich)


def _interactive(rich: Whatsapp) -> None:
    if rich.buttons and rich.list:
        raise InputError("a message has buttons or a list", "leave one out", "whatsapp")
    urls = [one for one in rich.buttons if isinstance(one, Url)]
    if urls and len(rich.buttons) > 1:
        raise InputError("a button with an address stands alone", "leave the others out",
                         "whatsapp.buttons")  # fmt: skip
    if len(rich.buttons) > BUTTONS_MAX:
        raise InputError(f"there are {len(rich.buttons)} buttons", f"use at most {BUTTONS_MAX}",
                         "whatsapp.buttons")  # fmt: skip
    names = [one.id for one in rich.buttons if isinstance(one, Reply)]
    for one in urls:
        _url(one.url, "whatsapp.buttons")
    if rich.list is not None:
        rows = [row for section in rich.list.sections for row in section.rows]
        if not 1 <= len(rows) <= ROWS_MAX:
            raise InputError(f"the list has {len(rows)} rows", f"use 1 to {ROWS_MAX}",
                             "whatsapp.list")  # fmt: skip
        if len(rich.list.sections) > 1 and not all(one.title for one in rich.list.sections):
            raise InputError("sections need titles", "name each", "whatsapp.list")
        names += [row.id for row in rows]
    if len(set(names)) < len(names):
        raise InputError("two buttons or rows have one id", "give each its own", "whatsapp")


def _file(media: Media) -> None:
    _url(media.url, "media.url")
    if media.filename and media.type != "document":
        raise InputError("only a document has a filename", "leave it out", "media.filename")


def _url(url: str, field: str) -> None:
    try:
        parse_url(url)
    except GuardError as error:
        raise InputError("this address cannot be used", str(error), field) from None


def _length(text: str, most: int, field: str) -> None:
    if len(text) > most:
        raise InputError(
            f"the text has {len(text)} characters", f"this kind of message takes {most}", field
        )
