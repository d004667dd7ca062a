"""Jasmin's HTTP API (`/send`, `/balance`) and its REST API (`/sendbatch`), in its words."""

import binascii
from typing import Any, Final
from uuid import uuid4

import msgspec
from litestar import Response, get, post, route
from litestar.datastructures import State

from cpaas.api.context import ApiRequest
from cpaas.api.doors.access import Guest, NotLetInError
from cpaas.api.doors.request import RECIPIENTS_MAX, Desk, check_url, number, plain, text_of
from cpaas.api.problem import ProblemError
from cpaas.billing import queries
from cpaas.kit.log import get_logger
from cpaas.messages.door_wish import door_url
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.smpp.text import decode_text
from cpaas.webhooks.events import uuid_text

MICRO: Final = 1_000_000
BATCH_MAX: Final = 1_000
#: data_coding values that Jasmin takes.
_CODINGS: Final = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14})
#: our code -> HTTP status of the error; any other is 400.
_STATUS: Final = {
    "no_price": 412, "insufficient_balance": 403, "account_inactive": 403,
    "channel_disabled": 403, "sender_not_approved": 403, "country_not_allowed": 403,
    "busy": 500, "unavailable": 500, "storage_full": 500, "outcome_unknown": 500,
    "internal_error": 500, "daily_cap_reached": 403, "rate_limited": 403,
}  # fmt: skip
_FILTER: Final = "Value filter failed for user [{user}]"
#: our code -> Jasmin's words, where it has some.
_WORDS: Final = {
    "no_price": "No route found",
    "insufficient_balance": "Cannot charge submit_sm, check router log file for details",
    "rate_limited": "User throughput exceeded",
    "daily_cap_reached": "User submit_sm quota exceeded",
    "invalid_number": "Argument [to] has an invalid value: [{to}].",
    "country_not_allowed": f"{_FILTER} (destination_address filter mismatch).",
    "sender_required": "Argument [from] has an invalid value: [].",
    "sender_not_approved": f"{_FILTER} (source_address filter mismatch).",
    "text_too_long": f"{_FILTER} (content filter mismatch).",
}  # fmt: skip
_log = get_logger(__name__)


class _JasminError(Exception):
    """An error in Jasmin's words."""

    def __init__(self, status: int, words: str, error: RefusedError | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.error = error


@route("/send", http_method=["GET", "POST"], include_in_schema=False)
async def send(request: ApiRequest, state: State) -> Response[str]:
    """One message: `Success "<id>"` or `Error "<why>"`."""
    desk = Desk(request, state)
    try:
        fields = await _fields(desk)
        guest = await _guest(desk, fields)
        return plain(200, f'Success "{await _send_one(desk, guest, fields)}"')
    except _JasminError as error:
        return plain(error.status, f'Error "{error.words}"', error.error)


@route("/balance", http_method=["GET", "POST"], include_in_schema=False)
async def balance(request: ApiRequest, state: State) -> Response[str]:
    """The balance as a number; messages are not counted by quota, hence ND."""
    desk = Desk(request, state)
    try:
        guest = await _guest(desk, await _fields(desk))
        document = await _balance(desk, guest)
    except _JasminError as error:
        return plain(error.status, f'Error "{error.words}"', error.error)
    return plain(200, msgspec.json.encode(document).decode(), kind="application/json")


@get("/ping", include_in_schema=False)
async def ping() -> Response[str]:
    """Jasmin's way to say that it is there."""
    return plain(200, "Jasmin/PONG")


@post(["/sendbatch", "/secure/sendbatch"], include_in_schema=False, status_code=200)
async def sendbatch(request: ApiRequest, state: State) -> Response[str]:
    """A batch by the REST API: globals and messages, with Basic authorization."""
    desk = Desk(request, state)
    try:
        guest = await _basic(desk)
        document = _json(await request.body())
        sent, failed = await _batch(desk, guest, document)
    except _JasminError as error:
        return _rest(error.status, {"message": f'Error "{error.words}"'})
    answer: dict[str, Any] = {"batchId": str(uuid4()), "messageCount": sent}
    if failed:
        answer["errors"] = failed
    return _rest(200, {"data": answer})


@post("/secure/send", include_in_schema=False, status_code=200)
async def secure_send(request: ApiRequest, state: State) -> Response[str]:
    """One message by the REST API."""
    desk = Desk(request, state)
    try:
        guest = await _basic(desk)
        fields = _as_fields(_json(await request.body()))
        return _rest(200, {"data": f'Success "{await _send_one(desk, guest, fields)}"'})
    except _JasminError as error:
        return _rest(error.status, {"message": f'Error "{error.words}"'})


@get("/secure/balance", include_in_schema=False)
async def secure_balance(request: ApiRequest, state: State) -> Response[str]:
    """The balance by the REST API."""
    desk = Desk(request, state)
    try:
        return _rest(200, {"data": await _balance(desk, await _basic(desk))})
    except _JasminError as error:
        return _rest(error.status, {"message": f'Error "{error.words}"'})


async def _fields(desk: Desk) -> dict[str, bytes]:
    try:
        if "json" in desk.request.headers.get("content-type", ""):
            return _as_fields(_json(await desk.request.body()))
        return await desk.fields()
    except ValueError:
        raise _JasminError(400, "The request cannot be read.") from None


async def _guest(desk: Desk, fields: dict[str, bytes]) -> Guest:
    for name in ("username", "password"):
        if name not in fields:
            raise _JasminError(400, f"Mandatory argument [{name}] is not found.")
    return await _let_in(desk, text_of(fields["username"]), text_of(fields["password"]))


async def _basic(desk: Desk) -> Guest:
    login = desk.basic()
    if login is None:
        raise _JasminError(401, "Authentication required")
    return await _let_in(desk, *login)


async def _let_in(desk: Desk, user: str, password: str) -> Guest:
    try:
        return await desk.access.let_in(desk.api.snapshots.current, user, password, desk.client)
    except NotLetInError as error:
        _log.warning("door_not_let_in", door="jasmin", address=desk.client, reason=str(error))
        raise _JasminError(403, f"Authentication failure for username:{user[:40]}") from None


async def _send_one(desk: Desk, guest: Guest, fields: dict[str, bytes]) -> str:
    if not fields.get("to", b"").strip():
        raise _JasminError(400, "Mandatory argument [to] is not found.")
    to = text_of(fields["to"]).strip()
    if "content" not in fields and "hex-content" not in fields:
        raise _JasminError(400, "content or hex-content not present.")
    if "content" in fields and "hex-content" in fields:
        raise _JasminError(400, "content and hex-content cannot be used both in same request.")
    try:
        stored, _ = await desk.send(guest, _draft(fields), [to], _wish(fields))
    except RefusedError as error:
        raise _refused(error, guest, to) from None
    except ProblemError as error:
        problem = error.problem
        raise _refused(RefusedError(problem.code, problem.detail), guest, to) from None
    return uuid_text(stored[0].id)


def _refused(error: RefusedError, guest: Guest, to: str) -> _JasminError:
    words = _WORDS.get(error.code, error.detail)
    user = guest.system_id or guest.account.name
    words = words.replace("{user}", user).replace("{to}", to[:40]).replace('"', "'")
    return _JasminError(_STATUS.get(error.code, 400), words, error)


def _draft(fields: dict[str, bytes]) -> Draft:
    coding = _number(fields, "coding") or 0
    if coding not in _CODINGS:
        raise _JasminError(400, f"Argument [coding] has an invalid value: [{coding}].")
    minutes = _number(fields, "validity-period")
    return Draft(
        "sms", _text(fields, coding), text_of(fields.get("from", b"")).strip(),
        reference=text_of(fields.get("tags", b""))[:100],
        validity_seconds=minutes * 60 if minutes else None,
    )  # fmt: skip


def _text(fields: dict[str, bytes], coding: int) -> str:
    if "hex-content" in fields:
        try:
            octets = binascii.unhexlify(fields["hex-content"].strip())
        except (binascii.Error, ValueError):
            raise _JasminError(400, "Invalid hex-content data: it is not hexadecimal.") from None
        if coding in {2, 4}:
            raise _JasminError(400, f"Argument [coding] has an invalid value: [{coding}].")
        return decode_text(octets, coding)
    content = fields["content"]
    try:
        return content.decode()
    except UnicodeDecodeError:
        return decode_text(content, coding)


def _number(fields: dict[str, bytes], name: str) -> int | None:
    try:
        value = number(fields, name)
    except ValueError:
        value = -1
    if value is not None and value < 0:
        raise _JasminError(
            400, f"Argument [{name}] has an invalid value: [{text_of(fields[name])[:40]}]."
        )
    return value


def _wish(fields: dict[str, bytes]) -> str:
    wanted = text_of(fields.get("dlr", b"no")).strip().lower()
    if wanted not in {"yes", "no"}:
        raise _JasminError(400, f"Argument [dlr] has an invalid value: [{wanted[:40]}].")
    if wanted == "no":
        return ""
    level = _number(fields, "dlr-level") or 1
    method = text_of(fields.get("dlr-method", b"POST")).strip().upper()
    url = text_of(fields.get("dlr-url", b"")).strip()
    if level not in {1, 2, 3}:
        raise _JasminError(400, f"Argument [dlr-level] has an invalid value: [{level}].")
    if method not in {"GET", "POST"}:
        raise _JasminError(400, f"Argument [dlr-method] has an invalid value: [{method[:40]}].")
    if not url:
        return ""
    try:
        check_url(url, "dlr-url")
    except RefusedError as error:
        raise _JasminError(
            400, f"Argument [dlr-url] has an invalid value: [{url[:200]}].", error
        ) from None
    return door_url("jasmin", f"{level}{method[0]}", url)


async def _balance(desk: Desk, guest: Guest) -> dict[str, Any]:
    row = await queries.wallet(desk.api.pool, guest.account.id)
    micro = 0 if row is None else row[0] + row[1]
    # Jasmin's clients read a number; it is made of the integer and never counted with.
    return {"balance": micro / MICRO, "sms_count": "ND"}


async def _batch(desk: Desk, guest: Guest, document: dict[str, Any]) -> tuple[int, list[Any]]:
    shared, messages = document.get("globals", {}), document.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(shared, dict):
        raise _JasminError(400, "Mandatory argument [messages] is not found.")
    wanted = []
    for one in messages:
        if not isinstance(one, dict):
            raise _JasminError(400, "Each of [messages] must be an object.")
        fields = {**shared, **one}
        numbers = fields.pop("to", None)
        numbers = numbers if isinstance(numbers, list) else [numbers]
        wanted += [_as_fields({**fields, "to": to}) for to in numbers if to]
    if len(wanted) > min(BATCH_MAX, RECIPIENTS_MAX):
        raise _JasminError(400, f"A batch has at most {BATCH_MAX} messages.")
    sent, failed = 0, []
    for fields in wanted:
        try:
            await _send_one(desk, guest, fields)
            sent += 1
        except _JasminError as error:
            failed.append({"to": text_of(fields.get("to", b"")), "error": error.words})
    if not sent:
        raise _JasminError(400, failed[0]["error"] if failed else "No message in this batch.")
    return sent, failed


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _JasminError(400, "Cannot parse JSON data.") from None


def _as_fields(document: dict[str, Any]) -> dict[str, bytes]:
    """A REST document as the fields of /send, whose names have dashes."""
    return {
        name.replace("_", "-"): str(value).encode(errors="replace")
        for name, value in document.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }


def _rest(status: int, document: dict[str, Any]) -> Response[str]:
    return plain(status, msgspec.json.encode(document).decode(), kind="application/json")


HANDLERS: Final = [send, balance, ping, sendbatch, secure_send, secure_balance]
