"""A route's form: the fields of its kind, and how they become the rules' own values."""

import re
from typing import Any, Final

import msgspec
from django import forms

from cpaas.billing import check as billing_check
from cpaas.channels.registry import CHANNELS
from cpaas.channels.sms.http_types import HTTP_DIALECTS
from cpaas.consoles.admin import route_settings
from cpaas.consoles.admin.route_settings import KINDS, SETTINGS, kind_of
from cpaas.consoles.shared.fields import (
    choice_field,
    long_text_field,
    number_field,
    password_field,
    switch_field,
    text_field,
)
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.kit import money
from cpaas.kit.errors import InputError
from cpaas.routes import check
from cpaas.routes.types import NewRoute, RouteChanges, RouteRow

_BINDS: Final = (
    ("trx", "One transceiver (TRX)"), ("tx", "Transmitter only (TX)"),
    ("tx_rx", "Transmitter and receiver (TX + RX)"),
)  # fmt: skip
_IDS: Final = (
    ("same", "The same in answer and receipt"),
    ("hex_to_dec", "Hex in the answer, decimal in the receipt"),
    ("dec_to_hex", "Decimal in the answer, hex in the receipt"),
)
_TON: Final = (
    ("", "By the form of the address"), ("0", "0 unknown"), ("1", "1 international"),
    ("2", "2 national"), ("3", "3 network specific"), ("5", "5 alphanumeric"),
)  # fmt: skip
_NPI: Final = (("", "By the form of the address"), ("0", "0 unknown"), ("1", "1 ISDN (E.164)"))
_LONG: Final = (
    ("udh8", "UDH, 8-bit reference"), ("udh16", "UDH, 16-bit reference"), ("sar", "SAR TLVs"),
    ("payload", "message_payload"),
)  # fmt: skip
#: form field -> key of the settings document.
_NUMBERS: Final = ("source_ton", "source_npi", "dest_ton", "dest_npi")
_PORTS: Final = {"smpp": 2775, "sip": 5060}
#: where in a document a fault is.
_PLACE: Final = re.compile(r"(?:\$\.|used: )(\w+)")
_TAGS: Final = {"tag_pe": "pe_id", "tag_template": "template_id", "tag_tm": "tm_id"}
_TAG_DEFAULTS: Final = {"tag_pe": "0x1400", "tag_template": "0x1401", "tag_tm": "0x1402"}


#: form fields -> the kinds of routes that have them; what stands nowhere here, all have.
_SMPP: Final = frozenset({"smpp"})
_HTTP: Final = frozenset(HTTP_DIALECTS)
_FOR: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("host", "port"), _SMPP | _HTTP | {"sip"}),
    **dict.fromkeys(("system_id", "password"), _SMPP | _HTTP | {"sip", "calls"}),
    "default_sender": _SMPP | _HTTP | {"sip", "calls"},
    **dict.fromkeys(
        ("system_type", "tls", "bind_type", "binds", "message_id_mode", "long_message", *_NUMBERS,
         *_TAGS),
        _SMPP,
    ),
    "http_settings": _HTTP,
    "protocol": _SMPP | _HTTP,
    "voice_by": frozenset({"sip", "calls"}),
    **{name: frozenset({kind}) for kind in SETTINGS for name in route_settings.fields(kind)},
}  # fmt: skip
_EVERY: Final = frozenset(KINDS)
_TABS: Final = (
    (
        "gateway", "Gateway",
        ("name", "channel", "protocol", "voice_by", "label", "host", "port", "default_sender",
         "tls", "active"),
    ),
    *((kind, title, tuple(route_settings.fields(kind)))
      for kind, (title, _, _) in SETTINGS.items()),
    ("credentials", "Credentials", ("system_id", "password", "system_type")),
    ("limits", "Binds and limits", ("bind_type", "binds", "window_size", "tps", "cost")),
    ("accent", "The carrier's accent", ("message_id_mode", "long_message", *_NUMBERS)),
    ("http", "HTTP", ("http_settings",)),
    ("dlt", "DLT", tuple(_TAGS)),
)  # fmt: skip


#: which field says of what kind a route of a channel is.
_REFINED: Final = {"sms": "protocol", "voice": "voice_by"}


def _of(channel: str) -> list[tuple[str, str]]:
    return [(kind, label) for kind, (label, its, _) in KINDS.items() if its == channel]


def kinds_of(name: str) -> frozenset[str]:
    """The kinds of routes that have a field."""
    return _FOR.get(name, _EVERY)


class RouteForm(forms.Form):
    """All fields; `data-for` on the page shows those of the chosen kind."""

    name = text_field(
        "Route Name", max_length=32,
        help_text="Small letters, digits and underscores. It names the queue and never changes.",
    )  # fmt: skip
    channel = choice_field(
        "Channel", [(one, CHANNEL_NAMES[one]) for one in CHANNELS], initial="sms"
    )
    protocol = choice_field(
        "SMS protocol", _of("sms"), required=False, initial="smpp",
        help_text="A template says its URL under HTTP.",
    )  # fmt: skip
    voice_by = choice_field("Voice by", _of("voice"), required=False, initial="sip")
    label = text_field("Label", required=False, placeholder="Airtel, direct")
    active = switch_field("Active", help_text="Only active routes can receive messages.")
    host = text_field("Host", required=False, placeholder="smsc.example.net")
    port = number_field(
        "Port", required=False, most=65535, help_text="Empty: 2775 for SMPP, 5060 for SIP."
    )
    system_id = text_field(
        "System ID", required=False, autocomplete="off",
        help_text="SIP: the trunk's user. Calls API: the account's SID.",
    )  # fmt: skip
    password = password_field("Password", required=False, autocomplete="new-password")
    system_type = text_field("System type", required=False, max_length=12)
    tls = switch_field("TLS")
    bind_type = choice_field("Bind", _BINDS, initial="trx", required=False)
    binds = number_field("Binds", initial=1, least=1, most=check.BINDS_MAX, required=False)
    window_size = number_field(
        "Window", initial=100, least=1, most=check.WINDOW_MAX,
        help_text="Requests without an answer; Voice: calls at once.",
    )  # fmt: skip
    tps = number_field(
        "TPS", initial=0, most=check.TPS_MAX,
        help_text="Messages (Voice: calls) a second. 0: no limit.",
    )  # fmt: skip
    default_sender = text_field(
        "Default sender", required=False, help_text="Where nothing else says one."
    )
    cost = text_field("Cost per unit", required=False, inputmode="decimal", placeholder="0.0800")
    message_id_mode = choice_field("Message ids", _IDS, initial="same", required=False)
    long_message = choice_field("Long messages", _LONG, initial="udh8", required=False)
    source_ton = choice_field("Source TON", _TON, required=False)
    source_npi = choice_field("Source NPI", _NPI, required=False)
    dest_ton = choice_field("Destination TON", _TON, required=False)
    dest_npi = choice_field("Destination NPI", _NPI, required=False)
    http_settings = long_text_field(
        "Settings of an HTTP route, as JSON", required=False,
        placeholder='{"url": "https://api.example/send", "method": "POST"}',
        help_text="The fields are in docs/reference/channels/sms-http.md.",
    )  # fmt: skip
    tag_pe = text_field("DLT tag: PE ID", required=False, initial="0x1400")
    tag_template = text_field("DLT tag: template", required=False, initial="0x1401")
    tag_tm = text_field("DLT tag: telemarketer", required=False, initial="0x1402")

    def __init__(self, *args: Any, known: RouteRow | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self._known_kind = "" if known is None else kind_of(known.channel, known.dialect)
        for kind in SETTINGS:
            self.fields |= route_settings.fields(kind)
        self.fields["channel"].widget.attrs["data-kind"] = ""
        for channel, field in _REFINED.items():
            self.fields[field].widget.attrs["data-kind-of"] = channel
        if known is None:
            return
        for name in list(self.fields):
            fixed = name in ("name", "channel", *_REFINED.values())
            if fixed or self._known_kind not in kinds_of(name):
                del self.fields[name]
        if known.has_password and "password" in self.fields:
            self.fields["password"].help_text = "One is kept, encrypted. Empty: it stays."

    @property
    def chosen(self) -> str:
        """The kind of the route."""
        if self._known_kind:
            return self._known_kind
        channel = str(self.cleaned_data.get("channel") or "sms")
        field = _REFINED.get(channel)
        return str(self.cleaned_data.get(field) or _of(channel)[0][0]) if field else channel

    def clean(self) -> dict[str, Any]:
        """What the chosen kind has no use for is neither taken nor found fault with."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        for name in self.fields:
            if self.chosen not in kinds_of(name):
                self.errors.pop(name, None)
                given.pop(name, None)
        return given

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """The tabs with their fields, each with the kinds that have it."""
        found = []
        for slug, title, names in _TABS:
            here = [name for name in names if name in self.fields]
            if not here:
                continue
            kinds = frozenset().union(*(kinds_of(name) for name in here))
            found.append(
                {
                    "slug": slug, "title": title, "kinds": _for(kinds),
                    "fields": [(self[name], _for(kinds_of(name))) for name in here],
                    "faulty": any(self[name].errors for name in here),
                }
            )  # fmt: skip
        return found


def _for(kinds: frozenset[str]) -> str:
    return " ".join(kind for kind in KINDS if kind in kinds)


def initial(known: RouteRow, settings: dict[str, Any]) -> dict[str, Any]:
    """A route's values as the form shows them."""
    same = (
        "label", "active", "host", "port", "system_id", "system_type", "bind_type", "binds",
        "window_size", "tps", "default_sender", "message_id_mode",
    )  # fmt: skip
    found: dict[str, Any] = {name: getattr(known, name) for name in same}
    found["cost"] = money.show(known.cost_micro) if known.cost_micro else ""
    found["port"] = known.port or None
    kind = kind_of(known.channel, known.dialect)
    if kind in SETTINGS:
        return found | route_settings.shown(kind, settings)
    if known.dialect in HTTP_DIALECTS:
        text = msgspec.json.format(msgspec.json.encode(settings), indent=2).decode()
        return found | {"http_settings": text if settings else ""}
    found["tls"] = bool(settings.get("tls"))
    found["long_message"] = settings.get("long_message", "udh8")
    for name in _NUMBERS:
        value = settings.get(name)
        found[name] = "" if value is None else str(value)
    tags = settings.get("dlt")
    for field, key in _TAGS.items():
        if tags is None:
            found[field] = _TAG_DEFAULTS[field]
        else:
            found[field] = f"0x{tags[key]['tag']:04X}" if key in tags else ""
    return found


def _document(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise InputError(
            f"this is no JSON object: {error}", 'write it like {"tls": true}', "http_settings"
        ) from None


def _settings(given: dict[str, Any], before: dict[str, Any]) -> dict[str, object]:
    """The document of what the form knows, over what it does not."""
    found: dict[str, object] = dict(before)
    found |= {"tls": given["tls"], "long_message": given["long_message"]}
    for name in _NUMBERS:
        found.pop(name, None)
        if given[name]:
            found[name] = int(given[name])
    if any(given[field] != _TAG_DEFAULTS[field] for field in _TAGS):
        known = before.get("dlt") or {}
        found["dlt"] = {
            key: {**known.get(key, {}), "tag": _tag(field, given[field])}
            for field, key in _TAGS.items()
            if given[field]
        }
    else:
        found.pop("dlt", None)
    return found


def _tag(field: str, text: str) -> int:
    try:
        value = int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        raise InputError(f"{text!r} is no tag", "write it like 0x1400", field) from None
    if not 0 <= value <= 0xFFFF:
        raise InputError(f"tag {text} is out of range", "use 0x0000 to 0xFFFF", field)
    return value


def _common(kind: str, given: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    names = (
        "label", "active", "host", "system_id", "system_type", "bind_type", "binds",
        "window_size", "tps", "default_sender", "message_id_mode",
    )  # fmt: skip
    found = {name: given[name] for name in names if given.get(name) is not None}
    if "port" in given:
        found["port"] = given["port"] or _PORTS.get(kind, 0)
    found["cost_micro"] = billing_check.amount(given["cost"]) if given["cost"] else 0
    if kind in SETTINGS:
        found["settings"] = route_settings.document(kind, given, before)
    elif kind in HTTP_DIALECTS:
        found["settings"] = _document(given["http_settings"])
    else:
        found["settings"] = _settings(given, before)
    return found


def as_new(form: RouteForm) -> NewRoute:
    """The form as a new route. Errors: InputError at its field."""
    given = form.cleaned_data
    _, channel, dialect = KINDS[form.chosen]
    return NewRoute(
        name=given["name"], channel=channel, dialect=dialect,
        password=given.get("password") or "", **_common(form.chosen, given, {}),
    )  # fmt: skip


def as_changes(form: RouteForm, before: dict[str, Any]) -> RouteChanges:
    """The form as changes; an empty password leaves the kept one."""
    given = form.cleaned_data
    return RouteChanges(
        password=given.get("password") or None, **_common(form.chosen, given, before)
    )


def fault_names(form: RouteForm, error: InputError) -> dict[str, str]:
    """Which form field shows a fault of which value."""
    names = {"cost_micro": "cost", "amount": "cost", "dialect": "protocol"}
    kind = form.chosen
    if kind in HTTP_DIALECTS:
        names["settings"] = "http_settings"
    elif kind in SETTINGS:
        places = _PLACE.findall(error.what)
        names["settings"] = f"{kind}_{places[-1]}" if places else ""
    return names
