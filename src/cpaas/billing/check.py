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
_PREFIX: Final = re.compile(r"\d{0,15}")


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
        raise InputError("this amount is not above 0", "use `adjust` to take money away", "amount")
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


def prefix(value: str) -> str:
    """The digits of a number's start, without plus; "" = every number."""
    digits = value.strip().removeprefix("+")
    if not _PREFIX.fullmatch(digits):
        raise InputError(f"{value!r} is no prefix", "use digits such as 91 or +4915", "prefix")
    return digits
