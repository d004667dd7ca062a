"""Jasmin's HTTP API (`/send`, `/balance`, `/ping`), in its words."""

from typing import Any, Final

import msgspec
from litestar import Response, get, route
from litestar.datastructures import State

from cpaas.api.context import ApiRequest
from cpaas.api.doors.access import Guest, NotLetInError
from cpaas.api.doors.jasmin_fields import (
    MICRO,
    JasminError,
    document_of,
    draft_of,
    fields_of,
    wish_of,
)
from cpaas.api.doors.request import Desk, plain, text_of
from cpaas.api.problem import ProblemError
from cpaas.billing import queries
from cpaas.kit.log import get_logger
from cpaas.pipeline.refusals import RefusedError
from cpaas.webhooks.events import uuid_text

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
    "insufficient_balance": "Cannot charge submit_sm, check RouterPB log file for details",
    "rate_limited": "User throughput exceeded",
    "daily_cap_reached": "User submit_sm quota exceeded",
    "invalid_number": "Argument [to] has an invalid value: [{to}].",
    "country_not_allowed": f"{_FILTER} (destination_address filter mismatch).",
    "sender_required": "Argument [from] has an invalid value: [].",
    "sender_not_approved": f"{_FILTER} (source_address filter mismatch).",
    "text_too_long": f"{_FILTER} (content filter mismatch).",
}  # fmt: skip
_log = get_logger(__name__)


@route("/send", http_method=["GET", "POST"], include_in_schema=False)
async def send(request: ApiRequest, state: State) -> Response[str]:
    """One message: `Success "<id>"` or `Error "<why>"`."""
    desk = Desk(request, state)
    try:
        fields = await _fields(desk)
        guest = await _guest(desk, fields)
        message_id = await send_one(desk, guest, fields)
        return plain(200, f'Success "{uuid_text(message_id)}"')
    except JasminError as error:
        return plain(error.status, f'Error "{error.words}"', error.error)


@route("/balance", http_method=["GET", "POST"], include_in_schema=False)
async def balance(request: ApiRequest, state: State) -> Response[str]:
    """The balance as a number; messages are not counted by quota, hence ND."""
    desk = Desk(request, state)
    try:
        guest = await _guest(desk, await _fields(desk))
        document = await wallet(desk, guest)
    except JasminError as error:
        return plain(error.status, f'Error "{error.words}"', error.error)
    return plain(200, msgspec.json.encode(document).decode(), kind="application/json")


@get("/ping", include_in_schema=False)
async def ping() -> Response[str]:
    """Jasmin's way to say that it is there."""
    return plain(200, "Jasmin/PONG")


async def _fields(desk: Desk) -> dict[str, bytes]:
    try:
        if "json" in desk.request.headers.get("content-type", ""):
            return fields_of(document_of(await desk.request.body()))
        return await desk.fields()
    except ValueError:
        raise JasminError(400, "The request cannot be read.") from None


async def _guest(desk: Desk, fields: dict[str, bytes]) -> Guest:
    if not fields:
        raise JasminError(
            400, "Mandatory arguments not found, please refer to the HTTPAPI specifications."
        )
    for name in ("username", "password"):
        if name not in fields:
            raise JasminError(400, f"Mandatory argument [{name}] is not found.")
    return await let_in(desk, text_of(fields["username"]), text_of(fields["password"]))


async def let_in(desk: Desk, user: str, password: str) -> Guest:
    """The account behind user and password. Errors: JasminError."""
    try:
        return await desk.access.let_in(desk.api.snapshots.current, user, password, desk.client)
    except NotLetInError as error:
        _log.warning("door_not_let_in", door="jasmin", address=desk.client, reason=str(error))
        raise JasminError(403, f"Authentication failure for username:{user[:40]}") from None


async def send_one(
    desk: Desk, guest: Guest, fields: dict[str, bytes], send_at_us: int | None = None
) -> bytes:
    """Accepts one message and returns its id. Errors: JasminError."""
    to = text_of(fields.get("to", b"")).strip()
    if not to:
        raise JasminError(400, "Mandatory argument [to] is not found.")
    if "content" not in fields and "hex-content" not in fields:
        raise JasminError(400, "content or hex-content not present.")
    if "content" in fields and "hex-content" in fields:
        raise JasminError(400, "content and hex-content cannot be used both in same request.")
    draft = draft_of(fields, desk.api.now_us(), send_at_us)
    try:
        stored, _ = await desk.send(guest, draft, [to], wish_of(fields))
    except RefusedError as error:
        raise _refused(error, guest, to) from None
    except ProblemError as error:
        problem = error.problem
        raise _refused(RefusedError(problem.code, problem.detail), guest, to) from None
    return bytes(stored[0].id)


def _refused(error: RefusedError, guest: Guest, to: str) -> JasminError:
    words = _WORDS.get(error.code, error.detail)
    user = guest.system_id or guest.account.name
    words = words.replace("{user}", user).replace("{to}", to[:40]).replace('"', "'")
    return JasminError(_STATUS.get(error.code, 400), words, error)


async def wallet(desk: Desk, guest: Guest) -> dict[str, Any]:
    """What /balance tells."""
    row = await queries.wallet(desk.api.pool, guest.account.id)
    micro = 0 if row is None else row[0] + row[1]
    # Jasmin's clients read a number; it is made of the integer and never counted with.
    return {"balance": micro / MICRO, "sms_count": "ND"}


HANDLERS: Final = [send, balance, ping]
