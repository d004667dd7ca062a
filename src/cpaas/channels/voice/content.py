"""What a call says or plays, and for how long it may: the pure part, before anything is dialled."""

import math
from typing import Annotated, Any, Final, Literal

import msgspec

#: words of telephone speech are slower than this many characters a second.
CHARS_A_SECOND: Final = 9
TEXT_CHARS_MAX: Final = 3_000
#: a file of unknown length.
AUDIO_SECONDS: Final = 300
ALLOWANCE_SECONDS: Final = 15
SECONDS_MIN: Final = 10
SECONDS_MAX: Final = 3_600
MINUTE: Final = 60

Language = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
Voice = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")]


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys that the called person may press; the call ends when they are complete.

    seconds: how long to wait for the next key after the message was said.
    """

    digits: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1
    seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    finish_on: Literal["", "#", "*"] = "#"


class VoiceContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The field `voice` of a message, beside its text.

    language: such as en-IN or hi. voice: "woman", "man", a provider's or a piper voice. repeat:
    how often it is said. audio_url: played instead of the text. dtmf: keys to wait for.
    max_seconds: the call is ended then; left out, by the message's length.
    """

    language: Language = "en-IN"
    voice: Voice = ""
    repeat: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    audio_url: Annotated[str, msgspec.Meta(max_length=2048)] = ""
    dtmf: Keys | None = None
    max_seconds: Annotated[int, msgspec.Meta(ge=SECONDS_MIN, le=SECONDS_MAX)] | None = None


def content_of(stored: dict[str, Any] | None) -> VoiceContent:
    """The content that stands with a message. Errors: msgspec.ValidationError."""
    return msgspec.convert((stored or {}).get("voice") or {}, VoiceContent)


def limit_seconds(text: str, content: VoiceContent) -> int:
    """The longest that the call may take: what was asked for, else whole minutes that suffice."""
    if content.max_seconds is not None:
        return content.max_seconds
    once = AUDIO_SECONDS if content.audio_url else math.ceil(len(text) / CHARS_A_SECOND)
    seconds = once * content.repeat + content.repeat + ALLOWANCE_SECONDS
    if content.dtmf is not None:
        seconds += content.dtmf.seconds * content.dtmf.digits
    return min(SECONDS_MAX, math.ceil(seconds / MINUTE) * MINUTE)
