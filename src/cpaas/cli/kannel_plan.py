"""What a kannel.conf becomes here: routes and accounts, and what cannot be carried over. Pure."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from cpaas.cli.kannel_conf import Group, Value
from cpaas.cli.kannel_hints import BOXES, GROUPS, HINTS
from cpaas.kit.errors import InputError
from cpaas.routes import check
from cpaas.routes.types import NewRoute

NAME_MAX: Final = 32
SMPP_PORT: Final = 2775
PASSWORD_CHARS: Final = 8
_EVERYBODY: Final = "*.*.*.*"
_TLV: Final = {
    "pe_id": "pe_id", "peid": "pe_id", "entityid": "pe_id", "template_id": "template_id",
    "templateid": "template_id", "tempid": "template_id", "tm_id": "tm_id", "tmid": "tm_id",
}  # fmt: skip
_MODES: Final = {0: "same", 1: "hex_to_dec", 2: "dec_to_hex", 3: "same"}
#: variables that need nothing here: ours by nature, or of Kannel's own inside.
_NEEDLESS: Final = frozenset(
    {
        "smsc", "smsc-id", "instances", "reconnect-delay", "log-file", "log-level", "allow-ip",
        "interface-version", "wait-ack-expire", "smsc-admin-id", "retry", "name",
    }
)  # fmt: skip
#: escapes of a generic send-url -> placeholders of a template.
_ESCAPES: Final = {
    "p": "{from}", "P": "{to}", "b": "{text}", "a": "{text}", "r": "{text}", "I": "{id}",
    "R": "{callback}",
}  # fmt: skip


class Note(msgspec.Struct, frozen=True):
    """Something to be said about a line."""

    line: int
    text: str


class PlannedRoute(msgspec.Struct):
    """A route that will be made."""

    line: int
    route: NewRoute


class PlannedAccount(msgspec.Struct):
    """An account that will be made, with the login that its programs use already."""

    line: int
    name: str
    password: str
    senders: list[str] = []
    networks: list[str] = []


class Plan(msgspec.Struct):
    """All that will be made, and what cannot be carried over."""

    routes: list[PlannedRoute] = []
    accounts: list[PlannedAccount] = []
    notes: list[Note] = []


def plan(groups: Sequence[Group]) -> Plan:
    """What these groups become."""
    made = Plan()
    for group in groups:
        made.notes += [
            Note(one.line, f"{one.text} stands in this group twice; the last one counts")
            for one in group.twice
        ]
        known = _KINDS.get(group.kind)
        if known is None:
            todo = GROUPS.get(group.kind, "")
            made.notes.append(
                Note(
                    group.line, f"group {group.kind}: not carried over{'; ' if todo else ''}{todo}"
                )
            )
        else:
            known(group, made)
    _tags(groups, made)
    made.notes.sort(key=lambda note: note.line)
    return made


class _Taken:
    """A group's values; tells at the end which nobody asked for."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._left = {k: v for k, v in group.values.items() if k not in _NEEDLESS}

    def text(self, name: str) -> str:
        self._left.pop(name, None)
        return self._group.get(name)

    def line(self, name: str) -> int:
        return self._group.values[name].line

    def number(self, name: str, made: Plan, least: int, most: int) -> int | None:
        found: Value | None = self._group.values.get(name)
        self._left.pop(name, None)
        if found is None:
            return None
        try:
            # What is left of a fraction must not become 0, which means without any limit.
            value = math.ceil(float(found.text)) if "x" not in found.text else int(found.text, 16)
        except (ValueError, OverflowError):
            value = least - 1
        if not least <= value <= most:
            made.notes.append(Note(found.line, f"{name} = {found.text[:40]}: not a usable number"))
            return None
        return value

    def yes(self, name: str) -> bool:
        return self.text(name).lower() in {"true", "yes", "on", "1"}

    def rest(self, made: Plan) -> None:
        for name, value in self._left.items():
            todo = HINTS.get(name, "nothing here does the same")
            made.notes.append(Note(value.line, f"{name}: not carried over; {todo}"))


def _smsc(group: Group, made: Plan) -> None:
    taken, kind = _Taken(group), group.get("smsc")
    makers: dict[str, Callable[[Group, _Taken, Plan], NewRoute | None]] = {
        "smpp": _smpp, "http": _http,
    }  # fmt: skip
    maker = makers.get(kind)
    if maker is None:
        made.notes.append(
            Note(group.line, f"smsc = {kind or '(none)'}: not carried over; only smpp and http are")
        )
        return
    route = maker(group, taken, made)
    taken.rest(made)
    if route is None:
        return
    try:
        check.new_route(route)
    except InputError as error:
        made.notes.append(Note(group.line, f"route {route.name}: {error.what}; {error.todo}"))
        return
    for one in made.routes:
        same = ("host", "port", "system_id", "password", "dialect")
        if all(getattr(one.route, name) == getattr(route, name) for name in same):
            binds = min(check.BINDS_MAX, one.route.binds + route.binds)
            one.route = msgspec.structs.replace(one.route, binds=binds)
            made.notes.append(
                Note(group.line, f"a further bind of route {one.route.name}, which has {binds} now")
            )
            return
    made.routes.append(PlannedRoute(group.line, _named(route, made)))


def _named(route: NewRoute, made: Plan) -> NewRoute:
    names = {one.route.name for one in made.routes}
    name, number = route.name, 1
    while name in names:
        number += 1
        name = f"{route.name[: NAME_MAX - 4]}_{number}"
    return msgspec.structs.replace(route, name=name)


def _name(group: Group) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", group.get("smsc-id").lower()).strip("_")[:NAME_MAX]
    return name or "kannel"


def _smpp(group: Group, taken: _Taken, made: Plan) -> NewRoute:
    settings: dict[str, object] = {}
    for theirs, ours in (
        ("source-addr-ton", "source_ton"), ("source-addr-npi", "source_npi"),
        ("dest-addr-ton", "dest_ton"), ("dest-addr-npi", "dest_npi"),
    ):  # fmt: skip
        value = taken.number(theirs, made, 0, 255)
        if value is not None:
            settings[ours] = value
    for theirs, ours in (("address-range", "address_range"), ("service-type", "service_type")):
        if text := taken.text(theirs):
            settings[ours] = text
    seconds = taken.number("enquire-link-interval", made, 1, 3600)
    if seconds:
        settings["enquire_link_seconds"] = float(seconds)
    if taken.yes("use-ssl"):
        settings["tls"] = True
    mode = taken.number("msg-id-type", made, 0, 3)
    receive = taken.number("receive-port", made, 0, 65535)
    port = taken.number("port", made, 1, 65535) or receive or SMPP_PORT
    kind = "trx" if taken.yes("transceiver-mode") else "tx_rx" if receive else "tx"
    if "receive-port" not in group.values and kind == "tx":
        made.notes.append(
            Note(group.line, "no transceiver-mode, no receive-port: it binds as transmitter")
        )
    return NewRoute(
        name=_name(group), label=group.get("smsc-id")[: check.LABEL_MAX], host=taken.text("host"),
        port=port, system_id=taken.text("smsc-username"), password=taken.text("smsc-password"),
        system_type=taken.text("system-type"), bind_type=kind,
        binds=max(1, min(check.BINDS_MAX, int(group.get("instances") or 1)))
        if (group.get("instances") or "1").isdecimal() else 1,
        window_size=taken.number("max-pending-submits", made, 1, check.WINDOW_MAX) or 10,
        tps=taken.number("throughput", made, 0, check.TPS_MAX) or 0,
        message_id_mode=_MODES.get(mode or 0, "same"), settings=settings,
    )  # fmt: skip


def _http(group: Group, taken: _Taken, made: Plan) -> NewRoute | None:
    kind, url = taken.text("system-type"), taken.text("send-url")
    login = {"system_id": taken.text("smsc-username"), "password": taken.text("smsc-password")}
    tps = taken.number("throughput", made, 0, check.TPS_MAX) or 0
    window = taken.number("max-pending-submits", made, 1, check.WINDOW_MAX) or 10
    common: dict[str, Any] = {
        "name": _name(group), "label": group.get("smsc-id")[: check.LABEL_MAX], "tps": tps,
        "window_size": window, **login,
    }  # fmt: skip
    taken.text("port")
    callers = _networks(taken, "connect-allow-ip", made)
    shared: dict[str, object] = {"receipts_from": list(callers)} if callers else {}
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        made.notes.append(Note(group.line, f"send-url {url[:80]!r} cannot be read"))
        return None
    if kind == "kannel":
        settings = shared | {"path": parts.path or "/cgi-bin/sendsms"}
        if parts.scheme == "https":
            settings["tls"] = True
        return NewRoute(
            dialect="kannel", host=parts.hostname or "", port=port, settings=settings, **common
        )
    if kind == "generic":
        settings = shared | {"url": re.sub(r"%([a-zA-Z])", _placeholder, url)}
        if expression := taken.text("status-success-regex"):
            settings["success"] = expression
        if expression := taken.text("generic-foreign-id-regex"):
            settings["id_regex"] = expression
        return NewRoute(
            dialect="template", host=parts.hostname or "", port=port, settings=settings, **common
        )
    made.notes.append(
        Note(group.line, f"system-type = {kind or '(none)'}: not carried over; kannel, generic are")
    )
    return None


def _placeholder(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], "")


def _user(group: Group, made: Plan) -> None:
    taken = _Taken(group)
    name, password = taken.text("username"), taken.text("password")
    if not name or not password:
        made.notes.append(Note(group.line, "a sendsms-user without username or password"))
        return
    if any(one.name == name for one in made.accounts):
        made.notes.append(Note(group.line, f"sendsms-user {name} stands there twice"))
        return
    senders = [one for one in (taken.text("forced-sender"), taken.text("default-sender")) if one]
    networks = _networks(taken, "user-allow-ip", made)
    denied = group.get("user-deny-ip").strip()
    if denied in {"", _EVERYBODY}:
        taken.text("user-deny-ip")
    taken.rest(made)
    if (group.get("user-allow-ip") or denied == _EVERYBODY) and not networks:
        # An empty list would let everybody in.
        made.notes.append(Note(group.line, f"account {name}: not made for lack of an address"))
        return
    if len(password) < PASSWORD_CHARS:
        made.notes.append(
            Note(group.values["password"].line,
                 f"the password of {name} has {len(password)} characters; renew it once its"
                 f" programs have moved: cpaas account smpp {name}")
        )  # fmt: skip
    made.accounts.append(
        PlannedAccount(group.line, name, password, list(dict.fromkeys(senders)), list(networks))
    )


def _networks(taken: _Taken, name: str, made: Plan) -> tuple[str, ...]:
    """A list of addresses and patterns as networks; what cannot be one is told."""
    given = [one for one in re.split(r"[;,\s]+", taken.text(name)) if one]
    found = [network for one in given if (network := _network(one))]
    if len(found) < len(given):
        made.notes.append(
            Note(taken.line(name), f"{name}: write a pattern with * inside as networks")
        )
    return tuple(found)


def _network(pattern: str) -> str:
    """An address, or a pattern that ends in stars as a network; "" if it is neither."""
    octets = pattern.split(".")
    fixed = [one for one in octets if one != "*"]
    if "*" not in pattern:
        return pattern
    if len(octets) != 4 or octets[: len(fixed)] != fixed:
        return ""
    return f"{'.'.join([*fixed, *['0'] * (4 - len(fixed))])}/{8 * len(fixed)}"


def _service(group: Group, made: Plan) -> None:
    keyword = group.get("keyword") or "(none)"
    made.notes.append(
        Note(
            group.line,
            f"sms-service {keyword}: not carried over; give its number and keyword to an account"
            " (cpaas number) and take replies by webhook",
        )
    )


def _box(group: Group, made: Plan) -> None:
    for name, value in group.values.items():
        if name in BOXES:
            made.notes.append(Note(value.line, f"{name} {value.text[:40]}: {BOXES[name]}"))


def _include(group: Group, made: Plan) -> None:
    made.notes.append(
        Note(group.line, f"include {group.get('include')[:80]}: not followed; import that file too")
    )


def _tags(groups: Sequence[Group], made: Plan) -> None:
    """DLT TLVs that Kannel was told, for the SMPP routes that they name, or all of them."""
    tags: dict[str, dict[str, dict[str, object]]] = {}
    for group in groups:
        if group.kind != "smpp-tlv":
            continue
        field = _TLV.get(group.get("name").lower())
        number = _Taken(group).number("tag", made, 0, 0xFFFF)
        if field is None or number is None:
            made.notes.append(Note(group.line, f"smpp-tlv {group.get('name')}: not carried over"))
            continue
        kind = "cstring" if group.get("type") == "nulterminated" else "octets"
        for smsc in re.split(r"[;\s]+", group.get("smsc-id")):
            tags.setdefault(smsc, {})[field] = {"tag": number, "type": kind}
    for one in made.routes:
        own = tags.get("", {}) | tags.get(one.route.label, {})
        if one.route.dialect == "smpp" and own:
            settings = {**one.route.settings, "dlt": own}
            one.route = msgspec.structs.replace(one.route, settings=settings)


_KINDS: Final[dict[str, Callable[[Group, Plan], None]]] = {
    "smsc": _smsc, "sendsms-user": _user, "sms-service": _service, "core": _box,
    "smsbox": _box, "smpp-tlv": lambda _group, _made: None, "include": _include,
}  # fmt: skip
