"""The settings of a Voice route: a SIP trunk (dialect "sip") or a Calls API (dialect "http")."""

import ssl
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from cpaas.channels.base import RouteSettingsError
from cpaas.channels.voice.frames import Srtp, Transport, Trunk
from cpaas.snapshot.types import Route

SIP: Literal["sip"] = "sip"
HTTP: Literal["http"] = "http"
SIP_PORT = 5060
SIPS_PORT = 5061
#: where systems keep the CAs that they believe.
CA_FILES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
RingSeconds = Annotated[int, msgspec.Meta(ge=5, le=180)]
Name = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9._~+-]*$")]
Codec = Literal["pcmu", "pcma"]

_Kind = TypeVar("_Kind")


class SipSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document `route.settings` of a SIP trunk.

    domain: of our own address, "" = the trunk's host. auth_user: for the digest challenge, "" = the
    system id. plus: whether numbers are dialled with their plus. caller: the message's sender, or
    the system id for every call. codecs: in this order; India and Europe use pcma. interface:
    address or interface that calls leave from. listen: "address:port" of our SIP socket.
    verify: TLS, whether the carrier's certificate must be good, by ca_file ("" = the system's CAs).
    srtp: whether sound is encrypted (SDES): "offer" talks in the clear where the carrier cannot.
    """

    transport: Transport = "udp"
    domain: Name = ""
    auth_user: Name = ""
    register: bool = False
    plus: bool = True
    caller: Literal["sender", "system_id"] = "sender"
    codecs: tuple[Codec, ...] = ("pcma", "pcmu")
    ring_seconds: RingSeconds = 45
    interface: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9.:_-]*$")] = ""
    listen: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[0-9a-fA-F.:\[\]]*$")] = ""
    verify: bool = True
    ca_file: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^(/[^\s]*)?$")] = ""
    srtp: Srtp = "off"

    def __post_init__(self) -> None:
        if self.srtp != "off" and self.transport != "tls":
            raise ValueError(
                "srtp needs the transport tls: its keys travel with the signalling - at `$.srtp`"
            )


class CallsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document `route.settings` of a Twilio-compatible Calls API.

    base_url: up to the version; SignalWire's is "https://SPACE.signalwire.com/api/laml". The system
    id is the account's sid. callback_url: where the provider reaches cpaas-voice from outside, ""
    = by the platform's setting. verify: whether callbacks must be signed with the auth token.
    """

    base_url: Annotated[str, msgspec.Meta(max_length=500, pattern=r"^https?://")] = (
        "https://api.twilio.com"
    )
    version: Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[A-Za-z0-9.-]+$")] = "2010-04-01"
    callback_url: Annotated[str, msgspec.Meta(max_length=500)] = ""
    verify: bool = True
    ring_seconds: RingSeconds = 45
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=120)] = 20.0


def sip_settings(route: Route) -> SipSettings:
    """A trunk's settings; RouteSettingsError names the field that cannot be used."""
    return _read(route, SipSettings)


def calls_settings(route: Route) -> CallsSettings:
    """A Calls API's settings; RouteSettingsError names the field that cannot be used."""
    return _read(route, CallsSettings)


def port_of(route: Route, settings: SipSettings) -> int:
    """The trunk's port: the usual one of its transport where none is named."""
    return route.port or (SIPS_PORT if settings.transport == "tls" else SIP_PORT)


def ca_file(settings: SipSettings) -> str:
    """Whom TLS believes; "" = nobody is looked at. Errors: RouteSettingsError."""
    if settings.transport != "tls" or not settings.verify:
        return ""
    if settings.ca_file:
        if not Path(settings.ca_file).is_file():
            raise RouteSettingsError(f"ca_file: there is no file {settings.ca_file} here")
        return settings.ca_file
    for one in (ssl.get_default_verify_paths().cafile, *CA_FILES):
        if one and Path(one).is_file():
            return one
    raise RouteSettingsError(
        "this system has no list of CAs: install ca-certificates, or name a ca_file"
    )


def trunk_of(route: Route, settings: SipSettings, password: str) -> Trunk:
    """What the worker must know of a route. Errors: RouteSettingsError."""
    return Trunk(
        route.host, port_of(route, settings), settings.transport, settings.domain or route.host,
        route.system_id, settings.auth_user or route.system_id, password, settings.codecs,
        settings.register, settings.interface, settings.listen, settings.srtp, ca_file(settings),
    )  # fmt: skip


def _read(route: Route, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.convert(route.settings or {}, kind)
    except msgspec.ValidationError as error:
        raise RouteSettingsError(f"settings of route {route.name}: {error}") from error
