"""The time zone of a phone number, by its leading digits.

Countries with several zones give mobile numbers no place; then the zone in the middle is taken.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

UNKNOWN: Final = "UTC"
#: a winter day: only the order of the zones is asked for.
_DAY: Final = datetime(2026, 1, 15)  # noqa: DTZ001 - the zone is what is put to it


def zone_of(digits: str) -> str:
    """The zone (IANA) of a number's digits without plus; "UTC" when none is known."""
    return _of_prefix(digits[:TIMEZONE_LONGEST_PREFIX])


@lru_cache(maxsize=20_000)
def _of_prefix(digits: str) -> str:
    for length in range(len(digits), 0, -1):
        zones = TIMEZONE_DATA.get(digits[:length])
        if zones:
            return _middle(tuple(zones))
    return UNKNOWN


@lru_cache(maxsize=2_000)
def _middle(zones: Sequence[str]) -> str:
    known = [zone for zone in zones if is_zone(zone)]
    if not known:
        return UNKNOWN
    known.sort(key=lambda zone: (_DAY.replace(tzinfo=ZoneInfo(zone)).utcoffset(), zone))
    return known[len(known) // 2]


@lru_cache(maxsize=1_000)
def is_zone(name: str) -> bool:
    """Whether this machine knows a zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
