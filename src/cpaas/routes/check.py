"""Pure checks of routes; each refusal says what to write instead."""

import re
from typing import Final

import msgspec

from cpaas.channels.base import RouteSettingsError
from cpaas.channels.registry import CHANNELS as REGISTRY
from cpaas.channels.sms.config import SmsSettings
from cpaas.channels.sms.http_settings import read_settings
from cpaas.channels.sms.http_types import HTTP_DIALECTS
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import SMPP_PASSWORD_MAX, SMPP_SYSTEM_ID_MAX
from cpaas.messages.envelopes import CHANNELS
from cpaas.routes.types import NewRoute, RouteChanges

BINDS_MAX: Final = 32
CALL_DIALECTS: Final = ("sip", "http")
#: one outstanding request per sequence number would do; carriers allow far less.
WINDOW_MAX: Final = 10_000
TPS_MAX: Final = 100_000
SYSTEM_TYPE_MAX: Final = 12
#: of the user and the password at a carrier that speaks HTTP.
LOGIN_MAX: Final = 200
LABEL_MAX: Final = 64
#: one transceiver, or a transmitter (with tx_rx: and a receiver) for carriers without one.
BIND_TYPES: Final = ("trx", "tx", "tx_rx")
#: how a carrier writes message ids in receipts, compared with its submit_sm_resp.
MESSAGE_ID_MODES: Final = ("same", "hex_to_dec", "dec_to_hex")

_NAME: Final = re.compile(r"[a-z0-9_]{1,32}")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9.])?|::1?")
_SENDER: Final = re.compile(r"([A-Za-z0-9]{3,11}|\+[1-9]\d{6,14})?")
_RANGES: Final[tuple[tuple[str, int, int, str], ...]] = (
    ("tps", 0, TPS_MAX, "messages a second, 0 = unlimited"),
    ("binds", 1, BINDS_MAX, "connections to the carrier"),
    ("window_size", 1, WINDOW_MAX, "requests that may wait for their answer on one bind"),
    ("cost_micro", 0, 10**12, "micro-units"),
)


def route_name(name: str) -> str:
    """The name; it names the queue submit_<name>, so its characters are few."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no route name",
            "use 1 to 32 small letters, digits and underscores, such as smpp1",
            "name",
        )
    return name


def channel(name: str) -> str:
    """A channel of the platform."""
    if name not in CHANNELS:
        raise InputError(f"{name!r} is no channel", f"use one of {', '.join(CHANNELS)}", "channel")
    return name


def new_route(route: NewRoute) -> NewRoute:
    """A route whose every field can be used."""
    route_name(route.name)
    channel(route.channel)
    channel_settings(route.channel, route.settings, route.dialect)
    _fields(route, route.dialect)
    if route.dialect in HTTP_DIALECTS and route.dialect != "template":
        if not route.host or not route.port:
            raise InputError(
                f"route {route.name} does not say where the carrier is",
                "give --host and --port",
                "host",
            )
        if not route.system_id:
            raise InputError(
                f"route {route.name} has no user",
                "give the --system-id (user) and --password that the carrier told you",
                "system_id",
            )
    if not route.simulated and route.channel == "sms" and route.dialect == "smpp":
        if not route.host or not route.port:
            raise InputError(
                f"route {route.name} does not say where the carrier is",
                "give --host and --port",
                "host",
            )
        if not route.system_id:
            raise InputError(
                f"route {route.name} has no system id",
                "give the --system-id that the carrier told you",
                "system_id",
            )
    if not route.simulated and route.channel == "voice":
        _calls(route)
    return route


def _calls(route: NewRoute) -> None:
    """A route of calls says what kind it is and what that kind needs."""
    if route.dialect not in CALL_DIALECTS:
        raise InputError(
            f"route {route.name} does not say how its carrier is reached",
            "choose SIP trunk or Calls API; on the command line: --sip HOST or --http URL",
            "channel",
        )  # fmt: skip
    if route.dialect == "sip" and not route.host:
        raise InputError(
            f"route {route.name} does not say where the trunk is",
            "give its host (--sip HOST)",
            "host",
        )
    if not route.system_id:
        raise InputError(
            f"route {route.name} has no system id",
            "give the system id (--system-id): the trunk's user, or the account's sid",
            "system_id",
        )  # fmt: skip


def changes(wanted: RouteChanges, dialect: str = "smpp") -> RouteChanges:
    """Changes of a route of that dialect whose every field can be used."""
    _fields(wanted, dialect)
    return wanted


def _fields(route: NewRoute | RouteChanges, dialect: str) -> None:
    if route.host and not _HOST.fullmatch(route.host):
        raise InputError(
            f"{route.host!r} is no host", "write a name or an IP address, without smpp://", "host"
        )
    if route.port is not None and not 0 <= route.port <= 65535:
        raise InputError(f"port {route.port} does not exist", "use 1 to 65535", "port")
    for field, least, most, meaning in _RANGES:
        value = getattr(route, field)
        if value is not None and not least <= value <= most:
            raise InputError(
                f"{field} {value} is out of range", f"use {least} to {most} ({meaning})", field
            )
    if route.bind_type is not None and route.bind_type not in BIND_TYPES:
        raise InputError(
            f"{route.bind_type!r} is no bind type", f"use one of {', '.join(BIND_TYPES)}",
            "bind_type",
        )  # fmt: skip
    if route.message_id_mode is not None and route.message_id_mode not in MESSAGE_ID_MODES:
        raise InputError(
            f"{route.message_id_mode!r} is no message id mode",
            f"use one of {', '.join(MESSAGE_ID_MODES)}",
            "message_id_mode",
        )
    if route.label is not None and (
        len(route.label) > LABEL_MAX or not (route.label == "" or route.label.isprintable())
    ):
        raise InputError(
            "this label cannot be shown", f"use at most {LABEL_MAX} printable characters", "label"
        )
    if route.default_sender is not None and not _SENDER.fullmatch(route.default_sender):
        raise InputError(
            f"{route.default_sender!r} cannot be a sender",
            "use 3 to 11 letters or digits, or a whole number such as +919876543210",
            "default_sender",
        )
    if dialect in HTTP_DIALECTS:
        _login("system_id", route.system_id)
        _login("password", route.password)
        return
    # Of other channels, and when a route is changed, the carrier's own limits are not known here.
    smpp = dialect == "smpp" and (isinstance(route, RouteChanges) or route.channel == "sms")
    if smpp:
        _octets("system_id", route.system_id, SMPP_SYSTEM_ID_MAX)
        _octets("system_type", route.system_type, SYSTEM_TYPE_MAX)
        _octets("password", route.password, SMPP_PASSWORD_MAX)


def channel_settings(
    channel: str, document: dict[str, object], dialect: str = "smpp"
) -> dict[str, object]:
    """The settings document of a route; InputError names the field that its channel refuses."""
    if channel != "sms":
        return _checked_by_channel(channel, document, dialect)
    page = "sms"
    try:
        if dialect in HTTP_DIALECTS:
            page = "sms-http"
            read_settings(dialect, document)
        elif dialect == "smpp":
            msgspec.convert(document, SmsSettings)
        else:
            raise InputError(
                f"{dialect!r} is no protocol of an SMS route",
                f"use one of smpp, {', '.join(HTTP_DIALECTS)}", "dialect",
            )  # fmt: skip
    except (msgspec.ValidationError, RouteSettingsError) as error:
        raise InputError(
            f"these route settings cannot be used: {error}",
            f"see the fields in docs/reference/channels/{page}.md",
            "settings",
        ) from error
    return document


def _checked_by_channel(
    channel: str, document: dict[str, object], dialect: str
) -> dict[str, object]:
    check = getattr(REGISTRY.get(channel), "check_settings", None)
    if check is not None:
        try:
            check(document, dialect)
        except (msgspec.ValidationError, ValueError) as error:
            raise InputError(
                f"these route settings cannot be used: {error}",
                f"see the fields in docs/reference/channels/{channel}.md", "settings",
            ) from error  # fmt: skip
    return document


def _login(field: str, value: str | None) -> None:
    if value and (len(value) > LOGIN_MAX or not value.isprintable()):
        raise InputError(
            f"this {field} cannot be sent", f"use at most {LOGIN_MAX} printable characters", field
        )


def _octets(field: str, value: str | None, most: int) -> None:
    if value is None:
        return
    if not value.isascii() or not (value == "" or value.isprintable()):
        raise InputError(f"this {field} is not plain ASCII", "SMPP carries only ASCII here", field)
    if len(value) > most:
        raise InputError(
            f"this {field} has {len(value)} characters",
            f"SMPP 3.4 carries at most {most}; ask the carrier for a shorter one",
            field,
        )
