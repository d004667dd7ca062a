"""Turns the words of the environment and the file into values, or says what to write instead."""

import ipaddress
import typing
import zoneinfo
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ON, _OFF = {"on", "true", "yes", "1"}, {"off", "false", "no", "0"}


class Doc(msgspec.Struct, frozen=True):
    """What the reference page and an error message say about one option."""

    help: str
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None


def port(help_text: str) -> Doc:
    """What is said about a port."""
    return Doc(help_text, unit="port", minimum=1, maximum=65535)


class ConfigError(Exception):
    """A setting cannot be used: says which, what it holds and what is allowed."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


class Option(msgspec.Struct, frozen=True):
    """One row of the table of settings."""

    name: str
    env: str
    type: Any
    default: Any
    unit: str
    help: str
    minimum: int | None
    maximum: int | None


def parse(option: Option, source: str, value: Any) -> Any:
    """The value of an option, from a text or a TOML value. Errors: ConfigError."""
    if option.type is str:
        return _text(option, source, value)
    if option.type is bool:
        return _switch(source, value)
    if option.type is int:
        return _number(option, source, value)
    if option.type is Path:
        if not value:
            raise ConfigError(f"{source} is empty", "give a path, or leave it out")
        return Path(str(value))
    if typing.get_origin(option.type) is Literal:
        allowed = typing.get_args(option.type)
        if str(value).lower() not in allowed:
            raise _bad(source, value, "one of " + ", ".join(allowed))
        return str(value).lower()
    if chosen := _choices(option.type):
        return _several(source, value, chosen)
    return _networks(source, value)


def _choices(kind: Any) -> tuple[str, ...]:
    """The words that a list may hold; none: the type is no list of words."""
    inner = typing.get_args(kind)[0]
    return typing.get_args(inner) if typing.get_origin(inner) is Literal else ()


def _several(source: str, value: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value).replace(",", " ").split()
    words = {str(part).lower() for part in parts}
    if not words or not words <= set(allowed):
        raise _bad(source, value, "one or more of " + ", ".join(allowed))
    return tuple(word for word in allowed if word in words)


def _bad(source: str, value: Any, allowed: str) -> ConfigError:
    return ConfigError(f"{source} is {value!r}", f"it must be {allowed}")


def _text(option: Option, source: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _bad(source, value, "a text")
    if option.name == "timezone" and not _is_zone(value):
        raise _bad(source, value, "an IANA time zone such as Asia/Kolkata")
    if option.name == "currency" and not (len(value) == 3 and value.isalpha() and value.isupper()):
        raise _bad(source, value, "three capital letters such as INR")
    schemes = {
        "external_dsn": ("postgresql", "postgres"),
        "portal_dsn": ("postgresql", "postgres"),
        "amqp_url": ("amqp", "amqps"),
        "smtp_url": ("smtp", "smtps"),
        "admin_public_url": ("https", "http"),
        "portal_public_url": ("https", "http"),
    }
    if value and option.name in schemes and urlsplit(value).scheme not in schemes[option.name]:
        # The value may hold a password, so only its beginning is told.
        allowed = f"a URL that begins with {schemes[option.name][0]}://"
        raise _bad(source, value.partition(":")[0] + ":…", allowed)
    return value


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def _switch(source: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _ON | _OFF:
        raise _bad(source, value, "on or off")
    return word in _ON


def _number(option: Option, source: str, value: Any) -> int:
    low = 0 if option.minimum is None else option.minimum
    limits = f"a whole number from {low}" + (f" to {option.maximum}" if option.maximum else "")
    try:
        number = int(str(value))
    except ValueError:
        raise _bad(source, value, limits) from None
    if number < low or (option.maximum is not None and number > option.maximum):
        raise _bad(source, value, limits)
    return number


def _networks(source: str, value: Any) -> tuple[Network, ...]:
    parts = value if isinstance(value, list) else str(value).replace(",", " ").split()
    try:
        return tuple(ipaddress.ip_network(str(part)) for part in parts)
    except ValueError as error:
        raise ConfigError(
            f"{source} is {value!r}: {error}",
            "give addresses or CIDR networks separated by commas, such as 10.0.0.0/8",
        ) from error


def with_login(dsn: str, user: str, password: str) -> str:
    """The same address with another login."""
    parts = urlsplit(dsn)
    address = parts.netloc.rpartition("@")[2]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{address}"))


def secret(path: Path, what: str) -> str:
    """The password in a file. Errors: ConfigError."""
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"the {what} password in {path} cannot be read: {error.strerror}",
            "run `cpaas up` once in this home, or set CPAAS_DSN",
        ) from error
