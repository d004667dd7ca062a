"""Reads phone numbers as people write them in tables. Pure."""

import re
from typing import Final

import msgspec
from phonenumbers import PhoneNumberType, country_code_for_region, example_number_for_type

from cpaas.kit import phone
from cpaas.kit.errors import InputError

_ORNAMENT: Final = re.compile(
    r"[\s().\-/\u00a0\u200b-\u200f\u2010-\u2015\u202a-\u202f\u2060\ufeff'’]+"
)
_LIKE: Final = re.compile(r"\+?[0-9]{7,15}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4}")
_SHORTENED: Final = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]{1,2}")


def looks_like_number(cell: str) -> bool:
    """Whether a cell may hold a phone number; decimals and dates do not."""
    text = cell.strip()
    if _SHORTENED.fullmatch(text):
        return True
    if not 7 <= len(text) <= 40 or not text[-1:].isdigit() or _DATE.match(text):
        return False
    return _LIKE.fullmatch(_ORNAMENT.sub("", text)) is not None


def is_number(cell: str) -> bool:
    """Whether it is one with its country code."""
    try:
        return bool(read_number(cell.strip()))
    except InputError:
        return False


class Home(msgspec.Struct, frozen=True):
    """The country of numbers without a country code: its code, and how long a mobile number is."""

    code: str
    length: int


def home_of(country: str) -> Home | None:
    """The home of a country (ISO 3166); None of none. Errors: InputError."""
    if not country:
        return None
    region = country.upper()
    code = int(country_code_for_region(region))
    if not code:
        raise InputError(
            f"there is no country {country[:20]!r}", "use its two letters, such as IN", "country"
        )
    example = example_number_for_type(region, PhoneNumberType.MOBILE)
    return Home(str(code), len(str(example.national_number)) if example else 0)


def read_number(cell: str, home: Home | None = None) -> phone.Number:
    """The number in a cell. home: for numbers without a country code. Errors: InputError."""
    text = cell if cell.isdecimal() and cell.isascii() else _ORNAMENT.sub("", cell)
    if _SHORTENED.fullmatch(text):
        raise InputError(
            f"{cell.strip()[:40]!r} was shortened by a spreadsheet, its digits are lost",
            "format the column as text and save the file again", "number",
        )  # fmt: skip
    if text.startswith("00"):
        text = f"+{text[2:]}"
    if home is None or text.startswith("+"):
        return phone.read(text, test_allowed=True)
    if text.startswith("0"):
        return phone.read(f"+{home.code}{text.lstrip('0')}", test_allowed=True)
    whole = text.startswith(home.code) and len(text) == len(home.code) + home.length
    if whole or text.startswith(phone.TEST_PREFIX):
        return phone.read(text, test_allowed=True)
    try:
        return phone.read(f"+{home.code}{text}", test_allowed=True)
    except InputError:
        return phone.read(text, test_allowed=True)
