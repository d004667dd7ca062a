"""Pure checks of amounts and prices that people enter."""

import re
from typing import Final

from cpaas.kit import money
from cpaas.kit.errors import InputError

#: a hundred million units: more is a slip of the keyboard.
AMOUNT_MICRO_MAX: Final = 10**8 * money.MICRO
#: channel -> the categories that have a price of their own; "" = the channel has one price.
CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "sms": ("",),
    "whatsapp": ("UIC", "MIC", "SIC", "AUTH", "AUTH_INT"),
    "rcs": ("",),
    "voice": ("minute", "call"),
}
#: Meta's template category -> the price category of the guide.
WHATSAPP_CATEGORIES: Final[dict[str, str]] = {
    "UTILITY": "UIC", "MARKETING": "MIC", "SERVICE": "SIC", "AUTHENTICATION": "AUTH",
    "AUTHENTICATION_INTERNATIONAL": "AUTH_INT",
}  # fmt: skip
LEDGER_KINDS: Final = ("DEBIT", "REFUND", "RESERVE", "CAPTURE", "CREDIT", "ADJUST")
_PREFIX: Final = re.compile(r"\d{0,15}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


def amount(text: str) -> int:
    """Micro-units of an entered amount, which may be negative."""
    try:
        micro = money.parse(text)
    except ValueError as error:
        raise InputError(
            str(error), "use a dot, no currency sign and no spaces", "amount"
        ) from None
    if abs(micro) > AMOUNT_MICRO_MAX:
        raise InputError(
            f"{text} is more than can be booked at once",
            f"book at most {money.show(AMOUNT_MICRO_MAX)}",
            "amount",
        )
    return micro


def positive(micro: int) -> int:
    """The amount; InputError unless it is above 0."""
    if micro <= 0:
        raise InputError(
            "this amount is not above 0", "take money away with `account debit`", "amount"
        )
    return micro


def price(micro: int) -> int:
    """The price; 0 is allowed, for it was asked for by hand."""
    if micro < 0:
        raise InputError("a price cannot be negative", "use 0 or more", "amount")
    return micro


def category(channel: str, value: str) -> str:
    """The category in its stored form; "Auth INT" and "auth-int" mean AUTH_INT."""
    if channel not in CATEGORIES:
        raise InputError(
            f"{channel!r} is no channel", f"use one of {', '.join(CATEGORIES)}", "channel"
        )
    known = CATEGORIES[channel]
    normal = re.sub(r"[ -]", "_", value.strip())
    for one in known:
        if normal.lower() == one.lower():
            return one
    if known == ("",):
        raise InputError(f"{channel} has no categories", "leave the category out", "category")
    raise InputError(
        f"{value!r} is no category of {channel}", f"use one of {', '.join(known)}", "category"
    )


def whatsapp_category(kind: str) -> str:
    """The price category of a template's category, or of SERVICE: free text in the window."""
    found = WHATSAPP_CATEGORIES.get(re.sub(r"[ -]", "_", kind.strip()).upper())
    if found is None:
        raise InputError(
            f"{kind!r} is no category of WhatsApp templates",
            f"use one of {', '.join(WHATSAPP_CATEGORIES)}", "category",
        )  # fmt: skip
    return found


def country(value: str) -> str:
    """ISO 3166 code in capitals; "" = every country."""
    code = value.strip().upper()
    if code and not _COUNTRY.fullmatch(code):
        raise InputError(
            f"{value!r} is no country code", "use two letters such as IN or DE", "country"
        )
    return code


def month(value: str) -> tuple[int, int]:
    """Year and month of a text such as 2026-11."""
    found = _MONTH.fullmatch(value.strip())
    if found is None or not 2000 <= int(found[1]) <= 2999:
        raise InputError(f"{value!r} is no month", "write it like 2026-11", "month")
    return int(found[1]), int(found[2])


def prefix(value: str) -> str:
    """The digits of a number's start, without plus; "" = every number."""
    digits = value.strip().removeprefix("+")
    if not _PREFIX.fullmatch(digits):
        raise InputError(f"{value!r} is no prefix", "use digits such as 91 or +4915", "prefix")
    return digits


def ledger_kind(value: str) -> str:
    """A kind of ledger entry in capitals."""
    kind = value.strip().upper()
    if kind not in LEDGER_KINDS:
        raise InputError(
            f"{value[:40]!r} is no kind of entry", f"use one of {', '.join(LEDGER_KINDS)}", "kind"
        )
    return kind
