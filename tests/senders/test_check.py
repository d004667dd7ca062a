"""What can be a sender, and what India finds unusual."""

import pytest

from cpaas.kit.errors import InputError
from cpaas.senders import check


@pytest.mark.parametrize(
    "value", ["MYBRAND", "abc", "A1B", "56767", "12345678901", "+919876543210"]
)
def test_senders(value: str) -> None:
    assert check.sender(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "ab", "TWELVELETTER", "MY BRAND", "MY-BRAND", "é12", "+12", "919876543210", "ab\n"],
)
def test_no_senders(value: str) -> None:
    with pytest.raises(InputError, match="3 to 11 letters or digits"):
        check.sender(value)


@pytest.mark.parametrize(
    ("value", "rule"),
    [("MYBRND", ""), ("MYBRAND", "six letters"), ("567678", "promotional"), ("AB1234", "six")],
)
def test_indias_rule_warns(value: str, rule: str) -> None:
    warnings = " ".join(check.warnings(value))
    assert rule in warnings
    assert bool(rule) == bool(warnings)


def test_countries_of_numbers_warn_of_letters() -> None:
    assert "United States" in check.warnings("MYBRND", ("US",))[0]
    assert check.warnings("+14155550100", ("US",)) == []


def test_a_pe_id_has_19_digits() -> None:
    assert check.pe_id("") == ""
    assert check.pe_id(" 1234567890123456789 ") == "1234567890123456789"
    with pytest.raises(InputError, match="19 digits"):
        check.pe_id("123456789012345678")


def test_warnings_are_of_the_countries_that_are_sent_to() -> None:
    assert check.warnings("MYBRND", ["IN"]) == []
    assert check.warnings("MYBRAND", ["DE"]) == []
    (told,) = check.warnings("MYBRAND", ["SG", "DE"])
    assert "Singapore" in told
    assert "registered" in told
    assert check.warnings("+6581234567", ["SG", "US"]) == []
    assert len(check.warnings("SHOP24", ["IN", "US", "GB"])) == 3
