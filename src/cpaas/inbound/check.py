"""Pure rules of replies: whose they are by number and keyword, and what is a STOP or a START."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

import msgspec

from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import CHANNELS
from cpaas.snapshot.types import InboundNumber, Snapshot

#: platform settings, lists of words; local ones are added by `cpaas inbound words`.
STOP_SETTING: Final = "stop_words"
START_SETTING: Final = "start_words"
STOP_WORDS: Final = ("STOP", "STOPALL", "UNSUBSCRIBE")
START_WORDS: Final = ("START", "UNSTOP")
WORDS_MAX: Final = 100
REPLY_CHARS_MAX: Final = 480
_NUMBER: Final = re.compile(r"\d{3,15}|[A-Z0-9]{3,11}")
#: by what ends it, since vowel signs of many scripts are no "word characters".
_WORD: Final = re.compile(r"""[^\s\0.,;:!?'"()*#\u0964\u2026-]+""")
_WORD_CHARS_MAX: Final = 40


class Owner(msgspec.Struct, frozen=True):
    """Whose a reply is by configuration; account_id 0: it does not say."""

    account_id: int = 0
    keyword: str = ""


def number(value: str) -> str:
    """The form in which numbers are kept and compared: digits without plus, or letters."""
    plain = re.sub(r"[\s()-]", "", value).removeprefix("+").upper()
    if not _NUMBER.fullmatch(plain):
        raise InputError(
            f"{value[:40]!r} is no number or sender", "use digits such as 56161 or +919812345678",
            "number",
        )  # fmt: skip
    return plain


def channel(name: str) -> str:
    """A channel by its name."""
    if name not in CHANNELS:
        raise InputError(
            f"there is no channel {name[:40]!r}", f"use one of {', '.join(CHANNELS)}", "channel"
        )
    return name


def word(value: str) -> str:
    """A keyword as it is kept: one word in capitals."""
    plain = _plain_text(value.strip())
    if not _WORD.fullmatch(plain) or len(plain) > _WORD_CHARS_MAX:
        raise InputError(
            f"{value[:40]!r} is no keyword", "use one word of letters and digits", "keyword"
        )
    return plain


def reply(value: str) -> str:
    """The text that answers a STOP or START; "" = none."""
    text = value.strip()
    if len(text) > REPLY_CHARS_MAX or "\0" in text:
        raise InputError("the reply is too long", f"use at most {REPLY_CHARS_MAX} characters",
                         "reply")  # fmt: skip
    return text


def words(body: str) -> list[str]:
    """The first words of a reply in capitals."""
    found = zip(range(3), _WORD.finditer(_plain_text(body)), strict=False)
    return [one.group() for _, one in found]


def _plain_text(text: str) -> str:
    return unicodedata.normalize("NFC", text).upper()


def plain(value: str) -> str:
    """An address off the wire as numbers are compared; anything is taken."""
    return value.strip().removeprefix("+").upper()


def owner(snapshot: Snapshot, channel_name: str, recipient: str, body: str) -> Owner:
    """Whose a reply to a number is: by its keyword, else by the number's own account.

    A WABA number or bot that one account alone may send from is that account's.
    """
    found = snapshot.numbers.get((channel_name, plain(recipient)))
    if found is None:
        identity = snapshot.identities.get((channel_name, recipient.strip().removeprefix("+")))
        alone = identity is not None and len(identity.accounts) == 1
        return Owner(next(iter(identity.accounts))) if identity and alone else Owner()
    first = words(body)
    for at, one in enumerate(first):
        # The second word counts behind STOP or START only.
        if at > 1 or (at == 1 and not _action(snapshot.settings, first[0])):
            break
        account_id = found.keywords.get(one)
        if account_id is not None:
            return Owner(account_id, one)
    return Owner(found.account_id or 0)


def action(
    settings: Mapping[str, object], known: InboundNumber | None, body: str
) -> tuple[str, str]:
    """("stop" or "start", the word) where a reply is one: alone, or before a keyword."""
    first = words(body)
    if not first or len(first) > 2:
        return "", ""
    if len(first) == 2 and (known is None or first[1] not in known.keywords):
        return "", ""
    found = _action(settings, first[0])
    return found, first[0] if found else ""


def _action(settings: Mapping[str, object], first: str) -> str:
    if first in _set(settings, STOP_SETTING, STOP_WORDS):
        return "stop"
    return "start" if first in _set(settings, START_SETTING, START_WORDS) else ""


def _set(settings: Mapping[str, object], name: str, default: tuple[str, ...]) -> set[str]:
    given = settings.get(name)
    return {_plain_text(str(one)) for one in given} if isinstance(given, list) else set(default)
