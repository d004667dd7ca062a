"""Numbers are read as E.164, with their country, or refused with the precise reason."""

import contextlib

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.kit import phone
from cpaas.kit.errors import InputError


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+919876543210", "IN"),
        ("919876543210", "IN"),
        ("+447901234567", "GB"),
        ("+447911123456", "GG"),
        ("+447781123456", "GG"),
        ("+12025550123", "US"),
        ("+14165550123", "CA"),
        ("+18765550123", "JM"),
        ("+77012345678", "KZ"),
        ("+79161234567", "RU"),
        ("+390612345678", "IT"),
        ("+4915112345678", "DE"),
        ("+88213123456", ""),
    ],
)
def test_reads(text: str, country: str) -> None:
    number = phone.read(text)
    assert number.e164 == f"+{text.removeprefix('+')}"
    assert number.country == country


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("12", "too short: it has 2 digits"),
        ("+1234567890123456", "too long: it has 16"),
        ("+91 98765 43210", "contains ' '"),
        ("+91\u0669\u0668\u0667\u0666\u0665\u0664", "only digits"),
        ("MYBRAND", "contains 'M'"),
        ("00919876543210", "begins with 00"),
        ("09876543210", "country code is missing"),
        ("+21012345678", "no country code"),
        ("+9112345", "too short: after +91 come"),
        ("+447901234567890", "too long: after +44 come"),
        ("+9990000000001", "test number"),
        ("9" * 1000, "far too long"),
        ("+1\x002025550123", "contains"),
        ("+12025550123\n", "contains"),
    ],
)
def test_refuses_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        phone.read(text)
    assert words in caught.value.what
    assert caught.value.field == "to"


def test_test_numbers_for_test_keys() -> None:
    assert phone.read("+9990000000001", test_allowed=True) == phone.Number("9990000000001", "")


@given(st.text(max_size=20) | st.from_regex(r"\+?[0-9]{5,17}", fullmatch=True))
def test_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(InputError):
        phone.read(text)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_mobile_of_every_country(region: str) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        pytest.skip("no mobile numbers")
    text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert phone.read(text).country == phonenumbers.region_code_for_number(example)
