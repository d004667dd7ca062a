"""Pure checks of what people enter about accounts; API, consoles and command line share them."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from cpaas.accounts.types import Changes
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import password_fault

NAME_MAX: Final = 64
ALLOWED_IPS_MAX: Final = 200
TPS_MAX: Final = 100_000
DAILY_CAP_MAX: Final = 10**12

_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE: Final = re.compile(r"(\+?[0-9][0-9 ()-]{5,30})?")
_PE_ID: Final = re.compile(r"[0-9]{19}")
_CHAIN: Final = re.compile(r"[0-9]{19}(,[0-9]{19}){0,9}|[0-9a-fA-F]{64}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


def account_name(name: str) -> str:
    """The name, trimmed; InputError unless it is 1 to 64 printable characters."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= NAME_MAX or not trimmed.isprintable():
        raise InputError(
            f"{name!r} is no name for an account", f"use 1 to {NAME_MAX} printable characters",
            "name",
        )  # fmt: skip
    return trimmed


def username(value: str) -> str:
    """The username; InputError unless letters, digits and . _ @ + - make it up."""
    if not _USERNAME.fullmatch(value):
        raise InputError(
            f"{value!r} is no username",
            "use 1 to 64 letters, digits, dots, dashes, underscores, @ or +, no space",
            "username",
        )
    return value


def email(value: str) -> str:
    """The address, trimmed; empty is allowed."""
    trimmed = value.strip()
    fits = len(trimmed) <= 254 and trimmed.isprintable() and _EMAIL.fullmatch(trimmed)
    if trimmed and not fits:
        raise InputError(f"{value!r} is no email address", "write it like ann@example.com", "email")
    return trimmed


def phone(value: str) -> str:
    """A person's phone number, trimmed; empty is allowed."""
    trimmed = value.strip()
    if not _PHONE.fullmatch(trimmed):
        raise InputError(f"{value!r} is no phone number", "write it like +919876543210", "phone")
    return trimmed


def password(value: str, names: Iterable[str] = ()) -> str:
    """The password; InputError with the reason when it is weak."""
    if fault := password_fault(value, names):
        raise InputError("this password is too weak", fault[0].lower() + fault[1:], "password")
    return value


def allowed_ips(values: Iterable[str]) -> list[str]:
    """Addresses and CIDR networks in their normal form, each once."""
    found: dict[str, None] = {}
    for value in values:
        try:
            network = ipaddress.ip_network(value.strip(), strict=False)
        except ValueError:
            raise InputError(
                f"{value!r} is no IP address or network",
                "write it like 203.0.113.7 or 203.0.113.0/24",
                "allowed_ips",
            ) from None
        alone = network.prefixlen == network.max_prefixlen
        found[str(network.network_address) if alone else str(network)] = None
    if len(found) > ALLOWED_IPS_MAX:
        raise InputError(
            f"{len(found)} addresses are too many", f"use networks; at most {ALLOWED_IPS_MAX}",
            "allowed_ips",
        )  # fmt: skip
    return list(found)


def countries(values: Iterable[str]) -> list[str]:
    """ISO 3166 codes in capitals, sorted, each once."""
    codes = sorted({value.strip().upper() for value in values})
    for code in codes:
        if not _COUNTRY.fullmatch(code):
            raise InputError(
                f"{code!r} is no country code", "use two letters such as IN or DE", "countries"
            )
    return codes


def _dlt(wanted: Changes) -> None:
    """India's DLT: "" removes an id; mode "" = enforce once there is a PE ID."""
    if wanted.dlt_mode not in (None, "", "off", "warn", "enforce"):
        raise InputError(
            f"{wanted.dlt_mode!r} is no DLT mode", "use off, warn or enforce", "dlt_mode"
        )
    if wanted.pe_id and not _PE_ID.fullmatch(wanted.pe_id):
        raise InputError(f"{wanted.pe_id!r} is no PE ID", "it has 19 digits", "pe_id")
    if wanted.tm_id and not _CHAIN.fullmatch(wanted.tm_id):
        raise InputError(
            f"{wanted.tm_id!r} is no chain of telemarketers",
            "write their ids (19 digits) with commas between, or the hash of 64 hex digits",
            "tm_id",
        )


def changes(wanted: Changes) -> Changes:
    """The changes in normal form; InputError names the first that cannot be."""
    if wanted.billing_mode not in (None, "prepaid", "postpaid"):
        raise InputError(
            f"{wanted.billing_mode!r} is no billing mode", "use prepaid or postpaid", "billing_mode"
        )
    for field, value, most in (
        ("tps", wanted.tps, TPS_MAX), ("daily_cap", wanted.daily_cap, DAILY_CAP_MAX)
    ):  # fmt: skip
        if value is not None and not 0 <= value <= most:
            raise InputError(
                f"{field} {value} is out of range", f"use 0 (no limit) to {most}", field
            )
    _dlt(wanted)
    return msgspec.structs.replace(
        wanted,
        allowed_ips=None if wanted.allowed_ips is None else allowed_ips(wanted.allowed_ips),
        countries=None if wanted.countries is None else countries(wanted.countries),
    )
