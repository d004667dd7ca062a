"""Whose a reply is and what it asks for, as pure rules."""

import msgspec
import pytest

from cpaas.inbound import check
from cpaas.inbound.check import Owner
from cpaas.kit.errors import InputError
from cpaas.snapshot.load import EMPTY
from cpaas.snapshot.types import Identity, InboundNumber

SHARED = InboundNumber(None, {"PIZZA": 1, "NEWS": 2})
OWN = InboundNumber(7, {"NEWS": 2})
SNAPSHOT = msgspec.structs.replace(
    EMPTY, numbers={("sms", "56161"): SHARED, ("sms", "919812345678"): OWN}
)


def waba(accounts: dict[int, bool]) -> Identity:
    return Identity(1, "whatsapp", "+15550001000", "", 1, True, {}, b"", accounts)


def test_who_writes_first_to_a_number_of_one_account_writes_to_that_account() -> None:
    key = ("whatsapp", "15550001000")
    ours = msgspec.structs.replace(EMPTY, identities={key: waba({7: True})})
    assert check.owner(ours, "whatsapp", "+15550001000", "hello") == Owner(7)
    assert check.owner(ours, "sms", "+15550001000", "hello") == Owner()
    shared = msgspec.structs.replace(EMPTY, identities={key: waba({7: True, 8: False})})
    assert check.owner(shared, "whatsapp", "15550001000", "hello") == Owner()


@pytest.mark.parametrize(
    ("to", "body", "owner"),
    [
        ("56161", "Pizza please", Owner(1, "PIZZA")),
        ("56161", "  news!", Owner(2, "NEWS")),
        ("56161", "stop news", Owner(2, "NEWS")),
        ("56161", "good news", Owner()),
        ("56161", "", Owner()),
        ("+919812345678", "hello", Owner(7)),
        ("919812345678", "NEWS", Owner(2, "NEWS")),
        ("12345", "PIZZA", Owner()),
    ],
)
def test_whose(to: str, body: str, owner: Owner) -> None:
    assert check.owner(SNAPSHOT, "sms", to, body) == owner
    assert check.owner(SNAPSHOT, "whatsapp", to, body) == Owner()


@pytest.mark.parametrize(
    ("body", "known", "action"),
    [
        ("STOP", None, "stop"),
        (" stop. ", None, "stop"),
        ("StopAll", None, "stop"),
        ("unsubscribe!", None, "stop"),
        ("START", None, "start"),
        ("Stop News", SHARED, "stop"),
        ("stop it", SHARED, ""),
        ("stop sending me this", None, ""),
        ("please stop", None, ""),
        ("", None, ""),
        ("रुकें", None, ""),
    ],
)
def test_what_it_asks_for(body: str, known: InboundNumber | None, action: str) -> None:
    assert check.action({}, known, body)[0] == action


def test_local_words_take_the_place_of_the_usual_ones() -> None:
    settings = {"stop_words": ["HALT", "ÁLLJ", "रुकें"], "start_words": "broken"}
    assert check.action(settings, None, "रुकें।") == ("stop", "रुकें")
    assert check.word("रुकें") == "रुकें"
    assert check.action(settings, None, "állj") == ("stop", "ÁLLJ")
    assert check.action(settings, None, "STOP") == ("", "")
    assert check.action(settings, None, "START") == ("start", "START")


@pytest.mark.parametrize("value", ["", "12", "abc def!", "x" * 12, "+1234567890123456"])
def test_no_numbers(value: str) -> None:
    with pytest.raises(InputError):
        check.number(value)


def test_numbers_in_one_form() -> None:
    assert check.number(" +91 98123-45678") == "919812345678"
    assert check.number("MyBrand") == check.plain("mybrand") == "MYBRAND"


@pytest.mark.parametrize("value", ["", "two words", "a" * 41, "\0"])
def test_no_keywords(value: str) -> None:
    with pytest.raises(InputError):
        check.word(value)
