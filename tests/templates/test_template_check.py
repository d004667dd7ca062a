"""What each channel lets a template say; the fault names its field."""

from typing import Any

import pytest

from cpaas.kit.errors import InputError
from cpaas.templates.check import template, warnings
from cpaas.templates.types import Button, Card, Content, Header, NewTemplate

IMAGE = "https://example.com/a.png"
OTP = Button("otp", "Copy")


def new(channel: str, content: Content, **more: Any) -> NewTemplate:
    if channel == "whatsapp":
        more = {"category": "UTILITY"} | more
    return NewTemplate(channel, **({"name": "order_update"} | more), content=content)


GOOD = [
    new("sms", Content("Your code is {{code}}")),
    new("voice", Content("Your code is {{code}}", voice={"language": "en", "repeat": 2})),
    new("whatsapp", Content("Hello {{1}}, your order is here.", footer="Acme")),
    new("whatsapp", Content("Look", header=Header("image", url=IMAGE)), type="media"),
    new("whatsapp", Content("{{1}} is your code.", buttons=(OTP,)), category="AUTHENTICATION"),
    new("rcs", Content("Hello {{name}}", buttons=(Button("quick_reply", "Yes"),))),
    new("rcs", Content(cards=(Card("Sale", "Now", "image", IMAGE),)), type="rich_card"),
    new("rcs", Content(cards=(Card("A"), Card("B"))), type="carousel"),
]
BAD = [
    (new("fax", Content("x")), "channel"),
    (new("sms", Content("x"), name="Order"), "name"),
    (new("sms", Content("x"), name="1st"), "name"),
    (new("rcs", Content("x"), name="a" * 21), "name"),
    (new("sms", Content("x"), language="english"), "language"),
    (new("sms", Content("x"), type="media"), "type"),
    (new("sms", Content("x"), category="UTILITY"), "category"),
    (new("whatsapp", Content("x"), category="SERVICE"), "category"),
    (new("rcs", Content("x"), dlt_template_id="1107160000000000001"), "dlt_template_id"),
    (new("sms", Content(" ")), "content.body"),
    (new("sms", Content("a\0")), "content.body"),
    (new("sms", Content("x", footer="y")), "content.footer"),
    (new("sms", Content("x", buttons=(OTP,))), "content.buttons"),
    (new("sms", Content("x {{a}}", examples={"b": "1"})), "content.examples"),
    (new("voice", Content("x", voice={"pitch": 1})), "content.voice"),
    (new("voice", Content("x", voice={"repeat": 99})), "content.voice"),
    (new("whatsapp", Content("a {{1}}{{2}} b")), "content.body"),
    (new("whatsapp", Content("x" * 1025)), "content.body"),
    (new("whatsapp", Content("x", header=Header("text", "h" * 61))), "content.header.text"),
    (new("whatsapp", Content("x", header=Header("image", url=IMAGE))), "content.header"),
    (new("whatsapp", Content("x"), type="media"), "content.header"),
    (new("whatsapp", Content("x", header=Header("image", url="http://example.com/a.png")),
         type="media"), "content.header.url"),
    (new("whatsapp", Content("x", header=Header("image", url="nonsense")), type="media"),
     "content.header.url"),
    (new("whatsapp", Content("{{1}} is it."), category="AUTHENTICATION"), "content.buttons"),
    (new("whatsapp", Content("x", buttons=(Button("url", "Go", url="https://e.com/{{a}}/b"),))),
     "content.buttons[0].url"),
    (new("whatsapp", Content("x", buttons=(Button("phone", "Call", phone="123"),))),
     "content.buttons[0].phone"),
    (new("whatsapp", Content("x", buttons=(Button("quick_reply", "b" * 26),))),
     "content.buttons[0].text"),
    (new("whatsapp", Content("x", buttons=(Button("quick_reply", "b"),) * 11)), "content.buttons"),
    (new("rcs", Content("Hello [name]")), "content.body"),
    (new("rcs", Content("x", layout={"height": "TALL"})), "content.layout"),
    (new("rcs", Content("x", cards=(Card("A"),))), "content.cards"),
    (new("rcs", Content(cards=(Card("A"),)), type="carousel"), "content.cards"),
    (new("rcs", Content(cards=(Card(),)), type="rich_card"), "content.cards[0]"),
    (new("rcs", Content(cards=(Card("A", url=IMAGE),)), type="rich_card"), "content.cards[0]"),
]  # fmt: skip


@pytest.mark.parametrize("one", GOOD)
def test_good(one: NewTemplate) -> None:
    assert template(one)[0] == one


@pytest.mark.parametrize(("one", "field"), BAD)
def test_bad(one: NewTemplate, field: str) -> None:
    with pytest.raises(InputError) as caught:
        template(one)
    assert caught.value.field == field
    assert caught.value.what
    assert caught.value.todo


def test_variables_come_in_the_order_of_reading() -> None:
    one = new(
        "whatsapp", Content("{{b}} and {{a}} meet.", header=Header("text", "For {{c}}"))
    )  # fmt: skip
    assert template(one)[1] == ("c", "b", "a")


def test_what_a_review_frowns_at_prevents_nothing() -> None:
    said = " ".join(warnings(new("whatsapp", Content("Hi {{1}}"))))
    assert "begin or end" in said
    assert "few words" in said
    assert "example" in said
    assert "DLT" in warnings(new("sms", Content("Hi")))[0]
