"""What may be entered about an account, and how it is kept."""

import pytest

from cpaas.accounts import check
from cpaas.accounts.types import Changes
from cpaas.kit.errors import InputError


@pytest.mark.parametrize("value", ["acme", "Acme.Owner", "ann@example.com", "a", "a" * 64])
def test_usernames(value: str) -> None:
    assert check.username(value) == value


@pytest.mark.parametrize("value", ["", " acme", "a b", ".acme", "a" * 65, "acme\n", "ac\0me"])
def test_no_usernames(value: str) -> None:
    with pytest.raises(InputError) as refused:
        check.username(value)
    assert refused.value.field == "username"
    assert refused.value.todo


def test_addresses_take_their_normal_form() -> None:
    given = [" 203.0.113.7 ", "203.0.113.7/32", "10.1.2.3/8", "2001:DB8::1"]
    assert check.allowed_ips(given) == ["203.0.113.7", "10.0.0.0/8", "2001:db8::1"]
    with pytest.raises(InputError, match="IP address"):
        check.allowed_ips(["localhost"])
    with pytest.raises(InputError, match="too many"):
        check.allowed_ips(f"10.0.{n // 250}.{n % 250}" for n in range(201))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (Changes(tps=-1), "tps"),
        (Changes(daily_cap=-1), "daily_cap"),
        (Changes(billing_mode="free"), "billing_mode"),
        (Changes(countries=["India"]), "countries"),
        (Changes(allowed_ips=["x"]), "allowed_ips"),
    ],
)
def test_changes_that_cannot_be(changes: Changes, field: str) -> None:
    with pytest.raises(InputError) as refused:
        check.changes(changes)
    assert refused.value.field == field


def test_changes_keep_what_is_not_given() -> None:
    assert check.changes(Changes(countries=["in", "DE", "in"])) == Changes(countries=["DE", "IN"])


@pytest.mark.parametrize("value", ["", "  ", "x" * 65, "a\nb", "a\0"])
def test_no_account_names(value: str) -> None:
    with pytest.raises(InputError):
        check.account_name(value)
