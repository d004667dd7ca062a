"""The settings of an SMS route: how this carrier wants addresses, long messages and DLT TLVs.

Carriers differ in details and never in kind, so an accent is a value here, never a subclass.
"""

import ssl
from typing import Annotated, Literal

import msgspec

from cpaas.channels.base import RouteSettingsError
from cpaas.channels.sms.dlt_codes import FOUR_HUNDREDS
from cpaas.smpp.receipt import MessageIdMode
from cpaas.snapshot.types import Route

Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
Tag = Annotated[int, msgspec.Meta(ge=0x0000, le=0xFFFF)]
VendorTag = Annotated[int, msgspec.Meta(ge=0x1400, le=0x3FFF)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=86_400)]

ID_MODES: dict[str, MessageIdMode] = {
    "same": MessageIdMode.SAME,
    "hex_to_dec": MessageIdMode.RESP_HEX_DLR_DEC,
    "dec_to_hex": MessageIdMode.RESP_DEC_DLR_HEX,
}


class DltTag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One DLT TLV: which tag carries which of the message's DLT fields, and how it is written."""

    tag: Tag
    type: Literal["octets", "cstring"] = "octets"
    max_length: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64


def _dlt_tags() -> dict[str, DltTag]:
    return {"pe_id": DltTag(0x1400), "template_id": DltTag(0x1401), "tm_id": DltTag(0x1402)}


class SmsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document `route.settings`; every field has the value that most carriers want.

    None for a TON or NPI means: by the form of the address. gsm_charset: what data_coding 0 means
    to this carrier. bind_tps: segments a second on one bind, 0 = the route's rate alone. dlt: field
    of the message's DLT data -> TLV; an empty table sends none. dlt_chain, dlt_tm_id: see
    `dlt_chain.chained`. dlt_dialect: whose codes its receipts carry. pass_tlvs: tags of vendor TLVs
    that go on as a customer's ESME gave them.
    """

    source_ton: Byte | None = None
    source_npi: Byte | None = None
    dest_ton: Byte | None = None
    dest_npi: Byte | None = None
    plus: bool = False
    service_type: Annotated[str, msgspec.Meta(max_length=5)] = ""
    long_message: Literal["udh8", "udh16", "sar", "payload"] = "udh8"
    gsm_charset: Literal["gsm", "latin1"] = "gsm"
    registered_delivery: Byte | None = None
    send_validity: bool = True
    dlt: dict[str, DltTag] = msgspec.field(default_factory=_dlt_tags)
    dlt_chain: Literal["as_given", "ids", "hash"] = "as_given"
    dlt_tm_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    dlt_dialect: Literal["common", "4xx"] = "common"
    dlt_codes: dict[str, str] = {}
    pass_tlvs: tuple[VendorTag, ...] = ()
    addr_ton: Byte = 0
    addr_npi: Byte = 0
    bind_tps: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    address_range: Annotated[str, msgspec.Meta(max_length=40)] = ""
    response_timeout_seconds: Seconds = 60.0
    enquire_link_seconds: Seconds = 30.0
    connect_timeout_seconds: Seconds = 10.0
    tls: bool = False
    tls_verify: bool = True
    tls_ca_pem: str = ""


def scrub_codes(settings: SmsSettings) -> dict[str, str]:
    """The DLT codes of this route's carrier besides the common ones."""
    return (
        FOUR_HUNDREDS | settings.dlt_codes if settings.dlt_dialect == "4xx" else settings.dlt_codes
    )


def settings_of(route: Route) -> SmsSettings:
    """The route's settings; RouteSettingsError names the field that cannot be used."""
    try:
        return msgspec.convert(route.settings or {}, SmsSettings)
    except msgspec.ValidationError as error:
        raise RouteSettingsError(f"settings of route {route.name}: {error}") from error


def id_mode(route: Route) -> MessageIdMode:
    """How the ids of submit_sm_resp and of receipts relate at this carrier."""
    return ID_MODES.get(route.message_id_mode, MessageIdMode.SAME)


def tls_context(settings: SmsSettings) -> ssl.SSLContext | None:
    """The TLS context that the settings want, None for plain TCP."""
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cadata=settings.tls_ca_pem or None)
    except ssl.SSLError as error:
        raise RouteSettingsError(f"tls_ca_pem cannot be read: {error}") from error
    if not settings.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
