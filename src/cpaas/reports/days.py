"""Days and hours of the platform's time zone as moments: what 'today' means on every screen."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cpaas.kit.errors import InputError


def read_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Errors: InputError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"{name[:60]!r} is not a time zone", "write an IANA name such as Asia/Kolkata"
        ) from None


def today(now: datetime, zone: str) -> date:
    """The day it is in the zone."""
    return now.astimezone(read_zone(zone)).date()


def begin_of(day: date, zone: str) -> datetime:
    """The moment at which a day begins in the zone, in UTC."""
    return datetime.combine(day, time(), read_zone(zone)).astimezone(UTC)


def full_hour(now: datetime, zone: str) -> datetime:
    """The beginning of the hour it is in the zone, in UTC."""
    local = now.astimezone(read_zone(zone))
    return local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)


def same_hour(hour: datetime, days_back: int, zone: str) -> datetime:
    """The same hour by the zone's clock so many days before, in UTC."""
    local = hour.astimezone(read_zone(zone))
    return (local - timedelta(days=days_back)).astimezone(UTC)


class Span(msgspec.Struct, frozen=True):
    """Whole days since <= day < until of a zone, and the moments at which they begin and end."""

    since: date
    until: date
    begin: datetime
    end: datetime
    zone: str


def span(since: date, until: date, zone: str) -> Span:
    """The days since <= day < until."""
    return Span(since, until, begin_of(since, zone), begin_of(until, zone), zone)


def span_of_today(now: datetime, zone: str, since: date | None = None) -> Span:
    """Today, or the days since `since` with today as the last."""
    day = today(now, zone)
    return span(since or day, day + timedelta(days=1), zone)
