"""Pure checks of what somebody asks of a campaign, before any file is there."""

from typing import Final

import msgspec

from cpaas.campaigns.numbers import home_of
from cpaas.campaigns.pace import hours_of
from cpaas.campaigns.types import RECIPIENT, Content, Mapping, Pace
from cpaas.kit.errors import InputError
from cpaas.kit.zones import is_zone
from cpaas.messages.envelopes import CHANNELS
from cpaas.pipeline.check import AHEAD_US_MAX

NAME_CHARS_MAX: Final = 200
RATE_MAX: Final = 100_000
TEXT_CHARS_MAX: Final = 10_000


def name(text: str) -> str:
    """A campaign's name. Errors: InputError."""
    trimmed = " ".join(text.split())
    if not trimmed or len(trimmed) > NAME_CHARS_MAX or not trimmed.isprintable():
        raise InputError(
            "the campaign's name is empty, too long or not printable",
            f"give it 1 to {NAME_CHARS_MAX} characters", "name",
        )  # fmt: skip
    return trimmed


def content(wanted: Content) -> Content:
    """What can be known without the columns. Errors: InputError."""
    if wanted.channel not in CHANNELS:
        raise InputError(
            f"there is no channel {wanted.channel[:40]!r}", f"use one of {', '.join(CHANNELS)}",
            "channel",
        )  # fmt: skip
    if "\0" in wanted.text or len(wanted.text) > TEXT_CHARS_MAX:
        raise InputError(
            "the text is too long or contains a NUL character",
            f"use at most {TEXT_CHARS_MAX} characters", "text",
        )  # fmt: skip
    return wanted


def pace(wanted: Pace, now_us: int) -> Pace:
    """When and how fast. Errors: InputError."""
    if wanted.send_at_us is not None and wanted.send_at_us > now_us + AHEAD_US_MAX:
        raise InputError("send_at is more than 30 days ahead", "choose an earlier time", "send_at")
    if not 0 <= wanted.rate <= RATE_MAX:
        raise InputError(
            f"a rate of {wanted.rate} a second is none", f"use 1 to {RATE_MAX}, or 0 for no limit",
            "rate",
        )  # fmt: skip
    window = wanted.window
    try:
        hours_of(window)
    except InputError as error:
        raise InputError(error.what, error.todo, f"window.{error.field}") from None
    if window.zone and window.zone != RECIPIENT and not is_zone(window.zone):
        raise InputError(
            f"there is no time zone {window.zone[:40]!r}",
            "use a name such as Asia/Kolkata, or recipient for each one's own", "window.zone",
        )  # fmt: skip
    return wanted


def mapping(wanted: Mapping) -> Mapping:
    """How the file is read. Errors: InputError."""
    try:
        home_of(wanted.country)
    except InputError as error:
        raise InputError(error.what, error.todo, "mapping.country") from None
    if "\0" in wanted.number_column:
        raise InputError(
            "the column's name contains a NUL character", "name it by its number",
            "mapping.number_column",
        )  # fmt: skip
    return msgspec.structs.replace(wanted, country=wanted.country.upper())
