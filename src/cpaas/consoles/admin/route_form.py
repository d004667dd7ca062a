"""A route's form: the fields of its kind, and how they become the rules' own values."""

from typing import Any, Final

import msgspec
from django import forms

from cpaas.billing import check as billing_check
from cpaas.channels.registry import CHANNELS
from cpaas.channels.sms.http_types import HTTP_DIALECTS
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

#: the channels that this version has a driver for.
_CHANNELS: Final = tuple((one, CHANNEL_NAMES[one]) for one in CHANNELS)
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
_PROTOCOLS: Final = (
    ("smpp", "SMPP"), ("kannel", "HTTP: Kannel (sendsms)"), ("jasmin", "HTTP: Jasmin (/send)"),
    ("template", "HTTP: by a template"),
)  # fmt: skip
#: form field -> key of the settings document.
_NUMBERS: Final = ("source_ton", "source_npi", "dest_ton", "dest_npi")
_TAGS: Final = {"tag_pe": "pe_id", "tag_template": "template_id", "tag_tm": "tm_id"}
_TAG_DEFAULTS: Final = {"tag_pe": "0x1400", "tag_template": "0x1401", "tag_tm": "0x1402"}


class RouteForm(forms.Form):
    """All fields; `data-for` on the page shows those of the chosen channel."""

    name = text_field(
        "Route Name", max_length=32,
        help_text="Small letters, digits and underscores. It names the queue and never changes.",
    )  # fmt: skip
    channel = choice_field("Channel", _CHANNELS, initial="sms")
    protocol = choice_field(
        "SMS protocol", _PROTOCOLS, initial="smpp",
        help_text="A template says its URL under HTTP.",
    )  # fmt: skip
    label = text_field("Label", required=False, placeholder="Airtel, direct")
    active = switch_field("Active", help_text="Only active routes can receive messages.")
    host = text_field("Host", required=False, placeholder="smsc.example.net")
    port = number_field("Port", required=False, initial=2775, most=65535)
    system_id = text_field("System ID", required=False, max_length=15, autocomplete="off")
    password = password_field("Password", required=False, autocomplete="new-password")
    system_type = text_field("System type", required=False, max_length=12)
    tls = switch_field("TLS")
    bind_type = choice_field("Bind", _BINDS, initial="trx")
    binds = number_field("Binds", initial=1, least=1, most=check.BINDS_MAX)
    window_size = number_field("Window", initial=100, least=1, most=check.WINDOW_MAX)
    tps = number_field("TPS", initial=0, most=check.TPS_MAX, help_text="0: no limit.")
    default_sender = text_field("Default sender", required=False)
    cost = text_field("Cost per unit", required=False, inputmode="decimal", placeholder="0.0800")
    message_id_mode = choice_field("Message ids", _IDS, initial="same")
    long_message = choice_field("Long messages", _LONG, initial="udh8")
    source_ton = choice_field("Source TON", _TON, required=False)
    source_npi = choice_field("Source NPI", _NPI, required=False)
    dest_ton = choice_field("Destination TON", _TON, required=False)
    dest_npi = choice_field("Destination NPI", _NPI, required=False)
    http_settings = long_text_field(
        "Settings of an HTTP route, as JSON", required=False,
        placeholder='{"url": "https://api.example/send", "method": "POST"}',
        help_text="The fields are in docs/reference/channels/sms-http.md.",
    )  # fmt: skip
    tag_pe = text_field("DLT tag: PE ID", required=False, placeholder="0x1400")
    tag_template = text_field("DLT tag: template", required=False, placeholder="0x1401")
    tag_tm = text_field("DLT tag: telemarketer", required=False, placeholder="0x1402")

    def __init__(self, *args: Any, known: RouteRow | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        if known is not None:
            for name in ("name", "channel", "protocol"):
                del self.fields[name]
            if known.channel == "sms":
                other = _SMPP_ONLY if known.dialect in HTTP_DIALECTS else ("http_settings",)
                for name in other:
                    del self.fields[name]
            if known.has_password:
                self.fields["password"].help_text = "One is kept, encrypted. Empty: it stays."

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """The tabs with their fields."""
        return [
            {
                "slug": slug,
                "title": title,
                "fields": [self[name] for name in names if name in self.fields],
                "faulty": any(self[name].errors for name in names if name in self.fields),
            }
            for slug, title, names in _TABS
            if any(name in self.fields for name in names)
        ]


_TABS: Final = (
    (
        "gateway", "Gateway",
        ("name", "channel", "protocol", "label", "host", "port", "tls", "active"),
    ),
    ("credentials", "Credentials", ("system_id", "password", "system_type")),
    ("limits", "Binds and limits", ("bind_type", "binds", "window_size", "tps", "cost")),
    (
        "accent", "The carrier's accent",
        ("default_sender", "message_id_mode", "long_message", *_NUMBERS),
    ),
    ("http", "HTTP", ("http_settings",)),
    ("dlt", "DLT", tuple(_TAGS)),
)  # fmt: skip


#: fields of which an HTTP route has none.
_SMPP_ONLY: Final = (
    "system_type", "tls", "bind_type", "binds", "message_id_mode", "long_message", *_NUMBERS,
    *_TAGS,
)  # fmt: skip


def initial(known: RouteRow, settings: dict[str, Any]) -> dict[str, Any]:
    """A route's values as the form shows them."""
    same = (
        "label", "active", "host", "port", "system_id", "system_type", "bind_type", "binds",
        "window_size", "tps", "default_sender", "message_id_mode",
    )  # fmt: skip
    found: dict[str, Any] = {name: getattr(known, name) for name in same}
    found["cost"] = money.show(known.cost_micro) if known.cost_micro else ""
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


def _common(given: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    names = (
        "label", "active", "host", "system_id", "system_type", "bind_type", "binds",
        "window_size", "tps", "default_sender", "message_id_mode",
    )  # fmt: skip
    found = {name: given[name] for name in names if name in given}
    found["port"] = given["port"] or 0
    found["cost_micro"] = billing_check.amount(given["cost"]) if given["cost"] else 0
    http = given.get("protocol", "smpp") in HTTP_DIALECTS or "long_message" not in given
    found["settings"] = _document(given["http_settings"]) if http else _settings(given, before)
    return found


def as_new(given: dict[str, Any]) -> NewRoute:
    """The form as a new route."""
    if given["channel"] != "sms":
        found = _common(given, {}) | {"settings": {}}
        return NewRoute(
            name=given["name"], channel=given["channel"], dialect=given["channel"], **found
        )
    return NewRoute(
        name=given["name"], channel=given["channel"], dialect=given["protocol"],
        password=given["password"], **_common(given, {}),
    )  # fmt: skip


def as_changes(given: dict[str, Any], before: dict[str, Any]) -> RouteChanges:
    """The form as changes; an empty password leaves the kept one."""
    return RouteChanges(password=given["password"] or None, **_common(given, before))
