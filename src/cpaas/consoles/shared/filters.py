"""A list's filters: text, choices and a range of days, kept in the address, so that they can be
bookmarked, saved under a name and sent to a colleague."""

import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, QueryDict

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.runtime import look, runtime, user_id

TODAY = "today"
PRESETS = (
    (TODAY, "Today"), ("yesterday", "Yesterday"), ("7d", "Last 7 days"), ("30d", "Last 30 days"),
    ("custom", "From … to …"),
)  # fmt: skip
DAYS_MAX = 366
TEXT_CHARS_MAX = 200


class Text(msgspec.Struct, frozen=True):
    """A search box."""

    name: str
    label: str
    placeholder: str = ""
    kind: str = "text"
    #: folded away until it is wanted.
    more: bool = False


class Choice(msgspec.Struct, frozen=True):
    """One of a list; the first entry means "any"."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    kind: str = "choice"
    more: bool = False


class Days(msgspec.Struct, frozen=True):
    """A range of days in the platform's zone, as Unix microseconds from … until before …"""

    preset: str
    first: date
    last: date
    from_us: int
    to_us: int

    @property
    def words(self) -> str:
        """The range in words."""
        named = dict(PRESETS).get(self.preset, "")
        if self.preset != "custom":
            return named
        return f"{self.first:%d %b %Y} to {self.last:%d %b %Y}"


def zone() -> zoneinfo.ZoneInfo:
    """The platform's zone: what "today" means."""
    return zoneinfo.ZoneInfo(runtime().settings.timezone)


def today() -> date:
    """Today, in the platform's zone."""
    return datetime.now(UTC).astimezone(zone()).date()


def midnight_us(day: date) -> int:
    """When a day begins in the platform's zone."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone()).timestamp() * 1_000_000)


def days(preset: str, first_text: str = "", last_text: str = "") -> Days:
    """The range; what cannot be read means today, and no range is longer than a year."""
    now = today()
    spans = {TODAY: (0, 0), "yesterday": (1, 1), "7d": (6, 0), "30d": (29, 0)}
    if preset == "custom":
        first, last = _day(first_text, now), _day(last_text, now)
        first, last = min(first, last), max(first, last)
        first = max(first, last - timedelta(days=DAYS_MAX))
    else:
        preset = preset if preset in spans else TODAY
        back, until = spans[preset]
        first, last = now - timedelta(days=back), now - timedelta(days=until)
    return Days(preset, first, last, midnight_us(first), midnight_us(last + timedelta(days=1)))


def _day(text: str, otherwise: date) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if 2000 <= found.year <= 2100 else otherwise


class Filters:
    """What a request asked for, and all that `console/filters.html` shows."""

    def __init__(
        self, request: HttpRequest, screen: str, fields: Sequence[Text | Choice], *,
        with_days: bool = True, usual_days: str = TODAY, given: QueryDict | None = None,
    ) -> None:  # fmt: skip
        """`given`: where the filters stand, if not in the address; `usual_days`: unless asked."""
        self._request = request
        self.screen = screen
        self.with_days = with_days
        self._usual_days = usual_days
        given = request.GET if given is None else given
        self.values: dict[str, str] = {}
        self.fields: list[dict[str, Any]] = []
        for field in fields:
            value = given.get(field.name, "").strip()[:TEXT_CHARS_MAX].replace("\0", "")
            if isinstance(field, Choice) and value not in {one for one, _ in field.options}:
                value = ""
            self.values[field.name] = value
            self.fields.append({"field": field, "value": value})
        self.days = days(given.get("days", usual_days), given.get("from", ""), given.get("to", ""))
        self.presets = PRESETS

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def first(self) -> list[dict[str, Any]]:
        """The fields that always show."""
        return [one for one in self.fields if not one["field"].more]

    @property
    def more(self) -> list[dict[str, Any]]:
        """The fields that are folded away."""
        return [one for one in self.fields if one["field"].more]

    @property
    def more_used(self) -> int:
        """How many of those are in use."""
        return sum(1 for one in self.more if one["value"])

    @property
    def active(self) -> bool:
        """Whether anything is filtered at all."""
        return any(self.values.values()) or (
            self.with_days and self.days.preset != self._usual_days
        )

    @property
    def query(self) -> str:
        """The filters as the address holds them, without the page."""
        kept = {name: value for name, value in self.values.items() if value}
        if self.with_days and self.days.preset != self._usual_days:
            kept["days"] = self.days.preset
            if self.days.preset == "custom":
                kept |= {"from": self.days.first.isoformat(), "to": self.days.last.isoformat()}
        return urlencode(kept)

    @property
    def words(self) -> str:
        """The filters in words, for an empty result."""
        said = [self.days.words] if self.with_days else []
        for one in self.fields:
            if one["value"]:
                options = dict(getattr(one["field"], "options", ()))
                shown = options.get(one["value"], one["value"])
                said.append(f"{one['field'].label}: {shown}")
        return " · ".join(said)

    @property
    def saved(self) -> list[dict[str, Any]]:
        """The reader's own views of this screen."""
        who = user_id(self._request)
        rows = look(self._request, lambda c: queries.saved_views(c, who, self.screen))
        return [
            {"id": view_id, "name": name, "query": query, "active": query == self.query}
            for view_id, name, query in rows
        ]
