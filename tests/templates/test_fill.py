"""A template filled in: every fault of its variables has its own name."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.kit.errors import InputError
from cpaas.snapshot.types import Template
from cpaas.templates import placeholders
from cpaas.templates.check import texts
from cpaas.templates.fill import FillError, fill
from cpaas.templates.types import Button, Card, Content, Header


def template(content: Content, channel: str = "sms", **more: Any) -> Template:
    """A usable template of this content."""
    values: dict[str, Any] = {
        "id": 7, "account_id": 1, "channel": channel, "name": "otp", "language": "en",
        "version": 2, "type": "text", "category": "", "content": msgspec.to_builtins(content),
        "variables": placeholders.names(texts(content)), "carrier_id": "", "dlt_template_id": "",
        "usable": True, "state": "APPROVED",
    }  # fmt: skip
    return Template(**(values | more))


OTP = template(Content("Your code is {{code}}. - {{brand}}"))


def test_text_with_its_values() -> None:
    text, content = fill(OTP, {"code": "4821", "brand": "Acme {{code}}"})
    assert text == "Your code is 4821. - Acme {{code}}", "a value is never filled in itself"
    assert content == {"template": {"id": 7, "version": 2, "name": "otp"}}


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"code": "1"}, "variable_missing", "variables.brand"),
        ({}, "variable_missing", "variables.code"),
        ({"code": "1", "brand": "A", "x": "2"}, "variable_unknown", "variables.x"),
        ({"code": " ", "brand": "A"}, "variable_invalid", "variables.code"),
        ({"code": "1" * 1025, "brand": "A"}, "variable_invalid", "variables.code"),
        ({"code": "a\0", "brand": "A"}, "variable_invalid", "variables.code"),
        ({"code": "\ud800", "brand": "A"}, "variable_invalid", "variables.code"),
    ],
)
def test_faults(values: dict[str, str], code: str, field: str) -> None:
    with pytest.raises(FillError) as caught:
        fill(OTP, values)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_whatsapp_takes_no_new_lines_in_variables_and_1024_in_all() -> None:
    one = template(Content("Hello {{1}}, welcome."), "whatsapp", category="UTILITY")
    for value in ("a\nb", "a\tb", "a     b"):
        with pytest.raises(FillError, match="refuses"):
            fill(one, {"1": value})
    with pytest.raises(FillError, match="1024"):
        fill(one, {"1": "x" * 1020})
    sms = template(Content("Hello {{1}}, welcome."))
    assert fill(sms, {"1": "a\nb"})[0] == "Hello a\nb, welcome."


def test_whatsapp_knows_which_variable_goes_where() -> None:
    content = Content(
        "Order {{order}} for {{name}}.",
        header=Header("image", url="https://example.com/a.png"),
        buttons=(
            Button("quick_reply", "Stop"),
            Button("url", "Track", url="https://example.com/t/{{order}}"),
        ),
    )
    one = template(content, "whatsapp", type="media", category="UTILITY", carrier_id="998")
    carried = fill(one, {"order": "17", "name": "Asha"})[1]["template"]
    assert carried["code"] == "998"
    assert (carried["format"], carried["body"]) == ("NAMED", ["order", "name"])
    assert carried["header"]["url"] == "https://example.com/a.png"
    assert carried["buttons"] == [{"index": 1, "type": "url", "variables": ["order"]}]
    assert carried["variables"] == {"order": "17", "name": "Asha"}


def test_an_rcs_card_reads_as_its_title_and_description() -> None:
    one = template(Content(cards=(Card("Sale", "20 % off, {{name}}"),)), "rcs", type="rich_card")
    text, content = fill(one, {"name": "Asha"})
    assert text == "Sale\n20 % off, Asha"
    assert content["template"]["params"] == {"name": "Asha"}


@pytest.mark.parametrize(
    "text", ["{{Name}}", "{{}}", "{{a b}}", "{{a", "a}}", "{{{a}}}", "{{0}}", "{{1}} {{3}}",
             "{{1}} {{a}}"],
)  # fmt: skip
def test_what_is_no_variable(text: str) -> None:
    with pytest.raises(InputError):
        placeholders.names([("body", text)])


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)), st.data())
def test_pieces_and_values_meet_again(names: list[str], data: st.DataObject) -> None:
    fixed = st.text(st.characters(exclude_characters="{}", codec="utf-8"))
    parts = [data.draw(fixed) for _ in range(len(names) + 1)]
    text = parts[0] + "".join(f"{{{{{n}}}}}{p}" for n, p in zip(names, parts[1:], strict=True))
    values = {name: f"<{name}>" for name in names}
    wanted = parts[0] + "".join(f"<{n}>{p}" for n, p in zip(names, parts[1:], strict=True))
    assert placeholders.filled(text, values) == wanted
    assert placeholders.fill(placeholders.pieces(text), values) == wanted
