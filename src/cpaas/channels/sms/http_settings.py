"""The settings of an SMS route over HTTP: Kannel, Jasmin, or a template that says all itself."""

import re
import ssl
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from cpaas.channels.base import RouteSettingsError
from cpaas.channels.errors import CATALOGUE
from cpaas.channels.sms.dlt_codes import FOUR_HUNDREDS
from cpaas.kit.networks import Network
from cpaas.snapshot.types import Route

Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
Short = Annotated[str, msgspec.Meta(max_length=500)]
Name = Annotated[str, msgspec.Meta(max_length=100)]

#: what may stand in braces in a template's URL, headers and body.
PLACEHOLDERS: Final = frozenset(
    {
        "to", "to_plus", "from", "text", "id", "user", "password", "callback", "encoding",
        "coding", "hex", "segments", "validity_minutes", "validity_seconds", "pe_id",
        "template_id", "tm_id",
    }
)  # fmt: skip
PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all HTTP routes have in common.

    receipts_from: addresses or networks that may call the receipt address, none = all. dlt: field
    of the message's DLT data -> the carrier's name for it. idle_seconds: how long a connection is
    kept for the next message. probe_seconds: how often an idle carrier's port is tried.
    """

    tls: bool = False
    tls_verify: bool = True
    tls_ca_pem: str = ""
    receipts_from: list[Name] = []
    response_timeout_seconds: Seconds = 30.0
    connect_timeout_seconds: Seconds = 10.0
    idle_seconds: Seconds = 5.0
    probe_seconds: Seconds = 15.0
    send_validity: bool = True
    dlt_chain: Literal["as_given", "ids", "hash"] = "as_given"
    dlt_tm_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    dlt_dialect: Literal["common", "4xx"] = "common"
    dlt_codes: dict[str, str] = {}


class KannelSettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """Kannel's sendsms. long_message whole: Kannel cuts it (its user needs `concatenation`)."""

    path: Short = "/cgi-bin/sendsms"
    long_message: Literal["whole", "udh8", "udh16"] = "whole"
    dlr_mask: Annotated[int, msgspec.Meta(ge=0, le=31)] = 19
    smsc: Name = ""
    meta_group: Name = "smpp"
    dlt: dict[str, Name] = msgspec.field(
        default_factory=lambda: {"pe_id": "PE_ID", "template_id": "Template_ID", "tm_id": "TM_ID"}
    )


class JasminSettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """Jasmin's /send. dlr_level 3: its SMSC's answer (1) and the receipt (2)."""

    path: Short = "/send"
    method: Literal["GET", "POST"] = "POST"
    dlr_level: Literal[1, 2, 3] = 3
    dlr_method: Literal["GET", "POST"] = "POST"
    tags: Name = ""


class ErrorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer that means an error of ours; status 0 and match "" fit every answer."""

    code: str
    status: int = 0
    match: Short = ""


class ReceiptFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a callback says what: parameter names, or dotted paths in a JSON body.

    list: path of an array of receipts. states: the carrier's word, in any case -> our state.
    answer: what the carrier wants to read.
    """

    id: Name = "id"
    state: Name = "status"
    error: Name = ""
    to: Name = ""
    sender: Name = ""
    list: Name = ""
    states: dict[str, Literal["DELIVERED", "READ", "FAILED", "EXPIRED", "REJECTED", "ENROUTE"]] = {}
    answer: Short = "OK"


class TemplateSettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """Any gateway that takes a message by one GET or POST.

    url, headers, body: with {placeholders}. statuses: HTTP statuses of success, empty = 200 to
    299. success: a regular expression that the body of a success matches. id_path: dotted path of
    the id in a JSON answer, id_regex: its first group is the id; without both our {id} is it.
    coding: what {coding} is for GSM7, UCS2. errors: the first that fits decides.
    """

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] = ""
    method: Literal["GET", "POST", "PUT"] = "GET"
    headers: dict[str, Short] = {}
    body: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    statuses: list[int] = []
    success: Short = ""
    id_path: Name = ""
    id_regex: Short = ""
    coding: dict[str, Name] = {}
    errors: list[ErrorRule] = []
    receipt: ReceiptFields = ReceiptFields()


_BY_DIALECT: Final[dict[str, type[HttpSettings]]] = {
    "kannel": KannelSettings,
    "jasmin": JasminSettings,
    "template": TemplateSettings,
}


def read_settings(dialect: str, document: dict[str, Any] | None) -> HttpSettings:
    """The settings of a dialect. Errors: RouteSettingsError names the field."""
    try:
        found: HttpSettings = msgspec.convert(document or {}, _BY_DIALECT[dialect])
    except msgspec.ValidationError as error:
        raise RouteSettingsError(str(error)) from error
    allowed(found)
    if isinstance(found, TemplateSettings):
        _template(found)
    elif isinstance(found, KannelSettings | JasminSettings) and not found.path.startswith("/"):
        raise RouteSettingsError(f"path {found.path!r} does not begin with a slash")
    return found


def settings_of(route: Route) -> HttpSettings:
    """The settings of an HTTP route. Errors: RouteSettingsError."""
    try:
        return read_settings(route.dialect, route.settings)
    except RouteSettingsError as error:
        raise RouteSettingsError(f"settings of route {route.name}: {error}") from error


def allowed(settings: HttpSettings) -> tuple[Network, ...]:
    """The networks that may call the receipt address. Errors: RouteSettingsError."""
    try:
        return tuple(ip_network(one, strict=False) for one in settings.receipts_from)
    except ValueError as error:
        raise RouteSettingsError(f"receipts_from: {error}") from error


def codes_of(settings: HttpSettings) -> dict[str, str]:
    """The DLT codes of this route's carrier besides the common ones."""
    known = FOUR_HUNDREDS if settings.dlt_dialect == "4xx" else {}
    return known | settings.dlt_codes


def tls_of(settings: HttpSettings) -> ssl.SSLContext:
    """The TLS context for https addresses. Errors: RouteSettingsError."""
    try:
        context = ssl.create_default_context(cadata=settings.tls_ca_pem or None)
    except ssl.SSLError as error:
        raise RouteSettingsError(f"tls_ca_pem cannot be read: {error}") from error
    if not settings.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _template(found: TemplateSettings) -> None:
    plain = PLACEHOLDER.sub("x", found.url)
    try:
        parts = urlsplit(plain)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise RouteSettingsError(f"url: {error}") from error
    # The operator's own address, so a private one is none to guard against.
    if not known or not plain.isascii() or not plain.isprintable() or " " in plain:
        raise RouteSettingsError("url: write http:// or https://, a host and a path in ASCII")
    if "{" in found.url.partition("//")[2].partition("/")[0]:
        raise RouteSettingsError("url: the host stands there as it is, without placeholders")
    for field, text in (("url", found.url), ("body", found.body), *_headers(found.headers)):
        for name in PLACEHOLDER.findall(text):
            if name not in PLACEHOLDERS:
                raise RouteSettingsError(
                    f"{field}: there is no placeholder {{{name}}}; there are"
                    f" {', '.join(sorted(PLACEHOLDERS))}"
                )
    if found.body and found.method == "GET":
        raise RouteSettingsError("body: a GET has none; set method to POST")
    for field, expression in (("success", found.success), ("id_regex", found.id_regex)):
        compiled = _compiled(field, expression)
        if field == "id_regex" and expression and compiled.groups < 1:
            raise RouteSettingsError("id_regex: put the id in a group, such as id=(\\w+)")
    for number, rule in enumerate(found.errors):
        _compiled(f"errors[{number}].match", rule.match)
        if rule.code not in CATALOGUE:
            raise RouteSettingsError(
                f"errors[{number}].code: {rule.code!r} is none of {', '.join(CATALOGUE)}"
            )


def _headers(headers: dict[str, str]) -> list[tuple[str, str]]:
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not value.isascii() or "\n" in value:
            raise RouteSettingsError(f"headers: {name!r} is no header that can be sent")
    return [(f"headers.{name}", value) for name, value in headers.items()]


def _compiled(field: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise RouteSettingsError(f"{field}: this regular expression is none: {error}") from error
