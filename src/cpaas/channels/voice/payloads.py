"""TwiML and the form of a Calls API's request."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from cpaas.channels.base import NotEncodableError
from cpaas.channels.voice.content import VoiceContent

TWIML_CHARS_MAX: Final = 4_000
EVENTS: Final = ("initiated", "ringing", "answered", "completed")


def twiml(text: str, content: VoiceContent, digits_url: str) -> str:
    """What the provider shall say or play. Errors: NotEncodableError when it is too long.

    digits_url: where keys are told, when some are asked for.
    """
    if content.audio_url:
        said = f'<Play loop="{content.repeat}">{escape(content.audio_url)}</Play>'
    else:
        named = f" voice={quoteattr(content.voice)}" if content.voice else ""
        said = (
            f"<Say{named} language={quoteattr(content.language)}"
            f' loop="{content.repeat}">{escape(text)}</Say>'
        )
    keys = content.dtmf
    if keys is not None:
        said = (
            f'<Gather input="dtmf" numDigits="{keys.digits}" timeout="{keys.seconds}"'
            f" finishOnKey={quoteattr(keys.finish_on)}"
            f' action={quoteattr(digits_url)} method="POST">'
            f"{said}</Gather>"
        )
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="1"/>{said}'
        "<Hangup/></Response>"
    )
    if len(document) > TWIML_CHARS_MAX:
        raise NotEncodableError(
            f"The call's script has {len(document)} characters; the carrier takes "
            f"{TWIML_CHARS_MAX}: shorten the text."
        )
    return document


def call_form(
    to: str, sender: str, document: str, *, callback_url: str, ring_seconds: int, limit_seconds: int
) -> list[tuple[str, str]]:
    """The form of `POST …/Calls.json`."""
    form = [
        ("To", to), ("From", sender), ("Twiml", document), ("Timeout", str(ring_seconds)),
        ("TimeLimit", str(limit_seconds)), ("StatusCallback", callback_url),
        ("StatusCallbackMethod", "POST"),
    ]  # fmt: skip
    return form + [("StatusCallbackEvent", event) for event in EVENTS]
