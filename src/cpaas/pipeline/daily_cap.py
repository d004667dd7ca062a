"""Holds accounts to their messages a day, without asking the database per message.

What this process accepted it counts itself; what others accepted, and what it did in an earlier
life, comes from the counters every few seconds. So one process is exact, and several together
may exceed a cap by what they accept between two looks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cpaas.pipeline import accept_queries as queries
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Account

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
#: minutes that may still get counts: a commit comes after its messages' ids.
OPEN_US: Final = 3 * MINUTE_US
DAYS_KEPT: Final = 3


class _Day(msgspec.Struct):
    """One day of the platform's zone. settled: what others accepted before the horizon."""

    start_us: int
    end_us: int
    horizon_us: int
    own: dict[int, int] = {}
    settled: dict[int, int] = {}
    recent: dict[int, int] = {}


class DailyCaps:
    """Counts what is accepted, and refuses what goes beyond an account's cap."""

    def __init__(self, instance_id: int) -> None:
        self._instance_id = instance_id
        self._zone = ""
        self._days: dict[int, _Day] = {}
        self._day = _Day(0, 0, 0)
        self._read = False
        #: whether an account was met that nobody has read about yet.
        self.stale = False

    def take(self, account: Account, messages: int, now_us: int, zone: str) -> None:
        """Count messages that are about to be stored. Errors: RefusedError."""
        day = self._day
        if not day.start_us <= now_us < day.end_us or zone != self._zone:
            day = self._turn(now_us, zone)
        own = day.own.get(account.id, 0)
        if account.daily_cap:
            self._check(day, account, own + messages, now_us)
        day.own[account.id] = own + messages

    def give_back(self, account_id: int, messages: int) -> None:
        """They were not stored after all."""
        own = self._day.own
        own[account_id] = max(0, own.get(account_id, 0) - messages)

    async def refresh(self, pool: Any, accounts: Iterable[Account], now_us: int, zone: str) -> None:
        """Read what others accepted today for accounts that have a cap."""
        day = self._turn(now_us, zone)
        capped = {account.id for account in accounts if account.daily_cap}
        known, new = sorted(capped & day.settled.keys()), sorted(capped - day.settled.keys())
        horizon = max(day.horizon_us, now_us - now_us % MINUTE_US - OPEN_US)
        folded = datetime.fromtimestamp(day.start_us / SECOND_US, _info(zone)).date()
        for ids, since_us, whole in (
            (known, day.horizon_us, None),
            (new, day.start_us, folded),
        ):
            if not ids:
                continue
            rows = await queries.accepted_by_others(
                pool, ids, since_us, day.end_us, horizon_us=horizon,
                instance_id=self._instance_id, folded=whole,
            )  # fmt: skip
            for one in ids:
                before, after = rows.get(one, (0, 0))
                day.settled[one] = day.settled.get(one, 0) + before
                day.recent[one] = after
        day.horizon_us = horizon
        self._read, self.stale = True, False

    def _check(self, day: _Day, account: Account, wanted: int, now_us: int) -> None:
        others = day.settled.get(account.id)
        if others is None:
            # Just given a cap, or the day has just begun: its own count stands alone for a second.
            if not self._read:
                raise RefusedError(
                    "unavailable", "The day's messages are not counted yet.", retry_after=1
                )
            self.stale, others = True, 0
        if wanted + others + day.recent.get(account.id, 0) > account.daily_cap:
            raise RefusedError(
                "daily_cap_reached",
                f"This account may send {account.daily_cap} messages a day; the next day of"
                f" {self._zone} begins when Retry-After is over.",
                retry_after=(day.end_us - now_us) // SECOND_US + 1,
            )

    def _turn(self, now_us: int, zone: str) -> _Day:
        """The day that a moment lies in; a clock that steps back finds the day before again."""
        if zone != self._zone:
            self._zone, self._days = zone, {}
        start_us, end_us = day_of(now_us, zone)
        self._day = self._days.setdefault(start_us, _Day(start_us, end_us, start_us))
        for old in sorted(self._days)[:-DAYS_KEPT]:
            if old != start_us:
                del self._days[old]
        return self._day


def day_of(now_us: int, zone: str) -> tuple[int, int]:
    """Begin and end (Unix microseconds) of the day of a time zone that a moment lies in."""
    info = _info(zone)
    moment = datetime.fromtimestamp(now_us / SECOND_US, info)
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    end = (start.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=info)
    return int(start.timestamp()) * SECOND_US, int(end.timestamp()) * SECOND_US


def _info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
