"""Pure checks of sender ids: what cannot be one, and what a country finds unusual.

The unusual never prevents request, approval or use; it is a warning that names the rule.
"""

import re
from collections.abc import Iterable
from typing import Final

from cpaas.kit.errors import InputError

CHANNELS: Final = ("sms", "voice")
REASON_MAX: Final = 500

_SENDER: Final = re.compile(r"[A-Za-z0-9]{3,11}")
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")
_PE_ID: Final = re.compile(r"\d{19}")
_SIX_LETTERS: Final = re.compile(r"[A-Za-z]{6}")
#: countries whose networks replace or drop senders with letters.
_NUMBERS_ONLY: Final = {
    "BR": "Brazil", "CA": "Canada", "CN": "China", "MX": "Mexico", "NZ": "New Zealand",
    "US": "the United States",
}  # fmt: skip
#: countries that carry a sender with letters only once it is registered there.
_REGISTERED: Final = {
    "AE": "the United Arab Emirates (TDRA)", "GB": "the United Kingdom (MEF registry)",
    "ID": "Indonesia", "LK": "Sri Lanka", "PH": "the Philippines", "SA": "Saudi Arabia (CST)",
    "SG": "Singapore (SSIR)", "TH": "Thailand", "TR": "Turkey", "VN": "Vietnam",
}  # fmt: skip


def channel(name: str) -> str:
    """A channel that has sender ids."""
    if name not in CHANNELS:
        raise InputError(
            f"{name!r} has no sender ids", f"use one of {', '.join(CHANNELS)}", "channel"
        )
    return name


def sender(value: str) -> str:
    """The sender id as entered; InputError unless 3 to 11 letters or digits, or a +number."""
    if not _SENDER.fullmatch(value) and not _NUMBER.fullmatch(value):
        raise InputError(
            f"{value!r} cannot be a sender",
            "use 3 to 11 letters or digits, or a whole number such as +919876543210",
            "value",
        )
    return value


def pe_id(value: str) -> str:
    """The Principal Entity ID; empty is allowed."""
    trimmed = value.strip()
    if trimmed and not _PE_ID.fullmatch(trimmed):
        raise InputError(f"{value!r} is no PE ID", "it has 19 digits", "pe_id")
    return trimmed


def warnings(value: str, countries: Iterable[str] = ()) -> list[str]:
    """What the countries' rules find unusual about a sender; empty when nothing.

    countries: where the account may send to; empty = India, whose rule is the strictest.
    """
    wanted = set(countries) or {"IN"}
    found = []
    digits = value.removeprefix("+").isdigit()
    if "IN" in wanted and not _SIX_LETTERS.fullmatch(value):
        found.append(
            "India (TRAI header rule): headers of digits are for promotional messages only."
            if digits
            else "India (TRAI header rule): a header has six letters; operators may refuse this."
        )
    if digits:
        return found
    found += [
        f"{name}: senders with letters are not carried; use a number."
        for code, name in _NUMBERS_ONLY.items()
        if code in wanted
    ]
    return found + [
        f"{name}: a sender with letters must be registered there first."
        for code, name in _REGISTERED.items()
        if code in wanted
    ]
