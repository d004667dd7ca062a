"""What a route of each kind may say beside the common fields, as a form and as its settings.

What is left at its default is not stored, so that a route follows the defaults of later versions.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from django import forms
from django.core.validators import RegexValidator

from cpaas.channels.rcs.config import HUBS, RcsSettings
from cpaas.channels.voice.config import CallsSettings, SipSettings
from cpaas.channels.whatsapp.config import WhatsappSettings
from cpaas.consoles.shared.fields import choice_field, number_field, switch_field, text_field
from cpaas.kit.errors import InputError

#: the kinds of routes: what they are called, their channel and their dialect.
KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "smpp": ("SMPP", "sms", "smpp"),
    "kannel": ("HTTP: Kannel (sendsms)", "sms", "kannel"),
    "jasmin": ("HTTP: Jasmin (/send)", "sms", "jasmin"),
    "template": ("HTTP: by a template", "sms", "template"),
    "whatsapp": ("Meta Cloud API", "whatsapp", "cloud"),
    "rcs": ("RCS hub", "rcs", "rcs"),
    "sip": ("SIP trunk", "voice", "sip"),
    "calls": ("Calls API", "voice", "http"),
}
#: those whose carriers call us back.
CALLED_BACK: Final = frozenset({"kannel", "jasmin", "template", "whatsapp", "rcs", "calls"})


def kind_of(channel: str, dialect: str) -> str:
    """Which kind a stored route is."""
    if channel in ("whatsapp", "rcs"):
        return channel
    for kind, (_, its_channel, its_dialect) in KINDS.items():
        if (its_channel, its_dialect) == (channel, dialect):
            return kind
    return "smpp" if channel == "sms" else "sip"


class Setting(msgspec.Struct, frozen=True):
    """One setting: its key in the document, its field, and how the two are translated."""

    key: str
    field: Callable[[], forms.Field]
    read: Callable[[Any], object] = lambda given: given
    show: Callable[[Any], Any] = lambda stored: stored


#: what a text must look like, and how that is said.
_URL: Final = (r"https?://[^\s/]+\S*", "Write it whole, such as https://api.example.net.")
_NAME: Final = (r"[A-Za-z0-9._~+-]*", "Only letters, digits and . _ ~ + - can stand here.")
_ADDRESS: Final = (r"[A-Za-z0-9.:_-]*", "Write an address or an interface, such as eth0.")
_SOCKET: Final = (r"[0-9a-fA-F.:\[\]]*", "Write address:port, such as 192.0.2.1:5080.")
_FILE: Final = (r"/\S*", "Write the whole path, such as /etc/ssl/carrier.pem.")
_WORD: Final = (r"[A-Za-z0-9.-]+", "Only letters, digits, dots and dashes can stand here.")


def _text(
    key: str, label: str, help_text: str = "", shape: tuple[str, str] | None = None,
    **attributes: Any,
) -> Setting:  # fmt: skip
    def made() -> forms.Field:
        field = text_field(
            label, required=False, help_text=help_text, max_length=500, spellcheck="false",
            **attributes,
        )  # fmt: skip
        if shape is not None:
            field.validators.append(RegexValidator(rf"\A(?:{shape[0]})\Z", shape[1]))
        return field

    return Setting(key, made, lambda given: str(given).strip())


def _switch(key: str, label: str, help_text: str = "") -> Setting:
    return Setting(key, lambda: switch_field(label, help_text=help_text))


def _number(key: str, label: str, least: int, most: int, help_text: str = "") -> Setting:
    """A whole number; left empty it is the default."""
    return Setting(
        key,
        lambda: number_field(label, required=False, least=least, most=most, help_text=help_text),
        show=lambda stored: int(stored) if float(stored).is_integer() else stored,
    )


def _choice(key: str, label: str, choices: Any, help_text: str = "") -> Setting:
    return Setting(key, lambda: choice_field(label, choices, help_text=help_text, required=False))


def _words(given: Any) -> list[str]:
    return str(given).replace(",", " ").split()


def _numbers(given: Any) -> list[int]:
    found = _words(given)
    for one in found:
        if not one.isdecimal():
            raise InputError(f"{one!r} is no number", "write them like 409, 412", "settings")
    return [int(one) for one in found]


def _pairs(given: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in _words(given):
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise InputError(
                f"{one!r} is no name and value", "write it like sendGipLink=false", "settings"
            )
        found[name] = value
    return found


def _joined(stored: Any) -> str:
    return ", ".join(str(one) for one in stored)


_RING: Final = _number("ring_seconds", "Ring for", 5, 180, "Seconds; then it counts as no answer.")
_URL_HELP: Final = "Empty: the hub's own."
#: kind -> (title of its tab, the document's type, its settings).
SETTINGS: Final[dict[str, tuple[str, type[msgspec.Struct], tuple[Setting, ...]]]] = {
    "whatsapp": (
        "Cloud API",
        WhatsappSettings,
        (
            _text("base_url", "Base URL", shape=_URL, inputmode="url"),
            _text("version", "Version", shape=(r"v\d{1,3}\.\d", "Write it like v23.0.")),
            _switch("upload_media", "Upload files", "Off: Meta fetches each link itself."),
            _text("verify_token", "Verify token", "What Meta repeats when the webhook is set up."),
            _number("answer_seconds", "Wait for an answer", 1, 3600, "Seconds."),
            _number("pause_seconds", "Pause of a refused number", 1, 3600, "Seconds."),
        ),
    ),
    "rcs": (
        "RCS hub",
        RcsSettings,
        (
            _choice("hub", "Hub", [(one, one.capitalize()) for one in HUBS]),
            _text("token_url", "Token URL", _URL_HELP, _URL, inputmode="url"),
            _text("api_url", "API URL", _URL_HELP, _URL, inputmode="url"),
            _text(
                "directory_url", "Template directory URL",
                f"{_URL_HELP} Without one templates are approved in its portal.", _URL,
                inputmode="url",
            ),
            _choice(
                "capability", "Capability check",
                (("ask", "Ask before sending, and remember"), ("send", "The hub looks when sent"),
                 ("off", "None")),
            ),
            _number("capable_seconds", "Remember a capable handset", 0, 2_592_000, "Seconds."),
            _number("not_capable_seconds", "Remember one that is not", 0, 2_592_000, "Seconds."),
            _switch("send_ttl", "Send the validity as TTL"),
            _number("ttl_seconds_max", "Longest TTL", 10, 1_296_000, "Seconds."),
            _switch(
                "conversation_only", "Free content in conversations only",
                "What is no template goes only to who wrote within a day.",
            ),
            _choice(
                "template_use_case", "Use case of templates",
                [("", "Not told"), *((x, x) for x in ("Transactional", "Promotional", "OTP"))],
            ),
            Setting(
                "query", lambda: text_field("Sent with each message", required=False,
                                            help_text="Such as sendGipLink=false."),
                _pairs, lambda stored: ", ".join(f"{k}={v}" for k, v in stored.items()),
            ),
            Setting(
                "duplicate_statuses",
                lambda: text_field("HTTP status of a duplicate", required=False),
                _numbers, _joined,
            ),
            _number("token_seconds", "Life of a token", 60, 86_400, "Seconds, if not told."),
            _number("response_timeout_seconds", "Wait for an answer", 1, 3600, "Seconds."),
            Setting(
                "callback_networks",
                lambda: text_field(
                    "Who may call the webhook", required=False, placeholder="203.0.113.0/24",
                    help_text="Addresses or networks; empty: who knows its secret path.",
                ),
                _words, _joined,
            ),
        ),
    ),
    "sip": (
        "SIP trunk",
        SipSettings,
        (
            _choice(
                "transport", "Signalling over", (("udp", "UDP"), ("tcp", "TCP"), ("tls", "TLS"))
            ),
            _choice(
                "srtp", "Encrypted sound (SRTP)",
                (("off", "No"), ("offer", "Offered"), ("require", "Required")),
                "Its keys travel with the signalling: over TLS only.",
            ),
            _switch("verify", "Check the certificate", "TLS: the carrier's must be good."),
            _text("ca_file", "File of CAs", "TLS: on this machine. Empty: the system's.", _FILE),
            _choice(
                "caller", "Caller",
                (("sender", "The message's sender"), ("system_id", "Always the system ID")),
            ),
            Setting(
                "codecs",
                lambda: choice_field(
                    "Codecs",
                    (("pcma,pcmu", "PCMA, then PCMU"), ("pcmu,pcma", "PCMU, then PCMA"),
                     ("pcma", "PCMA only"), ("pcmu", "PCMU only")),
                    required=False, help_text="India and Europe use PCMA.",
                ),
                lambda given: str(given).split(","), ",".join,
            ),
            _switch("plus", "Dial with plus", "+919876543210 instead of 919876543210."),
            _switch("register", "Register"),
            _RING,
            _text("domain", "Domain", "Of our own address. Empty: the trunk's host.", _NAME),
            _text("auth_user", "User of the digest", "Empty: the system ID.", _NAME),
            _text("interface", "Leave from", "Address or interface of this machine.", _ADDRESS),
            _text("listen", "Listen on", "Our SIP socket, as address:port. Empty: any.", _SOCKET),
        ),
    ),
    "calls": (
        "Calls API",
        CallsSettings,
        (
            _text(
                "base_url", "Base URL", "SignalWire: https://SPACE.signalwire.com/api/laml",
                _URL, inputmode="url",
            ),
            _text("version", "Version", "Such as 2010-04-01.", _WORD),
            _RING,
            _number("timeout_seconds", "Wait for an answer", 1, 120, "Seconds."),
            _text(
                "callback_url", "Callback URL",
                "Where it reaches us from outside. Empty: CPAAS_CALLBACK_URL.", _URL,
                inputmode="url",
            ),
            _switch("verify", "Callbacks are signed", "With the auth token, as Twilio's are."),
        ),
    ),
}  # fmt: skip


def named(kind: str, setting: Setting) -> str:
    """The form's name of a setting."""
    return f"{kind}_{setting.key}"


def defaults(kind: str) -> dict[str, Any]:
    """A document of every setting at its default."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(SETTINGS[kind][1]()))
    return found


def fields(kind: str) -> dict[str, forms.Field]:
    """The fields of a kind, with its defaults filled in."""
    found: dict[str, forms.Field] = {}
    for one in SETTINGS[kind][2]:
        field = one.field()
        field.initial = one.show(defaults(kind)[one.key])
        found[named(kind, one)] = field
    return found


def shown(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    """A stored document as the form shows it."""
    whole = defaults(kind) | document
    return {named(kind, one): one.show(whole[one.key]) for one in SETTINGS[kind][2]}


def document(kind: str, given: dict[str, Any], before: dict[str, Any]) -> dict[str, object]:
    """What was entered, over what the form does not know. Errors: InputError at its field."""
    found: dict[str, object] = dict(before)
    usual = defaults(kind)
    for one in SETTINGS[kind][2]:
        name = named(kind, one)
        entered = given.get(name)
        found.pop(one.key, None)
        if entered in (None, ""):
            continue
        try:
            value = one.read(entered)
        except InputError as error:
            raise InputError(error.what, error.todo, name) from None
        if value != usual[one.key]:
            found[one.key] = value
    return found
