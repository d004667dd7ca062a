"""The matcher: a corpus of real-looking templates, an oracle, and no text that makes it slow."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.dlt.corpus import CORPUS

from cpaas.dlt import match, pattern
from cpaas.dlt.pattern import Literal, Pattern, Variable
from cpaas.kit.errors import InputError

FITTING = [(template, text) for template, texts, _ in CORPUS for text in texts]
OTHERS = [(template, *other) for template, _, others in CORPUS for other in others]


@pytest.mark.parametrize(("template", "text"), FITTING)
def test_what_fits(template: str, text: str) -> None:
    read = pattern.read(template)
    assert match.mismatch(read, text) is None
    assert match.fits(read, pattern.normal(text))


@pytest.mark.parametrize(("template", "text", "position", "variable", "words"), OTHERS)
def test_what_does_not_fit_is_named(
    template: str, text: str, position: int, variable: int, words: str
) -> None:
    read = pattern.read(template)
    said = match.mismatch(read, text)
    assert said is not None
    assert not match.fits(read, pattern.normal(text))
    assert words in said.detail
    assert (said.position, said.variable) == (position, variable), said.detail


@pytest.mark.parametrize(
    "template",
    ["", " \n", "a\0", "{#name#}", "{#var}", "Dear {#va r#}", "x" * 2_001, "{#var#}" * 61],
)
def test_no_templates(template: str) -> None:
    with pytest.raises(InputError) as raised:
        pattern.read(template)
    assert raised.value.field == "text"


def oracle(read: Pattern) -> re.Pattern[str]:
    """The same as a regular expression, which is slow but obvious."""
    classes = {"var": ".", "numeric": "[0-9]", "alphanumeric": "[^\\W_]", "cbn": "[A-Za-z0-9+-]"}
    parts = [
        re.escape(one.text)
        if isinstance(one, Literal)
        else f"{classes[one.kind.name]}{{{one.kind.least},{one.kind.most}}}"
        for one in read.elements
    ]
    return re.compile("".join(parts), re.DOTALL)


PIECES = st.lists(
    st.sampled_from(
        ["{#var#}", "{#numeric#}", "{#alphanumeric#}", "{#cbn#}", "a", "1", "b ", " 1a"]
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@given(PIECES, st.text(alphabet="ab1 -", max_size=70))
@example(["a", "{#var#}", "a"], "aaa")
@example(["{#var#}", "{#numeric#}", "1"], "1111")
def test_it_agrees_with_a_regular_expression(pieces: list[str], text: str) -> None:
    template = "".join(pieces)
    if not template.strip():
        return
    read, text = pattern.read(template), pattern.normal(text)
    expected = oracle(read).fullmatch(text) is not None
    said = match.mismatch(read, text)
    assert match.fits(read, text) is expected
    assert (said is None) is expected
    if said is not None:
        assert 1 <= said.position <= len(text) + 1
        assert said.detail.endswith((".", "'"))


VALUES = {
    "var": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
    "numeric": st.text("0123456789", min_size=1, max_size=30),
    "alphanumeric": st.text("azAZ09é", min_size=1, max_size=40),
    "url": st.just("https://a.example/x?y=1"),
    "cbn": st.just("+911800123456"),
    "email": st.just("a.b@c.example"),
}


@given(st.data())
def test_filled_in_templates_fit(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=8))
    words = data.draw(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0#{}\r"),
                         max_size=12), min_size=len(kinds) + 1, max_size=len(kinds) + 1)
    )  # fmt: skip
    template, text = "<" + words[0], "<" + words[0]
    for kind, word in zip(kinds, words[1:], strict=True):
        template += f"{{#{kind}#}}{word}"
        text += data.draw(VALUES[kind]).replace("\r", " ") + word
    assert match.mismatch(pattern.read(template + ">"), text + ">") is None


@given(st.text(max_size=300), st.text(max_size=300))
def test_anything_is_read_or_refused_and_compared(template: str, text: str) -> None:
    try:
        read = pattern.read(template)
    except InputError:
        return
    said = match.mismatch(read, text)
    assert (said is None) is match.fits(read, pattern.normal(text))


def test_no_text_is_slow() -> None:
    """A regular expression needs longer than the universe for this one."""
    read = pattern.read("a" + "{#var#}a" * 50 + "b")
    started = time.process_time()
    assert match.mismatch(read, "a" * 1_500) is not None
    assert match.mismatch(read, "a" * 10_000) is not None
    assert time.process_time() - started < 5


def test_variables_are_numbered_and_keep_their_form() -> None:
    read = pattern.read("a {#var#} b #number# {# URL #}")
    variables = [one for one in read.elements if isinstance(one, Variable)]
    assert [(one.number, one.shown, one.kind.name) for one in variables] == [
        (1, "{#var#}", "var"), (2, "#number#", "numeric"), (3, "{# URL #}", "url"),
    ]  # fmt: skip
    assert (read.start, read.end, read.longest) == ("a ", "", " b ")
