"""Jasmin's REST API (`/secure/send`, `/secure/sendbatch`, `/secure/balance`), in its words."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State

from cpaas.api.context import ApiRequest
from cpaas.api.doors.access import Guest
from cpaas.api.doors.jasmin import let_in, send_one, wallet
from cpaas.api.doors.jasmin_fields import MICRO, JasminError, document_of, fields_of
from cpaas.api.doors.request import Desk, check_url, plain, text_of
from cpaas.broker import embedded
from cpaas.kit.ids import new_id_bytes
from cpaas.kit.log import get_logger
from cpaas.messages.door_wish import door_url
from cpaas.messages.envelopes import Event
from cpaas.pipeline.refusals import RefusedError
from cpaas.webhooks.events import BATCH, event_items, iso, uuid_text

BATCH_MAX: Final = 10_000
#: messages of one batch that are accepted together.
AT_ONCE: Final = 100
_SECONDS: Final = re.compile(r"([0-9]{1,9})s")
_log = get_logger(__name__)


class _Config(msgspec.Struct, frozen=True):
    """What a batch asks for besides its messages."""

    send_at_us: int | None = None
    callback: str = ""
    errback: str = ""


class _Sent(msgspec.Struct, frozen=True):
    """What became of one message of a batch."""

    to: str
    message_id: bytes = b""
    error: str = ""


@post(["/sendbatch", "/secure/sendbatch"], include_in_schema=False, status_code=200)
async def sendbatch(request: ApiRequest, state: State) -> Response[str]:
    """A batch: globals, messages and batch_config, with Basic authorization."""
    desk = Desk(request, state)
    batch_id = str(uuid4())
    try:
        guest = await _basic(desk)
        document = document_of(await request.body())
        config = _config(document.get("batch_config"), desk.api.now_us())
        done = await _batch(desk, guest, document, config)
    except JasminError as error:
        return _failed(error)
    await _call_back(desk, guest, batch_id, config, done)
    failed = [one for one in done if one.error]
    answer: dict[str, Any] = {"batchId": batch_id, "messageCount": len(done) - len(failed)}
    if config.send_at_us is not None:
        answer["scheduled"] = f"{max(0, config.send_at_us - desk.api.now_us()) / MICRO}s"
    if failed:
        answer["errors"] = [{"to": one.to, "error": one.error} for one in failed]
    if len(failed) == len(done):
        return _rest(400, {"message": f'Error "{failed[0].error}"', "errors": answer["errors"]})
    return _rest(200, {"data": answer})


@post("/secure/send", include_in_schema=False, status_code=200)
async def secure_send(request: ApiRequest, state: State) -> Response[str]:
    """One message by the REST API."""
    desk = Desk(request, state)
    try:
        guest = await _basic(desk)
        message_id = await send_one(desk, guest, fields_of(document_of(await request.body())))
    except JasminError as error:
        return _failed(error)
    return _rest(200, {"data": f'Success "{uuid_text(message_id)}"'})


@get("/secure/balance", include_in_schema=False)
async def secure_balance(request: ApiRequest, state: State) -> Response[str]:
    """The balance by the REST API."""
    desk = Desk(request, state)
    try:
        return _rest(200, {"data": await wallet(desk, await _basic(desk))})
    except JasminError as error:
        return _failed(error)


async def _basic(desk: Desk) -> Guest:
    login = desk.basic()
    if login is None:
        raise JasminError(401, "Authentication required")
    return await let_in(desk, *login)


def _config(asked: Any, now_us: int) -> _Config:
    """Errors: JasminError, 412 as Jasmin's REST API answers."""
    if asked is None:
        return _Config()
    if not isinstance(asked, dict):
        raise JasminError(412, "batch_config must be an object")
    urls = {}
    for name in ("callback_url", "errback_url"):
        url = asked.get(name) or ""
        try:
            urls[name] = check_url(str(url), name) if url else ""
        except RefusedError as error:
            raise JasminError(412, f"{name} cannot be called: {error.detail}", error) from None
    at = _schedule(asked.get("schedule_at"), now_us)
    return _Config(at, urls["callback_url"], urls["errback_url"])


def _schedule(asked: Any, now_us: int) -> int | None:
    """A number of seconds such as "3600s", or a moment in UTC."""
    if asked is None:
        return None
    text = str(asked)
    seconds = _SECONDS.fullmatch(text)
    if seconds is not None:
        return now_us + int(seconds[1]) * MICRO
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise JasminError(
            412,
            f"Got unknown format: {text[:40]}, correct formats are 'YYYY-MM-DD hh:mm:ss' (UTC)"
            " or number of seconds",
        ) from None
    at_us = int(moment.timestamp()) * MICRO
    if at_us < now_us:
        raise JasminError(412, f"Cannot schedule batch in past date: {text}")
    return at_us


async def _batch(
    desk: Desk, guest: Guest, document: dict[str, Any], config: _Config
) -> list[_Sent]:
    wanted = _wanted(document)
    done: list[_Sent] = []
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        done += await asyncio.gather(*(_one(desk, guest, one, config) for one in part))
    return done


def _wanted(document: dict[str, Any]) -> list[dict[str, bytes]]:
    """The fields of each message: the globals, its own, and each of its recipients."""
    shared, messages = document.get("globals") or {}, document.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(shared, dict):
        raise JasminError(400, "Mandatory argument [messages] is not found.")
    wanted = []
    for one in messages:
        if not isinstance(one, dict):
            raise JasminError(400, "Each of [messages] must be an object.")
        fields = {**shared, **one}
        numbers = fields.pop("to", None)
        numbers = numbers if isinstance(numbers, list) else [numbers]
        wanted += [fields_of({**fields, "to": to if to is not None else ""}) for to in numbers]
    if len(wanted) > BATCH_MAX:
        raise JasminError(400, f"A batch has at most {BATCH_MAX} messages.")
    return wanted


async def _one(desk: Desk, guest: Guest, fields: dict[str, bytes], config: _Config) -> _Sent:
    to = text_of(fields.get("to", b""))
    try:
        return _Sent(to, await send_one(desk, guest, fields, config.send_at_us))
    except JasminError as error:
        return _Sent(to, error=error.words)


async def _call_back(
    desk: Desk, guest: Guest, batch_id: str, config: _Config, done: list[_Sent]
) -> None:
    """Has callback_url and errback_url called once for each message, as webhooks are."""
    at = iso(desk.api.now_us())
    events = []
    for one in done:
        url = config.errback if one.error else config.callback
        if not url:
            continue
        told = {
            "batchId": batch_id, "to": one.to, "status": 0 if one.error else 1,
            "statusText": f'HTTPAPI error: Error "{one.error}' if one.error
            else f'Success "{uuid_text(one.message_id)}"',
        }  # fmt: skip
        body = msgspec.json.encode({"type": BATCH, "timestamp": at, "data": told})
        wish = door_url("jasmin_batch", "", url)
        events.append(Event(new_id_bytes(), one.message_id, BATCH, wish, body))
    if not events:
        return
    try:
        async with desk.api.pool.acquire() as connection, connection.transaction():
            await embedded.publish(connection, event_items(guest.account.id, events))
    except Exception as error:  # noqa: BLE001 - the messages are accepted, and an error would have them sent again
        _log.error("batch_callbacks_lost", batch=batch_id, calls=len(events), error=repr(error))


def _failed(error: JasminError) -> Response[str]:
    if error.status in {401, 412}:
        return _rest(error.status, {"title": error.words, "description": error.words})
    return _rest(error.status, {"message": f'Error "{error.words}"'})


def _rest(status: int, document: dict[str, Any]) -> Response[str]:
    return plain(status, msgspec.json.encode(document).decode(), kind="application/json")


HANDLERS: Final = [sendbatch, secure_send, secure_balance]
