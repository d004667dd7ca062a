"""Money, counts, shares, times and spans as people read them; times in the reader's zone."""

import zoneinfo
from datetime import datetime
from typing import Final

from cpaas.kit import money

_SIGNS: Final = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
DASH: Final = "—"


def amount(micro: int, currency: str) -> str:
    """Money with its sign and 4 decimals: ₹1,234.5000, −₹0.1200."""
    sign = _SIGNS.get(currency, f"{currency} ")
    whole, _, fraction = money.show(abs(micro)).partition(".")
    minus = "−" if micro < 0 else ""
    return f"{minus}{sign}{int(whole):,}.{fraction}"


def count(number: int) -> str:
    """Thousands with commas."""
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """A percentage with one decimal; a dash where there is no whole."""
    return f"{100 * part / whole:.1f}%" if whole else DASH


def moment(micros: int, zone: str) -> datetime:
    """Unix microseconds as a time in a zone."""
    return datetime.fromtimestamp(micros / 1_000_000, zoneinfo.ZoneInfo(zone))


def clock(micros: int | None, zone: str) -> str:
    """HH:MM:SS.mmm, for timelines."""
    if micros is None:
        return DASH
    return moment(micros, zone).strftime("%H:%M:%S.%f")[:-3]


def when(micros: int | None, zone: str, now: datetime) -> str:
    """HH:MM today; with the day otherwise, and with the year when it is another one."""
    if micros is None:
        return DASH
    at = moment(micros, zone)
    today = now.astimezone(at.tzinfo)
    if at.date() == today.date():
        return at.strftime("%H:%M")
    if at.year == today.year:
        return at.strftime("%d %b %H:%M").lstrip("0")
    return at.strftime("%d %b %Y %H:%M").lstrip("0")


def span(micros: int) -> str:
    """A length of time: 38 ms, 1.13 s, 4 min 12 s, 3 h 20 min, 6 d 4 h."""
    if micros < 1_000_000:
        return f"{micros // 1000} ms"
    seconds = micros / 1_000_000
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = int(seconds)
    for size, unit, lower, smaller in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (
        60, "min", 1, "s",
    )):  # fmt: skip
        if whole >= size:
            rest = whole % size // lower
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def masked(number: str) -> str:
    """A phone number with its middle hidden: +91 987•• •••10 becomes 91987•••••10."""
    digits = number.removeprefix("+")
    if len(digits) < 7:
        return "•" * len(digits)
    return f"+{digits[:5]}{'•' * (len(digits) - 7)}{digits[-2:]}"
