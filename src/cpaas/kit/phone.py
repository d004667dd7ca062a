"""Reads E.164 numbers quickly and says precisely why something is none.

Length and country come from the metadata of `phonenumbers`, kept by leading digits: a full parse
costs a hundred times more, and a number range opened yesterday must not be refused.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from cpaas.kit.errors import InputError

#: ITU reserves +999; our test numbers live there and no carrier's do.
TEST_PREFIX: Final = "999"
_NOT_A_COUNTRY: Final = "001"
_NANP: Final = 1
#: what a number can be; any of them makes it a number of its country.
_KINDS: Final = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip",
    "pager", "uan", "voicemail",
)  # fmt: skip
_E164: Final = re.compile(r"\+?([1-9][0-9]{6,14})")
_HINT: Final = "write it in E.164, such as +919876543210"


class Number(msgspec.Struct, frozen=True):
    """A number: digits without plus, and its country by ISO 3166 ("" = of no country)."""

    digits: str
    country: str

    @property
    def e164(self) -> str:
        """The number with its plus."""
        return f"+{self.digits}"


class _Plan(msgspec.Struct, frozen=True):
    code: int
    main: str
    shared: bool
    lengths: frozenset[int]


def read(text: str, *, test_allowed: bool = False) -> Number:
    """The number; InputError with the precise reason when it is none.

    test_allowed: whether +999 numbers, which reach only simulated carriers, are valid here.
    """
    match = _E164.fullmatch(text)
    if match is None:
        raise InputError(_fault(text), _HINT, "to")
    digits = match[1]
    plan = _plan(digits[:3])
    if plan is None:
        if digits.startswith(TEST_PREFIX) and test_allowed:
            return Number(digits, "")
        raise InputError(_unknown_code(digits), _HINT, "to")
    if len(digits) not in plan.lengths:
        raise InputError(_wrong_length(digits, plan), _HINT, "to")
    return Number(digits, _shared(digits, plan) if plan.shared else plan.main)


def _fault(text: str) -> str:
    if not text:
        return "the number is empty"
    if len(text) > 40:
        return "the number is far too long"
    bare = text.removeprefix("+")
    strange = next((char for char in bare if char not in "0123456789"), "")
    if strange:
        return f"{text!r} contains {strange!r}; only digits may follow the plus"
    if bare.startswith("00"):
        return f"{text!r} begins with 00 instead of a plus"
    if bare.startswith("0"):
        return f"{text!r} begins with 0, so its country code is missing"
    what = "short" if len(bare) < 7 else "long"
    return f"{text!r} is too {what}: it has {len(bare)} digits, E.164 allows 7 to 15"


def _unknown_code(digits: str) -> str:
    if digits.startswith(TEST_PREFIX):
        return f"+{digits} is a test number, which only a test key reaches"
    return f"+{digits} begins with no country code that exists"


def _wrong_length(digits: str, plan: _Plan) -> str:
    code = str(plan.code)
    allowed = sorted(length - len(code) for length in plan.lengths)
    what = "short" if len(digits) < min(plan.lengths) else "long"
    if min(plan.lengths) < len(digits) < max(plan.lengths):
        what = "short or too long"
    return (
        f"+{digits} is too {what}: after +{code} come"
        f" {' or '.join(map(str, allowed))} digits, not {len(digits) - len(code)}"
    )


@lru_cache(maxsize=1024)
def _plan(start: str) -> _Plan | None:
    """The numbering plan of a number's first three digits: calling codes are prefix-free."""
    for length in (1, 2, 3):
        code = int(start[:length])
        regions = COUNTRY_CODE_TO_REGION_CODE.get(code)
        if regions:
            break
    else:
        return None
    lengths: set[int] = set()
    for region in regions:
        metadata = (
            PhoneMetadata.metadata_for_nongeo_region(code)
            if region == _NOT_A_COUNTRY
            else PhoneMetadata.metadata_for_region(region)
        )
        if metadata is not None and metadata.general_desc is not None:
            lengths.update(metadata.general_desc.possible_length)
    main = "" if regions[0] == _NOT_A_COUNTRY else regions[0]
    whole = {len(str(code)) + national for national in lengths}
    # Seven digits in all is what the E.164 pattern asks for; shorter ones are service numbers.
    return _Plan(code, main, len(regions) > 1, frozenset(n for n in whole if 7 <= n <= 15))


def _shared(digits: str, plan: _Plan) -> str:
    """Which of the countries that share a calling code."""
    national = digits[len(str(plan.code)) :]
    if plan.code == _NANP:
        # There the area code alone decides, so any number of the area stands for all.
        return _of_area(national[:3])
    return _owner(national, plan)


@lru_cache(maxsize=1024)
def _of_area(area: str) -> str:
    plan = _plan("1")
    return "" if plan is None else _owner(f"{area}2345678", plan)


def _owner(national: str, plan: _Plan) -> str:
    for region, owns in _owners(plan.code):
        if owns(national):
            return region
    return plan.main


@lru_cache(maxsize=16)
def _owners(code: int) -> tuple[tuple[str, Callable[[str], object]], ...]:
    """Each country of a shared code with its test, in the order in which the metadata decides."""
    owners: list[tuple[str, Callable[[str], object]]] = []
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        metadata = PhoneMetadata.metadata_for_region(region)
        if metadata is None:
            continue
        if metadata.leading_digits:
            owners.append((region, re.compile(metadata.leading_digits).match))
            continue
        kinds = (getattr(metadata, kind) for kind in _KINDS)
        patterns = [kind.national_number_pattern for kind in kinds if kind is not None]
        either = "|".join(pattern for pattern in patterns if pattern)
        owners.append((region, re.compile(f"(?:{either})").fullmatch))
    return tuple(owners)
