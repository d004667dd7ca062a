"""The counter beside a text: what forces Unicode, where, and what plain characters would save."""

import pytest

from cpaas.consoles.portal.sms_text import PLAIN, counted
from cpaas.smpp.gsm import CHARACTERS
from cpaas.smpp.text import plan


def test_the_character_that_forces_unicode_is_named() -> None:
    text = "Hi Asha, your order A-10482 is out for delivery today between 2 \N{EN DASH} 4 pm."
    found = counted(text)
    assert found.is_unicode
    assert found.foreign == ("\N{EN DASH}",)
    assert found.forcing == "en dash, U+2013"
    assert text[found.position - 1] == "\N{EN DASH}"
    assert found.plain == text.replace("\N{EN DASH}", "-")
    assert found.better is not None
    assert (found.plan.segments, found.better.segments) == (2, 1)


def test_plain_text_needs_no_advice() -> None:
    found = counted("Hello {you}")
    assert (found.is_unicode, found.forcing, found.better) == (False, "", None)
    assert found.fills() == [(13, 160)]  # Braces count twice.


def test_what_cannot_be_plain_stays() -> None:
    found = counted("नमस्ते \N{EN DASH} 1")
    assert found.is_unicode
    assert found.better is None
    assert found.foreign[0] == "न"


def test_lines_of_a_form_count_once() -> None:
    assert counted("a\r\nb").plan.units == 3


@pytest.mark.parametrize("length", [160, 161, 306, 307, 1530])
def test_segments_fill_in_order(length: int) -> None:
    fills = counted("x" * length).fills()
    assert sum(used for used, _ in fills) == length
    assert len(fills) == plan("x" * length).segments


def test_every_replacement_is_plain() -> None:
    assert all(CHARACTERS.issuperset(plain) for plain in PLAIN.values())
    assert not any(char in CHARACTERS for char in PLAIN)
