"""What is reserved for a call: the longest that it may take, or the one price of a call."""

from typing import Any, Final

import msgspec

from cpaas.channels.voice.content import MINUTE, TEXT_CHARS_MAX, content_of, limit_seconds
from cpaas.kit.guard import GuardError, parse_url
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot

CHANNEL: Final = "voice"


def call_minutes(text: str, content: dict[str, Any] | None) -> int:
    """Started minutes of the longest that a call may take. Errors: RefusedError."""
    try:
        wanted = content_of(content)
    except msgspec.ValidationError as error:
        raise RefusedError("validation_error", f"voice: {error}.", "voice") from None
    if wanted.audio_url:
        _check_url(wanted.audio_url, text)
    elif not text.strip():
        raise RefusedError("text_required", "The text is empty.", "text")
    if len(text) > TEXT_CHARS_MAX:
        raise RefusedError(
            "text_too_long",
            f"The text has {len(text)} characters; a call says at most {TEXT_CHARS_MAX}.", "text",
        )  # fmt: skip
    return -(-limit_seconds(text, wanted) // MINUTE)


def _check_url(url: str, text: str) -> None:
    if text.strip():
        raise RefusedError(
            "validation_error", "Give either text or voice.audio_url, not both.", "text"
        )
    try:
        parse_url(url)
    except GuardError as error:
        raise RefusedError(
            "validation_error", f"voice.audio_url: {error}.", "voice.audio_url"
        ) from None


def call_quote(
    snapshot: Snapshot, account_id: int, digits: str, minutes: int, country: str
) -> tuple[int, int] | None:
    """Micro-units to reserve and the units they are of; None = no price is set.

    A price by the minute stands before one by the call.
    """
    minute = snapshot.price(account_id, CHANNEL, "minute", digits, country)
    if minute is not None:
        return minute * minutes, minutes
    call = snapshot.price(account_id, CHANNEL, "call", digits, country)
    return None if call is None else (call, 1)
