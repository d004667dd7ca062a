"""Pure checks of routing rules; each refusal says what to write instead."""

import re
from typing import Final, TypeVar

import msgspec
from phonenumbers import SUPPORTED_REGIONS

from cpaas.kit.errors import InputError
from cpaas.kit.hours import day_names, read
from cpaas.messages.envelopes import LANES
from cpaas.routes.check import channel
from cpaas.routes.types import NewRule, RuleChanges

PRIORITY_MAX: Final = 1_000_000
CONDITIONS_MAX: Final = 1_000
NAME_CHARS_MAX: Final = 64
_PREFIX: Final = re.compile(r"\d{1,15}")
_Wanted = TypeVar("_Wanted", NewRule, RuleChanges)


def new_rule(rule: NewRule) -> NewRule:
    """A rule in normal form: prefixes without plus, countries in capitals, days by name."""
    channel(rule.channel)
    return _conditions(rule)


def changes(wanted: RuleChanges) -> RuleChanges:
    """Changes in normal form."""
    return _conditions(wanted)


def _conditions(rule: _Wanted) -> _Wanted:
    if rule.priority is not None and not 0 <= rule.priority <= PRIORITY_MAX:
        raise InputError(
            f"priority {rule.priority} is out of range",
            f"use 0 to {PRIORITY_MAX}; the lower number goes first",
            "priority",
        )
    for field in ("prefixes", "countries", "senders", "templates"):
        if len(getattr(rule, field) or ()) > CONDITIONS_MAX:
            raise InputError(
                "the rule has too many conditions", f"use at most {CONDITIONS_MAX} of a kind", field
            )
    for lane in rule.lanes or ():
        if lane not in LANES:
            raise InputError(
                f"{lane!r} is no traffic class", f"use one of {', '.join(LANES)}", "lanes"
            )
    for field in ("senders", "templates"):
        for name in getattr(rule, field) or ():
            _name(field, name)
    read((), rule.hours or ())
    return msgspec.structs.replace(
        rule,
        prefixes=None if rule.prefixes is None else [_prefix(one) for one in rule.prefixes],
        countries=None if rule.countries is None else [_country(one) for one in rule.countries],
        days=None if rule.days is None else day_names(rule.days),
    )


def _prefix(text: str) -> str:
    prefix = text.strip().removeprefix("+")
    if not _PREFIX.fullmatch(prefix):
        raise InputError(f"{prefix!r} is no prefix", "use digits such as 91 or +4915", "prefixes")
    return prefix


def _country(text: str) -> str:
    country = text.strip().upper()
    if country not in SUPPORTED_REGIONS:
        raise InputError(
            f"{text!r} is no country", "use its two letters of ISO 3166, such as IN", "countries"
        )
    return country


def _name(field: str, text: str) -> None:
    if not text or len(text) > NAME_CHARS_MAX or not text.isprintable():
        raise InputError(
            f"{text!r} cannot be one of the {field}",
            f"use 1 to {NAME_CHARS_MAX} printable characters",
            field,
        )
