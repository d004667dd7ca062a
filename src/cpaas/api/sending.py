"""The body of `POST /v1/messages`, read strictly and refused clearly, and its answers.

Every field of the published API is known here, so that one that is not served yet is named as
such instead of being ignored.
"""

import re
from typing import Annotated, Any, Final, Literal

import msgspec

from cpaas.api.problem import FieldError, ProblemError
from cpaas.api.times import micros
from cpaas.channels.voice.content import VoiceContent
from cpaas.messages.envelopes import Lane
from cpaas.pipeline.drafts import Draft, FallbackStep

RECIPIENTS_MAX: Final = 10_000
#: what a message carries beside its text; each channel reads its own field.
_CONTENT: Final = ("media", "rcs", "whatsapp", "voice")
_FIELD: Final = re.compile(r" - at `(?:\$\.)?([^`]*)`$")
_NAMED: Final = re.compile(r"field `([^`]+)`")

_Own = Annotated[
    dict[str, Any], msgspec.Meta(description="What only this channel has; see its page.")
]
_Text = Annotated[str, msgspec.Meta(description="The text; up to 10 segments.")]


class Dlt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """India DLT ids, passed to the carrier."""

    pe_id: str | None = None
    template_id: str | None = None
    tm_id: str | None = None


class Fallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent instead if the message before failed, or was not delivered in time."""

    channel: str
    sender: Annotated[str | None, msgspec.Meta(description="Approved sender of that channel.")] = (
        msgspec.field(name="from", default=None)
    )
    text: Annotated[str | None, msgspec.Meta(description="Left out, the message's own text.")] = (
        None
    )
    template: Annotated[str | None, msgspec.Meta(description="Instead of a text.")] = None
    variables: Annotated[
        dict[str, str | int] | None, msgspec.Meta(description="Left out, the message's own.")
    ] = None
    language: str | None = None
    after_seconds: Annotated[
        int | None,
        msgspec.Meta(
            description="5 to 86400 after SUBMITTED without delivery; left out: only on failure."
        ),
    ] = None


class SendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to one recipient, or the same to up to 10,000."""

    channel: Annotated[
        str, msgspec.Meta(description="sms, whatsapp, rcs or voice.", examples=["sms"])
    ]
    to: Annotated[
        str | list[str],
        msgspec.Meta(
            description="E.164 number, or a list of up to 10,000.", examples=["+919876543210"]
        ),
    ]
    sender: Annotated[
        str | None,
        msgspec.Meta(description="Approved sender; left out, the account's default is taken."),
    ] = msgspec.field(name="from", default=None)
    text: _Text | None = None
    traffic_class: Lane | None = None
    reference: Annotated[
        str | None, msgspec.Meta(description="Yours; comes back in every answer and webhook.")
    ] = None
    send_at: Annotated[
        str | None, msgspec.Meta(description="ISO 8601 with a zone, at most 30 days ahead.")
    ] = None
    validity_seconds: Annotated[
        int | None,
        msgspec.Meta(
            description="60 to 259200; default 86400, OTP 600. Not delivered by then: EXPIRED."
        ),
    ] = None
    webhook_url: Annotated[
        str | None, msgspec.Meta(description="Gets this message's events instead of yours.")
    ] = None
    dlt: Dlt | None = None
    dry_run: Annotated[
        bool,
        msgspec.Meta(
            description="Checks and prices; stores, charges and sends nothing. Answers 200."
        ),
    ] = False
    template: Annotated[
        str | None, msgspec.Meta(description="Name of an approved template, instead of a text.")
    ] = None
    variables: Annotated[
        dict[str, str | int] | None, msgspec.Meta(description="A value for each of its variables.")
    ] = None
    language: Annotated[
        str | None, msgspec.Meta(description="Of the template, where it exists in several.")
    ] = None
    media: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(
            description='A file: {"type": "image|video|document|audio", "url": "https://…"}.'
        ),
    ] = None
    rcs: _Own | None = None
    whatsapp: _Own | None = None
    voice: Annotated[
        VoiceContent | None,
        msgspec.Meta(description="Of a call: how the text is said, or the file that is played."),
    ] = None
    fallback: Annotated[
        list[Fallback] | None,
        msgspec.Meta(description="Up to 5 further attempts, each paid when it is made."),
    ] = None


class SentMessage(msgspec.Struct, frozen=True):
    """A message that was accepted; with dry_run its status is DRY_RUN and it has no id."""

    id: str | None
    status: Literal["QUEUED", "SCHEDULED", "DRY_RUN"]
    channel: str
    to: str
    sender: str = msgspec.field(name="from")
    segments: int
    encoding: str
    price: str
    currency: str
    reference: str | None
    created_at: str


class RecipientError(msgspec.Struct, frozen=True):
    """Why a recipient is left out."""

    code: str
    detail: str


class NotSent(msgspec.Struct, frozen=True):
    """A recipient of a list that is left out."""

    to: str
    error: RecipientError


class SentMessages(msgspec.Struct, frozen=True):
    """The answer to a list, in its order."""

    accepted: int
    rejected: int
    #: SentMessage or NotSent each; a union of two structs would need a tag in the answer.
    messages: list[Any]


encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(SendRequest).decode
_decode_any: Final = msgspec.json.Decoder().decode


def read(body: bytes) -> SendRequest:
    """The request. Errors: ProblemError 400 for what is no JSON, 422 for what is not allowed."""
    try:
        try:
            request = _decode(body)
        except msgspec.ValidationError as error:
            # The decoder stops at the first value it does not want, before it has seen the rest.
            _decode_any(body)
            raise _not_valid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400, "malformed_json", f"The body is not JSON: {error}.", title="Malformed JSON"
        ) from None
    if request.template is None and (request.variables or request.language):
        raise ProblemError(
            422, "validation_error", "variables and language belong to a template.",
            errors=[FieldError("template", "Name the template.")],
        )  # fmt: skip
    return request


def draft(request: SendRequest) -> Draft:
    """What all recipients share."""
    dlt = request.dlt
    return Draft(
        request.channel,
        request.text or "",
        request.sender or "",
        request.traffic_class or "transactional",
        request.reference or "",
        request.webhook_url or "",
        None if request.send_at is None else micros(request.send_at, "send_at"),
        request.validity_seconds,
        1,
        None if dlt is None else {k: v for k, v in msgspec.structs.asdict(dlt).items() if v},
        _fallback(request) if request.fallback else (),
        *(_made_of(request) if request.template else ("", None, "")),
        _content(request),
    )


def _content(request: SendRequest) -> dict[str, Any] | None:
    """What stands beside the text; None where nothing does."""
    if request.media is request.rcs is request.whatsapp is None and request.voice is None:
        return None
    return {
        name: msgspec.to_builtins(found)
        for name in _CONTENT
        if (found := getattr(request, name)) is not None
    }


def _made_of(request: SendRequest | Fallback) -> tuple[str, dict[str, str] | None, str]:
    """Template, variables and language."""
    values = {name: str(value) for name, value in (request.variables or {}).items()}
    return request.template or "", values, request.language or ""


def _fallback(request: SendRequest) -> tuple[FallbackStep, ...]:
    return tuple(_step(one, request) for one in request.fallback or ())


def _step(one: Fallback, request: SendRequest) -> FallbackStep:
    step = FallbackStep(one.channel, one.text or "", one.sender or "", one.after_seconds)
    if not one.template:
        return step
    template, values, language = _made_of(one)
    if one.variables is None:
        values = _made_of(request)[1]
    return msgspec.structs.replace(step, template=template, variables=values, language=language)


def _not_valid(text: str) -> ProblemError:
    """msgspec's words with the field they are about."""
    at, named = _FIELD.search(text), _NAMED.search(text)
    field = at[1] if at else ""
    if named:
        field = f"{field}.{named[1]}" if field else named[1]
    field = field.replace("...", "[]") or "body"
    detail = _FIELD.sub("", text).replace("`", "'")
    return ProblemError(
        422, "validation_error", f"{field}: {detail}.", title="The request is not valid",
        errors=[FieldError(field, f"{detail}.")],
    )  # fmt: skip
