"""What may stand in the blacklist, and whom an entry stops."""

import pytest

from cpaas.blacklist import check
from cpaas.blacklist.types import Stop
from cpaas.kit.errors import InputError

OTP_ALLOWED = {"opt_out_allows_otp": True}
STOP = Stop("+919876543210", 1, "sms", "opt_out")


def test_a_number_gets_its_plus() -> None:
    assert check.number(" 919876543210 ") == "+919876543210"
    assert check.number("+9990000000001") == "+9990000000001", "the sandbox tries it with these"


@pytest.mark.parametrize("text", ["", "98765", "00919876543210", "+91 98765 43210", "0" * 50])
def test_what_is_no_number_is_told_precisely(text: str) -> None:
    with pytest.raises(InputError) as raised:
        check.number(text)
    assert raised.value.field == "number"
    assert "E.164" in raised.value.todo


def test_channels_and_reasons() -> None:
    assert check.channel("") == ""
    assert check.channel("rcs") == "rcs"
    with pytest.raises(InputError):
        check.channel("fax")
    with pytest.raises(InputError):
        check.reason("x" * 501)
    with pytest.raises(InputError):
        check.reason("a\0b")


@pytest.mark.parametrize(
    ("stop", "channel", "lane", "settings", "blocked"),
    [
        (Stop("n", 0, "", "manual"), "sms", "otp", OTP_ALLOWED, True),
        (Stop("n", 2, "", "manual"), "sms", "transactional", {}, False),
        (Stop("n", 1, "", "manual"), "voice", "transactional", {}, True),
        (Stop("n", 1, "sms", "manual"), "voice", "transactional", {}, False),
        (STOP, "sms", "otp", {}, True),
        (STOP, "sms", "otp", OTP_ALLOWED, False),
        (STOP, "sms", "promotional", OTP_ALLOWED, True),
        (STOP, "sms", "otp", {"opt_out_allows_otp": "yes"}, True),
    ],
)
def test_whom_an_entry_stops(
    stop: Stop, channel: str, lane: str, settings: dict[str, object], blocked: bool
) -> None:
    assert check.is_blocked([stop], 1, channel, lane, settings) is blocked


def test_entries_are_found_by_number() -> None:
    found = check.by_number([("n", 0, "", "manual"), ("n", 1, "sms", "api"), ("m", 1, "", "api")])
    assert set(found) == {"n", "m"}
    assert [one.account_id for one in found["n"]] == [0, 1]
