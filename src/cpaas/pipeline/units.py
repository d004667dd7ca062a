"""What a text comes to: its encoding and the units that are paid, or why it cannot be sent."""

from typing import Final

from cpaas.pipeline.call_price import CHANNEL as CALLS
from cpaas.pipeline.call_price import call_minutes
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.smpp.text import plan

SEGMENTS_MAX: Final = 10
TEXT_CHARS_MAX: Final = 10_000
#: what other channels take of free text, where nothing is segmented.
CHANNEL_CHARS: Final = {"whatsapp": 4096, "rcs": 2500}


def units(draft: Draft) -> tuple[str, int]:
    """The encoding and the units that are paid. Errors: RefusedError."""
    text = draft.text
    if draft.channel != CALLS and "voice" in (draft.content or {}):
        raise RefusedError("validation_error", "voice belongs to the channel voice.", "voice")
    if not text.strip() and not draft.content:
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
        return "", call_minutes(text, draft.content)
    if draft.channel == "sms":
        return _segments(text)
    most = CHANNEL_CHARS[draft.channel]
    if len(text) > most:
        raise RefusedError(
            "text_too_long",
            f"The text has {len(text)} characters; {draft.channel} takes {most}.", "text",
        )  # fmt: skip
    return "", 1


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
