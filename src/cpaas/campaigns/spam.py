"""How like spam a text reads, with every reason told. Pure: fixed signs with fixed weights.

Carriers' filters are secret; these are the signs that their guidelines name. No sign alone says
much, so the score counts them together.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final, Literal

import msgspec

_LINK: Final = re.compile(
    r"(?:https?://|www\.)[^\s]+|\b[a-z0-9-]+\.[a-z]{2,10}/[^\s]*",
    re.IGNORECASE,
)
_SHORT_LINK: Final = re.compile(
    r"\b(?:bit\.ly|tinyurl\.com|goo\.gl|t\.co|is\.gd|ow\.ly|cutt\.ly|rebrand\.ly|rb\.gy|s\.id"
    r"|shorturl\.at|t\.ly)/", re.IGNORECASE,
)  # fmt: skip
_BARE_ADDRESS: Final = re.compile(r"https?://\d{1,3}(?:\.\d{1,3}){3}", re.IGNORECASE)
_LURE: Final = re.compile(
    r"\b(?:free|winner|won|win|prize|lottery|cash|claim|congratulations?|guaranteed|risk[- ]free"
    r"|earn money|easy money|loan approved|100% off|click here|act now|limited time|urgent)\b",
    re.IGNORECASE,
)  # fmt: skip
_ACCOUNT: Final = re.compile(
    r"\b(?:verify|confirm|update|suspended|blocked|locked)\b.{0,40}\b(?:account|kyc|card|bank|pan"
    r"|password)\b", re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_SHOUTS: Final = re.compile(r"[!?]{2,}|(?:[!?].*){4,}", re.DOTALL)
_HIDDEN: Final = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACED: Final = re.compile(r"\b(?:[a-zA-Z][ .\-_]){4,}[a-zA-Z]\b")
_WAY_OUT: Final = re.compile(r"\b(?:stop|unsubscribe|opt[- ]?out|start)\b", re.IGNORECASE)
_LETTERS_MIN: Final = 20
_CAPITALS: Final = 0.6

Level = Literal["low", "medium", "high"]


class Sign(msgspec.Struct, frozen=True):
    """Something about a text that filters look at: its weight, and what to do."""

    code: str
    points: int
    what: str
    todo: str


class Spam(msgspec.Struct, frozen=True):
    """A text's likeness to spam: 0 to 100, and the signs that make it up."""

    score: int
    level: Level
    signs: list[Sign]


def _capitals(text: str) -> bool:
    letters = [char for char in text if char.isalpha() and char.lower() != char.upper()]
    return (
        len(letters) >= _LETTERS_MIN and sum(map(str.isupper, letters)) / len(letters) >= _CAPITALS
    )


def _mixed(text: str) -> bool:
    """Whether one word mixes alphabets that look alike."""
    for word in re.findall(r"\w{3,}", text):
        scripts = {unicodedata.name(char, "").partition(" ")[0] for char in word if char.isalpha()}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK"}) > 1:
            return True
    return False


_SIGNS: Final[tuple[tuple[Sign, Callable[[str], object]], ...]] = (
    (Sign("short_link", 30, "a public link shortener hides where the link leads",
          "use a link of your own domain"), _SHORT_LINK.search),
    (Sign("bare_address", 35, "a link leads to a bare IP address", "use a name"),
     _BARE_ADDRESS.search),
    (Sign("asks_for_account", 30, "it asks to verify or unlock an account, as phishing does",
          "say what happened, and let people come by your app or site"), _ACCOUNT.search),
    (Sign("lure", 15, "it uses words that lure, such as free, winner or claim",
          "say plainly what is offered"), _LURE.search),
    (Sign("many_lures", 15, "it uses several such words", "keep the one that matters"),
     lambda text: len(_LURE.findall(text)) > 2),
    (Sign("capitals", 15, "most letters are capitals", "write it as a sentence"), _capitals),
    (Sign("shouting", 10, "it has many exclamation or question marks", "one is enough"),
     _SHOUTS.search),
    (Sign("hidden_characters", 35, "it holds invisible characters", "type the text anew"),
     _HIDDEN.search),
    (Sign("mixed_alphabets", 35, "a word mixes alphabets that look alike", "type the word anew"),
     _mixed),
    (Sign("spaced_letters", 25, "a word is spelled with gaps, as if to pass filters",
          "write it as a word"), _SPACED.search),
    (Sign("many_links", 15, "it has more than one link", "keep one"),
     lambda text: len(_LINK.findall(text)) > 1),
)  # fmt: skip
_NO_WAY_OUT: Final = Sign(
    "no_way_out", 15, "a promotional text does not say how to get no more",
    "end with the words: Reply STOP to opt out",
)  # fmt: skip


def judge(text: str, lane: str = "transactional") -> Spam:
    """The signs of a text, most weighty first."""
    signs = [sign for sign, found in _SIGNS if found(text)]
    if lane == "promotional" and not _WAY_OUT.search(text):
        signs.append(_NO_WAY_OUT)
    signs.sort(key=lambda sign: -sign.points)
    score = min(100, sum(sign.points for sign in signs))
    level: Level = "high" if score >= 60 else "medium" if score >= 30 else "low"
    return Spam(score, level, signs)
