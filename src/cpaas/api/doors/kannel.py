"""Kannel's `sendsms`, in its words and with its callbacks (dlr-mask, dlr-url)."""

import re
from typing import Final
from urllib.parse import parse_qs

from litestar import Response, route
from litestar.datastructures import State

from cpaas.api.context import ApiRequest
from cpaas.api.doors.access import NotLetInError
from cpaas.api.doors.request import (
    RECIPIENTS_MAX,
    Desk,
    check_url,
    lane_of,
    number,
    plain,
    text_of,
    validity,
)
from cpaas.api.problem import ProblemError
from cpaas.kit.log import get_logger
from cpaas.messages.door_wish import door_url
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError

PATH: Final = "/cgi-bin/sendsms"
ACCEPTED: Final = "0: Accepted for delivery"
DENIED: Final = "Number(s) has/have been denied by white- and/or black-lists."
NOT_ROUTABLE: Final = "Not routable. Do not try again."
TEMPORAL: Final = "Temporal failure, try again later."
#: our code -> Kannel's status and words; any other is not routable.
_WORDS: Final[dict[str, tuple[int, str]]] = {
    "invalid_number": (400, DENIED),
    "country_not_allowed": (400, DENIED),
    "sender_required": (400, "Sender missing and no global set, rejected"),
    "sender_not_approved": (400, "Sender missing and no global set, rejected"),
    "text_too_long": (400, "Charset or body misformed, rejected"),
    "invalid_text": (400, "Charset or body misformed, rejected"),
    "text_required": (400, "Charset or body misformed, rejected"),
    "busy": (503, TEMPORAL),
    "unavailable": (503, TEMPORAL),
    "storage_full": (503, TEMPORAL),
    "outcome_unknown": (503, TEMPORAL),
    "internal_error": (503, TEMPORAL),
    "daily_cap_reached": (503, TEMPORAL),
    "rate_limited": (503, TEMPORAL),
}
_META: Final = {"PE_ID": "pe_id", "Template_ID": "template_id", "TM_ID": "tm_id"}
#: fields of sendsms that would change what is sent, and that we cannot keep; with the value that
#: changes nothing, "" if there is none.
_REFUSED: Final = {
    "udh": ("UDH", ""), "mwi": ("MWI", ""), "alt-dcs": ("Alt-DCS", "0"), "pid": ("PID", "0"),
    "rpi": ("RPI", "0"), "mclass": ("MClass", ""), "compress": ("Compress", "0"),
}  # fmt: skip
#: older spellings that Kannel takes, too.
_ALIASES: Final = {"dlrmask": "dlr-mask", "dlrurl": "dlr-url"}
_MASK_MAX: Final = 31
#: as Kannel calls its answers, so that nothing of a request may stand in them as it came.
HTML: Final = "text/html"
_STRANGE: Final = re.compile(r"[^0-9A-Za-z+]")
_log = get_logger(__name__)


class _Misformed(Exception):  # noqa: N818 - Kannel's word
    """A field cannot be used; its text is Kannel's, `detail` says what is wrong with it."""

    def __init__(self, words: str, detail: str = "") -> None:
        super().__init__(words)
        self.refusal = RefusedError("validation_error", detail or words)


@route(PATH, http_method=["GET", "POST"], include_in_schema=False)
async def sendsms(request: ApiRequest, state: State) -> Response[str]:
    """One message to one or more recipients, as Kannel's manual says."""
    desk = Desk(request, state)
    try:
        return await _send(desk)
    except _Misformed as error:
        return plain(400, str(error), error.refusal, HTML)
    except NotLetInError as error:
        _log.warning("door_not_let_in", door="kannel", address=desk.client, reason=str(error))
        return plain(403, "Authorization failed for sendsms", kind=HTML)
    except ProblemError as error:
        problem = error.problem
        status, words = _WORDS.get(problem.code, (403, NOT_ROUTABLE))
        return plain(status, words, RefusedError(problem.code, problem.detail), HTML)
    except RefusedError as error:
        status, words = _WORDS.get(error.code, (403, NOT_ROUTABLE))
        return plain(status, words, error, HTML)


async def _send(desk: Desk) -> Response[str]:
    try:
        fields = await desk.fields()
    except ValueError:
        raise _Misformed("Charset or body misformed, rejected") from None
    kind = desk.request.headers.get("content-type", "")
    if desk.request.method == "POST" and kind and "x-www-form-urlencoded" not in kind:
        raise _Misformed(
            "Unsupported content-type, rejected",
            f"{kind[:60]} is not read; send a form, or GET.",
        )
    for old, name in _ALIASES.items():
        if old in fields:
            fields.setdefault(name, fields[old])
    user = text_of(fields.get("username") or fields.get("user", b""))
    password = text_of(fields.get("password") or fields.get("pass", b""))
    snapshot = desk.api.snapshots.current
    guest = await desk.access.let_in(snapshot, user, password, desk.client)
    numbers = text_of(fields.get("to", b"")).split()
    if not numbers:
        raise _Misformed(
            "Missing receiver number, rejected" if "to" not in fields
            else "Empty receiver number not allowed, rejected"
        )  # fmt: skip
    if len(numbers) > RECIPIENTS_MAX:
        raise RefusedError("too_many_recipients", f"At most {RECIPIENTS_MAX} at once.", "to")
    stored, failed = await desk.send(guest, _draft(desk, fields), numbers, _wish(fields))
    text = ACCEPTED
    if failed:
        text += " Denied receivers are: " + " ".join(_STRANGE.sub("?", one.to) for one in failed)
    answer = plain(202, text, kind=HTML)
    answer.headers["x-cpaas-id"] = " ".join(str(one.id.hex()) for one in stored[:20])
    return answer


def _draft(desk: Desk, fields: dict[str, bytes]) -> Draft:
    for name, (words, nothing) in _REFUSED.items():
        value = fields.get(name, b"").strip()
        if value and value != nothing.encode():
            raise _Misformed(
                f"{words} field misformed, rejected",
                f"{name} cannot be sent over this platform; leave it out. Long texts are cut here.",
            )
    minutes = _number(fields, "validity", "Validity field misformed, rejected")
    later = _number(fields, "deferred", "Deferred field misformed, rejected")
    send_at = desk.api.now_us() + later * 60_000_000 if later else None
    return Draft(
        "sms", _text(fields), text_of(fields.get("from", b"")).strip(), lane_of(fields),
        reference=text_of(fields.get("account", b""))[:100], send_at_us=send_at,
        validity_seconds=validity(minutes and minutes * 60), dlt=_dlt(fields),
    )  # fmt: skip


def _number(fields: dict[str, bytes], name: str, words: str) -> int | None:
    try:
        value = number(fields, name)
    except ValueError:
        value = -1
    if value is not None and value < 0:
        raise _Misformed(words, f"{name} is no whole number from 0 on.")
    return value


def _text(fields: dict[str, bytes]) -> str:
    coding = _number(fields, "coding", "Coding field misformed, rejected") or 0
    if coding not in {0, 2}:
        raise _Misformed(
            "Coding field misformed, rejected", f"coding {coding} is not carried; 0 and 2 are."
        )
    charset = text_of(fields.get("charset", b"")).strip()
    charset = charset or ("UTF-16BE" if coding == 2 else "UTF-8")
    try:
        return fields.get("text", b"").decode(charset)
    except (LookupError, ValueError):
        raise _Misformed(
            "Charset or body misformed, rejected", f"The text is not in charset {charset[:40]}."
        ) from None


def _wish(fields: dict[str, bytes]) -> str:
    mask = _number(fields, "dlr-mask", "DLR-Mask field misformed, rejected") or 0
    url = text_of(fields.get("dlr-url", b"")).strip()
    if mask > _MASK_MAX:
        raise _Misformed(
            "DLR-Mask field misformed, rejected", f"dlr-mask is more than {_MASK_MAX}."
        )
    if not url or not mask:
        return ""
    try:
        # An escape stands for anything, so the URL is looked at without them.
        check_url("".join(url.split("%")), "dlr-url")
    except RefusedError as error:
        raise _Misformed("DLR-URL field misformed, rejected", error.detail) from None
    return door_url("kannel", str(mask), url)


def _dlt(fields: dict[str, bytes]) -> dict[str, str] | None:
    """The DLT ids in meta-data: "?smpp?PE_ID=…&Template_ID=…"."""
    found: dict[str, str] = {}
    for group in text_of(fields.get("meta-data", b"")).split("?")[2::2]:
        for name, values in parse_qs(group).items():
            if name in _META:
                found[_META[name]] = values[0]
    return found or None


HANDLERS: Final = [sendsms]
