"""SMPP's 16-character times, absolute and relative, and the dates inside receipts.

The caller hands the present moment in: this library has no clock.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone

_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([+\-R])", re.ASCII)
_RELATIVE_MAX = timedelta(days=31)
_OFFSET_QUARTERS_MAX = 48


def format_absolute(moment: datetime) -> str:
    """Write YYMMDDhhmmsstnnp in UTC, which every SMSC reads alike; the moment needs a zone."""
    if moment.tzinfo is None:
        raise ValueError("an SMPP time needs a time zone, this one has none")
    utc = moment.astimezone(UTC)
    return f"{utc:%y%m%d%H%M%S}{utc.microsecond // 100_000}00+"


def format_relative(delay: timedelta) -> str:
    """Write YYMMDDhhmmss000R; the delay is from 0 to 31 days, beyond that use an absolute time."""
    if delay < timedelta(0) or delay >= _RELATIVE_MAX:
        raise ValueError(f"a relative SMPP time is from 0 up to 31 days, not {delay}")
    minutes, seconds = divmod(delay.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"0000{delay.days:02}{hours:02}{minutes:02}{seconds:02}000R"


def parse_time(text: str, now: datetime) -> datetime | None:
    """Return the moment in UTC, None for the empty text (the SMSC's default)."""
    if not text:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an SMPP time (YYMMDDhhmmsstnnp)")
    year, month, day, hour, minute, second, tenths, quarters = map(int, match.groups()[:8])
    if match[9] == "R":
        later = _add_months(now, year * 12 + month)
        delay = timedelta(days=day, hours=hour, minutes=minute, seconds=second)
        return (later + delay).astimezone(UTC)
    if quarters > _OFFSET_QUARTERS_MAX:
        raise ValueError(f"{text!r}: a time zone of {quarters} quarter hours does not exist")
    offset = timedelta(minutes=15 * (quarters if match[9] == "+" else -quarters))
    try:
        local = datetime(
            2000 + year, month, day, hour, minute, second, tenths * 100_000, timezone(offset)
        )
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date: {error}") from None
    return local.astimezone(UTC)


def _add_months(moment: datetime, months: int) -> datetime:
    index = moment.month - 1 + months
    year, month = moment.year + index // 12, index % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def format_receipt_date(moment: datetime) -> str:
    """Write the 10 digits YYMMDDhhmm that receipts carry."""
    return f"{moment:%y%m%d%H%M}"


def parse_receipt_date(text: str) -> datetime | None:
    """Read 10 (YYMMDDhhmm), 12 (with seconds) or 14 digits (four-digit year), as UTC.

    None for anything else: a date that cannot be read must not cost the receipt.
    """
    patterns = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}
    pattern = patterns.get(len(text))
    if pattern is None or not text.isdecimal():
        return None
    try:
        return datetime.strptime(text, pattern).replace(tzinfo=UTC)
    except ValueError:
        return None
