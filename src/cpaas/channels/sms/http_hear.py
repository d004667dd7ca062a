"""What an HTTP route's carrier brings to its secret address, read as its dialect writes it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from cpaas.channels.base import Callback, CallbackRefusedError, Heard, RouteSettingsError
from cpaas.channels.sms.http_dialects import dialect_of, receipts_of
from cpaas.channels.sms.http_settings import allowed, settings_of
from cpaas.channels.sms.http_types import Dialect, Report, UnreadableCallbackError
from cpaas.kit.networks import Network, within
from cpaas.snapshot.types import Route

BODY_BYTES_MAX: Final = 1024 * 1024
FIELDS_MAX: Final = 1_000
#: /<recipient>/<sender> behind the secret, as `address_tail` wrote it.
_STEPS: Final = 2


def hear(route: Route, callback: Callback) -> Heard:
    """The receipts of a callback. Errors: CallbackRefusedError."""
    networks, dialect = _known(_Key(route))
    if networks and not within(callback.peer, networks):
        raise CallbackRefusedError(403, "This address may not bring receipts.")
    if callback.method not in {"GET", "POST"}:
        raise CallbackRefusedError(405, "Receipts come by GET or POST.")
    if len(callback.body) > BODY_BYTES_MAX:
        raise CallbackRefusedError(413, "The body is larger than 1 MB.")
    steps = [*callback.path.strip("/").split("/"), "", ""][:_STEPS]
    raw = callback.body if callback.method == "POST" else _line(callback.query)
    try:
        report = Report(_fields(callback), steps[0], steps[1], raw)
        receipts = receipts_of(dialect, report, now_us=callback.at_us, token=None)
    except (msgspec.DecodeError, ValueError) as error:
        raise CallbackRefusedError(400, "The body cannot be read.") from error
    except UnreadableCallbackError as error:
        raise CallbackRefusedError(400, str(error)) from error
    return Heard(receipts, body=dialect.ack)


class _Key:
    """A route as a key: by what it is, since its settings cannot be hashed."""

    __slots__ = ("route",)

    def __init__(self, route: Route) -> None:
        self.route = route

    def __hash__(self) -> int:
        return id(self.route)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.route is self.route


@lru_cache(maxsize=256)
def _known(key: _Key) -> tuple[tuple[Network, ...], Dialect]:
    try:
        settings = settings_of(key.route)
        return allowed(settings), dialect_of(key.route, {})
    except RouteSettingsError as error:
        raise CallbackRefusedError(503, "This route's settings cannot be used.") from error


def _fields(callback: Callback) -> Mapping[str, Any]:
    fields: dict[str, Any] = dict(callback.query)
    if callback.method == "POST":
        if "json" in callback.headers.get("content-type", ""):
            return {**fields, "": msgspec.json.decode(callback.body)}
        posted = callback.body.decode("utf-8", "replace")
        fields |= parse_qsl(posted, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    return fields


def _line(query: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={value}" for name, value in query.items()).encode(errors="replace")
