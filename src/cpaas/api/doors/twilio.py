"""Twilio's Messages: create, fetch and cancel, with its words, error numbers and status callbacks.

AccountSid is the account's id ("AC" and 32 hex digits), the AuthToken a secret of its own; a
MessageSid is the message's id ("SM" and its hex digits).
"""

import re
from contextlib import suppress
from datetime import datetime
from email.utils import formatdate
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State

from cpaas.api import queries
from cpaas.api.context import ApiRequest
from cpaas.api.doors.access import Guest, NotLetInError
from cpaas.api.doors.request import Desk, check_url, lane_of, number, plain, text_of, validity
from cpaas.api.problem import ProblemError
from cpaas.kit.log import get_logger
from cpaas.kit.money import show
from cpaas.messages.door_wish import door_url
from cpaas.messages.statuses import FINAL
from cpaas.pipeline.cancel import TooLateError, cancel
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context
from cpaas.webhooks.door_calls import account_sid, error_code

VERSION: Final = "2010-04-01"
MORE_INFO: Final = "https://www.twilio.com/docs/errors/"
ACCOUNT_MAX: Final = 2**63
#: our code -> HTTP status, Twilio's number, its words; any other is 21620 with our own text.
_ERRORS: Final[dict[str, tuple[int, int, str]]] = {
    "invalid_number": (400, 21211, "Invalid 'To' Phone Number: {to}"),
    "country_not_allowed": (
        400, 21408,
        "Permission to send an SMS has not been enabled for the region of the 'To' number: {to}",
    ),
    "sender_required": (400, 21603, "A 'From' phone number is required."),
    "sender_not_approved": (
        400, 21606,
        "The 'From' {sender} is not a valid message-capable phone number for this destination.",
    ),
    "text_required": (400, 21602, "Message body is required."),
    "text_too_long": (
        400, 21617, "The concatenated message body exceeds the 1600 character limit.",
    ),
    "account_inactive": (403, 20005, "Account not active"),
    "channel_disabled": (403, 20005, "Account not active: SMS is switched off"),
    "insufficient_balance": (403, 20005, "Account not active: not enough balance"),
    "rate_limited": (429, 20429, "Too Many Requests"),
    "daily_cap_reached": (429, 63038, "Account exceeded the daily messages limit"),
    "busy": (503, 30001, "Queue overflow"),
    "unavailable": (503, 20503, "Service Unavailable"),
    "storage_full": (503, 20503, "Service Unavailable"),
    "outcome_unknown": (503, 20503, "Service Unavailable"),
    "internal_error": (500, 20500, "Internal Server Error"),
}  # fmt: skip
_STATUSES: Final = {
    "SCHEDULED": "scheduled", "QUEUED": "queued", "SENDING": "sending", "SUBMITTED": "sent",
    "DELIVERED": "delivered", "READ": "read", "FAILED": "undelivered", "EXPIRED": "undelivered",
    "REJECTED": "failed", "BLOCKED": "failed", "CANCELLED": "canceled",
}  # fmt: skip
#: fields that would change what is sent, and that we cannot keep.
_REFUSED: Final = {
    "MediaUrl": (21620, "media"), "MessagingServiceSid": (21701, "messaging services"),
    "ContentSid": (21655, "content"),
}  # fmt: skip
_SID: Final = re.compile(r"AC([0-9a-f]{32})")
_MESSAGE: Final = re.compile(r"(?:SM|MM)([0-9a-f]{32})(?:\.json)?")
_log = get_logger(__name__)


class _TwilioError(Exception):
    """An error in Twilio's numbers and words."""

    def __init__(
        self, status: int, code: int, words: str, error: RefusedError | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        self.words = words
        self.error = error


@post(f"/{VERSION}/Accounts/{{sid:str}}/Messages.json", include_in_schema=False, status_code=201)
async def create_message(request: ApiRequest, state: State, sid: str) -> Response[str]:
    """Sends one message: 201 with the message as it is now."""
    desk = Desk(request, state)
    try:
        guest = _guest(desk, sid)
        return _shown(201, await _create(desk, guest))
    except _TwilioError as error:
        return _failed(error)


@get(f"/{VERSION}/Accounts/{{sid:str}}/Messages/{{message:str}}", include_in_schema=False)
async def fetch_message(request: ApiRequest, state: State, sid: str, message: str) -> Response[str]:
    """One message as it is now."""
    desk = Desk(request, state)
    try:
        guest = _guest(desk, sid)
        return _shown(200, _view(desk, guest, await _row(desk, guest, message)))
    except _TwilioError as error:
        return _failed(error)


@post(
    f"/{VERSION}/Accounts/{{sid:str}}/Messages/{{message:str}}",
    include_in_schema=False, status_code=200,
)  # fmt: skip
async def update_message(
    request: ApiRequest, state: State, sid: str, message: str
) -> Response[str]:
    """Takes a message back: Status=canceled, which is all that can be changed."""
    desk = Desk(request, state)
    try:
        guest = _guest(desk, sid)
        row = await _row(desk, guest, message)
        fields = await desk.fields()
        if text_of(fields.get("Status", b"")) != "canceled" or "Body" in fields:
            raise _TwilioError(400, 20001, "Only Status=canceled can be set on a message")
        context = Context(desk.api.snapshots.current, desk.api.instance_id, desk.api.now_us())
        done = False
        with suppress(TooLateError):
            done = await cancel(
                desk.api.pool, context, row["id"], actor=f"twilio:{guest.account.id}"
            )
        if not done:
            raise _TwilioError(409, 30409, "Message is not in a cancelable state")
        return _shown(200, _view(desk, guest, await _row(desk, guest, message)))
    except _TwilioError as error:
        return _failed(error)
    except ValueError:
        return _failed(_TwilioError(400, 21620, "The request cannot be read"))


async def _row(desk: Desk, guest: Guest, message: str) -> Any:
    """A message of the account by its MessageSid. Errors: _TwilioError."""
    found = _MESSAGE.fullmatch(message)
    row = None
    if found is not None:
        row = await queries.message(desk.api.pool, guest.account.id, bytes.fromhex(found[1]))
    if row is None:
        raise _TwilioError(
            404, 20404, f"The requested resource {desk.request.url.path} was not found"
        )
    return row


def _guest(desk: Desk, sid: str) -> Guest:
    login, found = desk.basic(), _SID.fullmatch(sid)
    account_id = int(found[1], 16) if found else ACCOUNT_MAX
    try:
        if login is None or login[0] != sid or account_id >= ACCOUNT_MAX:
            raise NotLetInError("no AccountSid and AuthToken")
        return desk.access.twilio(desk.api.snapshots.current, account_id, login[1], desk.client)
    except NotLetInError as error:
        _log.warning("door_not_let_in", door="twilio", address=desk.client, reason=str(error))
        if error.busy:
            raise _TwilioError(429, 20429, "Too Many Requests") from None
        raise _TwilioError(401, 20003, "Authenticate") from None


async def _create(desk: Desk, guest: Guest) -> dict[str, Any]:
    try:
        fields = await desk.fields()
    except ValueError:
        raise _TwilioError(400, 21620, "The request cannot be read") from None
    for name, (code, what) in _REFUSED.items():
        if fields.get(name):
            raise _TwilioError(400, code, f"{name}: {what} cannot be sent over this platform")
    to, sender = text_of(fields.get("To", b"")).strip(), text_of(fields.get("From", b"")).strip()
    if not to:
        raise _TwilioError(400, 21604, "A 'To' phone number is required.")
    if not fields.get("Body", b"").strip():
        raise _TwilioError(400, 21602, "Message body is required.")
    try:
        draft = _draft(fields, sender)
        stored, _ = await desk.send(guest, draft, [to], _wish(fields))
    except RefusedError as error:
        raise _refused(error, to, sender) from None
    except ProblemError as error:
        problem = error.problem
        raise _refused(RefusedError(problem.code, problem.detail), to, sender) from None
    one = stored[0]
    made = {
        "id": one.id, "status": "SCHEDULED" if draft.send_at_us else "QUEUED",
        "recipient": one.to, "sender": one.sender, "body": one.text, "segments": one.segments,
        "created_at": one.created_us, "submitted_at": None, "final_at": None,
        "price_micro": one.price_micro, "refunded_micro": 0, "error_code": "", "error": "",
    }  # fmt: skip
    return _view(desk, guest, made)


def _draft(fields: dict[str, bytes], sender: str) -> Draft:
    try:
        seconds = number(fields, "ValidityPeriod")
    except ValueError:
        raise _TwilioError(400, 21616, "ValidityPeriod is not a number of seconds") from None
    send_at = text_of(fields.get("SendAt", b"")).strip()
    send_at_us = None
    if send_at:
        try:
            moment = datetime.fromisoformat(send_at)
        except ValueError:
            raise _TwilioError(400, 35111, "SendAt is not a date in ISO 8601") from None
        if moment.tzinfo is None:
            raise _TwilioError(400, 35111, "SendAt names no time zone")
        send_at_us = int(moment.timestamp()) * 1_000_000
    return Draft(
        "sms",
        text_of(fields["Body"]),
        sender,
        lane_of(fields),
        send_at_us=send_at_us,
        validity_seconds=validity(seconds),
    )


def _wish(fields: dict[str, bytes]) -> str:
    url = text_of(fields.get("StatusCallback", b"")).strip()
    if not url:
        return ""
    try:
        check_url(url, "StatusCallback")
    except RefusedError as error:
        raise _TwilioError(
            400, 21609, f"The 'StatusCallback' URL {url[:200]} is not a valid URL.", error
        ) from None
    return door_url("twilio", "", url)


def _refused(error: RefusedError, to: str, sender: str) -> _TwilioError:
    status, code, words = _ERRORS.get(error.code, (400, 21620, error.detail))
    words = words.replace("{to}", to[:40]).replace("{sender}", sender[:40])
    return _TwilioError(status, code, words, error)


def _view(desk: Desk, guest: Guest, row: Any) -> dict[str, Any]:
    sid, account = f"SM{row['id'].hex()}", account_sid(guest.account.id)
    status = row["status"]
    code = error_code({"error_code": row["error_code"]})
    net = row["price_micro"] - row["refunded_micro"]
    uri = f"/{VERSION}/Accounts/{account}/Messages/{sid}"
    return {
        "account_sid": account, "api_version": VERSION, "body": row["body"] or "",
        "date_created": _date(row["created_at"]), "date_sent": _date(row["submitted_at"]),
        "date_updated": _date(row["final_at"] or row["submitted_at"] or row["created_at"]),
        "direction": "outbound-api", "error_code": int(code) if code else None,
        "error_message": row["error"] or None, "from": row["sender"],
        "messaging_service_sid": None, "num_media": "0", "num_segments": str(row["segments"]),
        "price": f"-{show(net)}" if status in FINAL else None,
        "price_unit": desk.api.currency, "sid": sid, "status": _STATUSES[status],
        "subresource_uris": {"media": f"{uri}/Media.json"}, "to": row["recipient"],
        "uri": f"{uri}.json",
    }  # fmt: skip


def _date(micros: int | None) -> str | None:
    return None if micros is None else formatdate(micros // 1_000_000).replace("-0000", "+0000")


def _shown(status: int, document: dict[str, Any]) -> Response[str]:
    return plain(status, msgspec.json.encode(document).decode(), kind="application/json")


def _failed(error: _TwilioError) -> Response[str]:
    document = {
        "code": error.code, "message": error.words, "more_info": f"{MORE_INFO}{error.code}",
        "status": error.status,
    }  # fmt: skip
    text = msgspec.json.encode(document).decode()
    answer = plain(error.status, text, error.error, kind="application/json")
    if error.status == 401:
        answer.headers["www-authenticate"] = 'Basic realm="Twilio API"'
    return answer


def missing(status: int, path: str) -> Response[str]:
    """What is not carried here, in Twilio's words: 404 for a resource, 405 for a method."""
    if status == 405:
        words = "Method not allowed; messages are created, fetched and canceled here"
        return _failed(_TwilioError(405, 20004, words))
    return _failed(_TwilioError(404, 20404, f"The requested resource {path} was not found"))


HANDLERS: Final = [create_message, fetch_message, update_message]
