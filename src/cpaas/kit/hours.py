"""Hours of the week as people write them, and whether a moment lies within them."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from cpaas.kit.errors import InputError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 1440
SPANS_MAX: Final = 20
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class Moment(msgspec.Struct, frozen=True):
    """A minute of the week in the platform's zone; weekday 0 = Monday."""

    weekday: int
    minute: int

    @property
    def text(self) -> str:
        """Such as "sat 22:10"."""
        return f"{DAYS[self.weekday]} {self.minute // 60:02}:{self.minute % 60:02}"


class Hours(msgspec.Struct, frozen=True):
    """Days (empty = every day) and spans of minutes in them (empty = the whole day).

    A span that ends before it begins goes past midnight and belongs to the day it begins on.
    """

    days: frozenset[int] = frozenset()
    spans: tuple[tuple[int, int], ...] = ()

    def within(self, moment: Moment) -> bool:
        """Whether the moment lies in these hours."""
        if not self.spans:
            return not self.days or moment.weekday in self.days
        yesterday = (moment.weekday - 1) % 7
        for start, end in self.spans:
            if end > start:
                if start <= moment.minute < end and self._on(moment.weekday):
                    return True
            elif (moment.minute >= start and self._on(moment.weekday)) or (
                moment.minute < end and self._on(yesterday)
            ):
                return True
        return False

    @property
    def text(self) -> str:
        """Such as "mon/tue 09:00-21:00"."""
        days = "/".join(DAYS[day] for day in sorted(self.days) if day < len(DAYS))
        spans = "/".join(f"{_clock(start)}-{_clock(end)}" for start, end in self.spans)
        text = " ".join(filter(None, (days, spans)))
        return text or ("never" if self.days else "always")

    def _on(self, weekday: int) -> bool:
        return not self.days or weekday in self.days


ALWAYS: Final = Hours()
#: stands where hours were unreadable.
NEVER: Final = Hours(frozenset({len(DAYS)}))


def moment_of(at_us: int, zone: str) -> Moment:
    """The minute of the week of Unix microseconds in a zone (IANA name)."""
    local = datetime.fromtimestamp(at_us / 1_000_000, ZoneInfo(zone))
    return Moment(local.weekday(), local.hour * 60 + local.minute)


def read(days: Sequence[str], spans: Sequence[str]) -> Hours:
    """Hours from "mon" or "mon-fri" and "09:00-21:00". Errors: InputError."""
    return Hours(
        frozenset(day for text in days for day in _days(text)),
        tuple(_span(text) for text in _few(spans)),
    )


def day_names(days: Sequence[str]) -> list[str]:
    """Each day by its name, in the week's order: "mon-wed" is mon, tue, wed."""
    return [DAYS[day] for day in sorted(read(days, ()).days)]


def _days(text: str) -> list[int]:
    first, dash, last = text.strip().lower().partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise InputError(f"{text!r} is no day", f"use {', '.join(DAYS)} or mon-fri", "days")
    start = DAYS.index(first)
    length = (DAYS.index(last) - start) % 7 if dash else 0
    return [(start + n) % 7 for n in range(length + 1)]


def _few(spans: Sequence[str]) -> Sequence[str]:
    if len(spans) > SPANS_MAX:
        raise InputError("these are too many hours", f"use at most {SPANS_MAX} spans", "hours")
    return spans


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"{text!r} are no hours", "write them like 09:00-21:00 or 21:00-09:00", "hours"
        )
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if end > DAY_MINUTES:
        raise InputError(f"{text!r} ends after midnight", "the last is 24:00", "hours")
    if start == end:
        raise InputError(f"{text!r} is empty", "leave the hours out for the whole day", "hours")
    return start, end


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
