"""Checks what somebody enters for a platform setting, and says what to write instead."""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from cpaas.accounts.check import email
from cpaas.kit.errors import InputError
from cpaas.settings.options import Option

EMAILS_MAX: Final = 20
DAYS_MIN: Final = 7
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_ON: Final = {"on": True, "true": True, "yes": True, "1": True}
_OFF: Final = {"off": False, "false": False, "no": False, "0": False}


def value(option: Option, text: str) -> Any:
    """The value that a text means. Errors: InputError naming the setting."""
    trimmed = text.strip() if option.kind != "secret" else text
    found: Any = _READ.get(option.kind, _text)(option, trimmed)
    if option.name in {"retention_days", "text_days"} and 0 < found < DAYS_MIN:
        raise _bad(option, text, f"it must be 0 or at least {DAYS_MIN} days")
    return found


def _bad(option: Option, text: str, todo: str) -> InputError:
    shown = "this" if option.kind == "secret" else repr(text)
    return InputError(f"{shown} cannot be {option.label}", todo, option.name)


def _text(option: Option, text: str) -> str:
    most = option.maximum or 200
    if len(text) > most or not text.isprintable():
        raise _bad(option, text[:60], f"use up to {most} printable characters")
    return text


def _number(option: Option, text: str) -> int:
    low, high = option.minimum or 0, option.maximum or 2**31 - 1
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise _bad(option, text, f"write a whole number from {low} to {high}")
    return int(text)


def _choice(option: Option, text: str) -> str:
    allowed = [one for one, _ in option.choices]
    if text not in allowed:
        raise _bad(option, text, "it is one of " + ", ".join(allowed))
    return text


def _switch(option: Option, text: str) -> bool:
    known = (_ON | _OFF).get(text.lower())
    if known is None:
        raise _bad(option, text, "it is on or off")
    return known


def _zone(option: Option, text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise _bad(option, text, "write an IANA time zone such as Asia/Kolkata") from None
    return text


def _currency(option: Option, text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise _bad(option, text, "write three capital letters such as INR")
    return text


def _email(option: Option, text: str) -> str:
    if text == option.default:
        return text
    try:
        return email(text)
    except InputError as error:
        raise InputError(error.what, error.todo, option.name) from None


def _emails(option: Option, text: str) -> str:
    found = [_email(option, one) for one in text.replace(",", " ").replace(";", " ").split()]
    if len(found) > EMAILS_MAX:
        raise _bad(option, f"{len(found)} addresses", f"write up to {EMAILS_MAX}")
    return ", ".join(dict.fromkeys(found))


def _url(option: Option, text: str) -> str:
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or len(text) > 2000 or not text.isprintable() or " " in text:
        raise _bad(option, text[:60], "write a URL that begins with http:// or https://")
    return text


def _host(option: Option, text: str) -> str:
    if not text or _HOST.fullmatch(text):
        return _text(option, text)
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise _bad(option, text[:60], "write a name or an address, without a port") from None


_READ: Final[dict[str, Callable[[Option, str], Any]]] = {
    "int": _number, "choice": _choice, "switch": _switch, "zone": _zone, "currency": _currency,
    "email": _email, "emails": _emails, "url": _url, "host": _host,
}  # fmt: skip
