"""Pure checks of identities: which fields each channel's senders have, and how they are written."""

import re
from typing import Final

from cpaas.identities.types import NewIdentity
from cpaas.kit.errors import InputError

#: channel -> (settings, secrets): the names that an identity of it has; those with * it must have.
FIELDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "whatsapp": (
        ("phone_number_id*", "waba_id*", "app_id", "tps", "daily_limit", "portfolio",
         "pair_seconds", "pair_burst", "template_tps"),
        ("access_token*", "app_secret*", "verify_token"),
    ),
    "rcs": (
        ("bot_id*", "brand", "directory_account", "tps"),
        ("client_id", "client_secret*", "directory_client_id", "directory_client_secret"),
    ),
}  # fmt: skip
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")
_BOT: Final = re.compile(r"[A-Za-z0-9_.@-]{3,64}")
TEXT_MAX: Final = 2000
LABEL_MAX: Final = 100


def new(wanted: NewIdentity) -> NewIdentity:
    """An identity whose every field can be used."""
    if wanted.channel not in FIELDS:
        raise InputError(
            f"{wanted.channel!r} has no identities", f"use one of {', '.join(FIELDS)}", "channel"
        )
    if wanted.channel == "whatsapp" and not _NUMBER.fullmatch(wanted.value):
        raise InputError(
            f"{wanted.value[:40]!r} is no WhatsApp number", "write it whole, such as +919876543210",
            "value",
        )  # fmt: skip
    if wanted.channel == "rcs" and not _BOT.fullmatch(wanted.value):
        raise InputError(
            f"{wanted.value[:40]!r} is no name of a bot",
            "use 3 to 64 letters, digits, dots, dashes and underscores", "value",
        )  # fmt: skip
    label(wanted.label)
    settings(wanted.channel, wanted.settings, whole=True)
    secrets(wanted.channel, wanted.secrets, whole=True)
    return wanted


def label(text: str) -> str:
    """A name for people."""
    if len(text) > LABEL_MAX or not (text == "" or text.isprintable()):
        raise InputError(
            "this label cannot be shown", f"use at most {LABEL_MAX} printable characters", "label"
        )
    return text


def settings(channel: str, given: dict[str, object], *, whole: bool) -> dict[str, object]:
    """Settings that the channel knows; whole: none that it needs is missing."""
    _names(channel, FIELDS[channel][0], given, "settings", whole=whole)
    for name, value in given.items():
        if not isinstance(value, str | int | float) or len(str(value)) > TEXT_MAX:
            raise InputError(f"{name} is no text or number", "write one value", "settings")
    return given


def secrets(channel: str, given: dict[str, str], *, whole: bool) -> dict[str, str]:
    """Secrets that the channel knows; whole: none that it needs is missing."""
    _names(channel, FIELDS[channel][1], given, "secrets", whole=whole)
    for name, value in given.items():
        if not value.isascii() or not value.isprintable() or len(value) > TEXT_MAX:
            raise InputError(f"{name} is not printable ASCII", "copy it from the carrier", name)
    return given


def _names(
    channel: str, fields: tuple[str, ...], given: dict[str, object] | dict[str, str], kind: str,
    *, whole: bool,
) -> None:  # fmt: skip
    known = [name.rstrip("*") for name in fields]
    for name in given:
        if name not in known:
            raise InputError(
                f"{channel} identities have no {name[:40]!r} among their {kind}",
                f"use {', '.join(known)}", kind,
            )  # fmt: skip
    missing = [name[:-1] for name in fields if name.endswith("*") and not given.get(name[:-1])]
    if whole and missing:
        raise InputError(
            f"{', '.join(missing)} of the {channel} identity is missing",
            "give what the carrier's console shows", kind,
        )  # fmt: skip
