"""Reads a search of the message log as a person or program wrote it. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast, get_args
from uuid import UUID

from cpaas.kit.errors import InputError
from cpaas.kit.ids import milliseconds
from cpaas.messages.statuses import TRANSITIONS
from cpaas.reports.days import begin_of, read_zone, today
from cpaas.reports.summary import check_period
from cpaas.reports.types import By, LogFilter

CHANNELS: Final = ("sms", "whatsapp", "rcs", "voice")
TEXT_CHARS_MAX: Final = 200
_NUMBER: Final = re.compile(r"\+?[0-9]{1,15}")
_SPACES: Final = re.compile(r"[\s().-]+")
_TESTS: Final[dict[str, bool | None]] = {"": False, "no": False, "yes": True, "all": None}


def read_filter(given: Mapping[str, str], now: datetime, zone: str) -> LogFilter:
    """The search in `given`; a day without a time begins and ends in the zone.

    Fields: from, to (a day or a time; default today), number (with * at its end: a beginning),
    id, provider_id, reference, channel, status, route, campaign, error, test (no, yes, all).
    Errors: InputError that names the field.
    """
    values = {name: _text(name, value) for name, value in given.items()}
    message_id = _id(values.get("id", ""))
    if message_id is None:
        since, until = read_span(values.get("from", ""), values.get("to", ""), now, zone)
    else:
        since = _accepted(message_id)
        until = since + timedelta(milliseconds=1)
    number, is_prefix = _number(values.get("number", ""))
    test = values.get("test", "").lower()
    if test not in _TESTS:
        raise InputError(f"test cannot be {test!r}", "use no, yes or all", "test")
    return LogFilter(
        since=since,
        until=until,
        message_id=message_id,
        recipient="" if is_prefix else number,
        recipient_prefix=number if is_prefix else "",
        provider_message_id=values.get("provider_id", ""),
        reference=values.get("reference", ""),
        channel=_one_of("channel", values.get("channel", "").lower(), CHANNELS),
        status=_one_of("status", values.get("status", "").upper(), tuple(TRANSITIONS)),
        error_code=values.get("error", ""),
        route_id=_whole("route", values.get("route", "")),
        campaign_id=_whole("campaign", values.get("campaign", "")),
        test=_TESTS[test],
    )


def read_span(first: str, last: str, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """since <= t < until; a last day is within. Default: today. Errors: InputError."""
    day = today(now, zone)
    since = _moment("from", first, zone) if first else begin_of(day, zone)
    if last:
        until = _moment("to", last, zone)
        if len(last) <= 10:
            local = until.astimezone(read_zone(zone)).date()
            until = begin_of(local + timedelta(days=1), zone)
    else:
        until = max(begin_of(day + timedelta(days=1), zone), since)
    if until <= since:
        raise InputError("the search ends before it begins", "swap from and to", "to")
    return since, until


def read_summary(given: Mapping[str, str], now: datetime, zone: str) -> tuple[date, date, By]:
    """since <= day < until and by, of from, to (days; default today) and by. Errors: InputError."""
    by = given.get("by", "channel")
    if by not in get_args(By):
        raise InputError(f"by cannot be {by[:20]!r}", f"use {', '.join(get_args(By))}", "by")
    now_day = today(now, zone)
    last = _day("to", given.get("to", ""), now_day)
    first = _day("from", given.get("from", ""), last)
    until = last + timedelta(days=1)
    check_period(first, until, cast("By", by))
    return first, until, cast("By", by)


def _day(name: str, text: str, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise InputError(f"{text[:40]!r} is no day", "write 2026-11-26", name) from None


def _text(name: str, value: str) -> str:
    value = value.strip()
    if len(value) > TEXT_CHARS_MAX:
        raise InputError(f"{name} is too long", f"use at most {TEXT_CHARS_MAX} characters", name)
    if "\0" in value:
        raise InputError(f"{name} contains a NUL character", "take it out", name)
    return value


def _moment(name: str, text: str, zone: str) -> datetime:
    try:
        if len(text) <= 10:
            return begin_of(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=read_zone(zone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            f"{text[:40]!r} is no day and no time",
            "write 2026-11-26 or 2026-11-26T14:30", name,
        ) from None  # fmt: skip


def _number(text: str) -> tuple[str, bool]:
    bare = _SPACES.sub("", text)
    is_prefix = bare.endswith("*")
    bare = bare.removesuffix("*")
    if not bare:
        return "", False
    if not _NUMBER.fullmatch(bare):
        raise InputError(
            f"{text[:40]!r} is no number",
            "write digits, such as +919876543210, or the beginning of a number and *", "number",
        )  # fmt: skip
    return f"+{bare.removeprefix('+')}", is_prefix


def _id(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InputError(
            f"{text[:40]!r} is no message id",
            "copy it whole; it has 36 characters", "id",
        ) from None  # fmt: skip


def _accepted(message_id: UUID) -> datetime:
    """The millisecond in an id; the beginning of time for an id that is none of ours."""
    try:
        return datetime.fromtimestamp(milliseconds(message_id) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value and value not in allowed:
        raise InputError(f"there is no {name} {value!r}", f"use {', '.join(allowed)}", name)
    return value


def _whole(name: str, text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise InputError(
            f"{name} {text[:40]!r} is no number of one", "choose it from the list", name
        )
    return int(text)
