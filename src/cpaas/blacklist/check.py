"""Pure checks of the blacklist: what may stand in it, and whom an entry stops."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cpaas.blacklist.types import Stop
from cpaas.kit import phone
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import CHANNELS

OPT_OUT: Final = "opt_out"
EVERYBODY: Final = 0
REASON_CHARS_MAX: Final = 500
OTP: Final = "otp"
#: platform setting: whether an OTP reaches a recipient who only said STOP.
OTP_SETTING: Final = "opt_out_allows_otp"


def number(text: str) -> str:
    """The number with its plus; InputError with the precise reason when it is none."""
    try:
        return phone.read(text.strip(), test_allowed=True).e164
    except InputError as error:
        raise InputError(error.what, error.todo, "number") from None


def channel(name: str) -> str:
    """A channel, or "" for every one."""
    if name and name not in CHANNELS:
        raise InputError(
            f"there is no channel {name[:40]!r}",
            f"use one of {', '.join(CHANNELS)}, or leave it out for all",
            "channel",
        )
    return name


def reason(text: str) -> str:
    """Why a number is blocked; may be empty."""
    trimmed = text.strip()
    if len(trimmed) > REASON_CHARS_MAX or "\0" in trimmed:
        raise InputError(
            "the reason is too long or contains a NUL character",
            f"use at most {REASON_CHARS_MAX} characters",
            "reason",
        )
    return trimmed


def by_number(stops: Iterable[Sequence[object]]) -> dict[str, list[Stop]]:
    """The rows of `queries.look_up`, to be found by their number."""
    found: dict[str, list[Stop]] = {}
    for row in stops:
        stop = Stop(*row)  # type: ignore[arg-type]
        found.setdefault(stop.number, []).append(stop)
    return found


def is_blocked(
    stops: Iterable[Stop],
    account_id: int,
    channel_name: str,
    lane: str,
    settings: Mapping[str, object],
) -> bool:
    """Whether the entries of a number stop a message of this account, channel and lane to it."""
    otp_passes = lane == OTP and settings.get(OTP_SETTING) is True
    return any(
        stop.account_id in (EVERYBODY, account_id)
        and stop.channel in ("", channel_name)
        and not (otp_passes and stop.source == OPT_OUT)
        for stop in stops
    )
