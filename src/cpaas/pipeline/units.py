"""What a text comes to: its encoding and the units that are paid, or why it cannot be sent."""

from typing import Any, Final

import msgspec

from cpaas.channels.registry import CHANNELS as REGISTRY
from cpaas.kit.errors import InputError
from cpaas.pipeline.call_price import CHANNEL as CALLS
from cpaas.pipeline.call_price import call_minutes
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.smpp.text import plan

SEGMENTS_MAX: Final = 10
#: of an SMS that came by SMPP: TLVs that are kept for carriers that know them.
TLVS: Final = "tlvs"
TEXT_CHARS_MAX: Final = 10_000
#: of each field beside the text.
CONTENT_BYTES_MAX: Final = 32_768
#: what other channels take of free text, where nothing is segmented.
CHANNEL_CHARS: Final = {"whatsapp": 4096, "rcs": 2500}


def units(draft: Draft) -> tuple[str, int]:
    """The encoding and the units that are paid. Errors: RefusedError."""
    text = draft.text
    content = draft.content or {}
    if not text.strip() and not content.keys() - {TLVS}:
        raise RefusedError("text_required", "The text is empty.", "text")
    if "\0" in text:
        raise RefusedError("invalid_text", "The text contains a NUL character.", "text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RefusedError(
            "invalid_text", "The text contains half of a surrogate pair.", "text"
        ) from None
    if draft.channel == CALLS:
        foreign = sorted(content.keys() - {"template", "voice"})
        if foreign:
            raise RefusedError("validation_error", f"A call has no {foreign[0]}.", foreign[0])
        _storable(content)
        return "", call_minutes(text, draft.content)
    if draft.channel == "sms":
        # Without anything beside its text, which is most of all traffic, nothing more is asked.
        if content.keys() - {"template", TLVS}:
            _weighed(draft, content)
        return _segments(text)
    most = CHANNEL_CHARS[draft.channel]
    if len(text) > most:
        raise RefusedError(
            "text_too_long",
            f"The text has {len(text)} characters; {draft.channel} takes {most}.", "text",
        )  # fmt: skip
    return "", _weighed(draft, content)


def _weighed(draft: Draft, content: dict[str, Any]) -> int:
    """The priced units, by the channel's own check of all that it is to carry."""
    channel = REGISTRY.get(draft.channel)
    if channel is None:
        extra = sorted(content.keys() - {"template"})
        if extra:
            raise RefusedError("not_supported", f"{extra[0]} is not supported yet.", extra[0])
        return 1
    if content:
        _storable(content)
    try:
        return channel.weigh(draft.text, content)
    except InputError as error:
        raise RefusedError(
            "validation_error", f"{error.what}; {error.todo}.", error.field
        ) from None


def _storable(content: dict[str, Any]) -> None:
    """That the database can hold it. Errors: RefusedError names the field."""
    for field, value in content.items():
        try:
            raw = msgspec.json.encode(value)
        except UnicodeEncodeError:
            raise RefusedError(
                "invalid_text", f"{field} contains half of a surrogate pair.", field
            ) from None
        if b"\\u0000" in raw:
            raise RefusedError("invalid_text", f"{field} contains a NUL character.", field)
        if len(raw) > CONTENT_BYTES_MAX:
            raise RefusedError(
                "validation_error",
                f"{field} has {len(raw)} bytes; at most {CONTENT_BYTES_MAX} are kept.", field,
            )  # fmt: skip


def _segments(text: str) -> tuple[str, int]:
    if len(text) > TEXT_CHARS_MAX:
        raise RefusedError(
            "text_too_long",
            f"The text has {len(text)} characters; at most {SEGMENTS_MAX} segments are sent.",
            "text",
        )
    planned = plan(text)
    if planned.segments > SEGMENTS_MAX:
        forced = f", since {planned.forcing_char!r} forces it" if planned.forcing_char else ""
        raise RefusedError(
            "text_too_long",
            f"The text needs {planned.segments} segments in {planned.encoding.value}{forced};"
            f" at most {SEGMENTS_MAX} are sent.",
            "text",
        )
    return planned.encoding.value, planned.segments
