"""Messages as the Cloud API's JSON, and what cannot be written."""

from typing import Any

import pytest

from cpaas.channels.base import NotEncodableError
from cpaas.channels.whatsapp import payloads
from cpaas.channels.whatsapp.channel import WhatsappChannel
from cpaas.kit.errors import InputError
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import Outgoing


def message(text: str = "", **content: Any) -> Outgoing:
    return Outgoing(
        new_id().bytes, "+919876543210", "+15550001000", text, "", 1, 3, 0, 0, 0,
        content=content or None,
    )  # fmt: skip


def body(text: str = "", **content: Any) -> dict[str, Any]:
    return payloads.request(message(text, **content)).body


def test_text() -> None:
    made = body("Hello", whatsapp={"preview_url": True, "reply_to": "wamid.A"})
    assert made["to"] == "919876543210"
    assert made["text"] == {"body": "Hello", "preview_url": True}
    assert made["context"] == {"message_id": "wamid.A"}


def test_our_id_comes_back() -> None:
    one = message("Hello")
    assert payloads.message_id(payloads.callback_data(one)) == one.id
    for foreign in ("", "x", "cpaas1.", "cpaas1.AAAA.1", "cpaas1.!!!!.1"):
        assert payloads.message_id(foreign) is None


def test_media_keeps_its_place_until_the_file_is_there() -> None:
    url = "https://example.com/a/Offer.pdf?x=1"
    made = payloads.request(message("See", media={"type": "document", "url": url}))
    assert made.place is not None
    made.place.target["id"] = "77"
    assert made.body["document"] == {"caption": "See", "filename": "Offer.pdf", "id": "77"}


def test_interactive() -> None:
    made = body(
        "Choose", whatsapp={
            "header": {"text": "Hi"}, "footer": "Bye",
            "buttons": [{"type": "reply", "text": "Yes", "id": "y"}],
        },
    )  # fmt: skip
    assert made["interactive"] == {
        "type": "button", "body": {"text": "Choose"}, "header": {"type": "text", "text": "Hi"},
        "footer": {"text": "Bye"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
    }  # fmt: skip
    rows = [{"id": "1", "title": "One"}, {"id": "2", "title": "Two", "description": "Second"}]
    menu = {"button": "Open", "sections": [{"rows": rows}]}
    made = body("Choose", whatsapp={"list": menu})
    assert made["interactive"]["action"] == {"button": "Open", "sections": [{"rows": rows}]}
    button = {"type": "url", "text": "Shop", "url": "https://example.com/"}
    made = body("Look", whatsapp={"buttons": [button]})
    assert made["interactive"]["type"] == "cta_url"


def template(**more: Any) -> dict[str, Any]:
    return {
        "name": "order", "language": "en_US", "format": "POSITIONAL", "body": ["1", "2"],
        "buttons": [], "variables": {"1": "Asha", "2": "17"}, **more,
    }  # fmt: skip


def test_a_template_with_everything() -> None:
    made = payloads.request(
        message(
            template=template(
                header={"type": "image", "url": "https://example.com/a.jpg", "variables": []},
                buttons=[{"index": 1, "type": "url", "variables": ["2"]}],
            )
        )
    )  # fmt: skip
    assert made.template == "order"
    assert made.place is not None
    made.place.target["id"] = "77"
    assert made.body["template"] == {
        "name": "order", "language": {"code": "en_US"},
        "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": "77"}}]},
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "Asha"}, {"type": "text", "text": "17"}],
            },
            {
                "type": "button", "sub_type": "url", "index": "1",
                "parameters": [{"type": "text", "text": "17"}],
            },
        ],
    }  # fmt: skip


def test_named_variables_and_codes() -> None:
    made = body(
        template={
            "name": "otp", "language": "en", "format": "NAMED", "body": ["code"],
            "buttons": [{"index": 0, "type": "otp", "variables": ["code"]}],
            "variables": {"code": "4821"},
        }
    )["template"]["components"]  # fmt: skip
    assert made[0]["parameters"] == [{"type": "text", "text": "4821", "parameter_name": "code"}]
    assert made[1]["sub_type"] == "url"
    assert made[1]["parameters"] == [{"type": "text", "text": "4821"}]


@pytest.mark.parametrize(
    ("text", "content", "field"),
    [
        ("", {}, "text"),
        ("x" * 4097, {}, "text"),
        ("Hi", {"rcs": {"card": {}}}, "rcs"),
        ("Hi", {"media": {"type": "audio", "url": "https://example.com/a.mp3"}}, "text"),
        ("Hi", {"media": {"type": "photo", "url": "https://example.com/a.jpg"}}, "media"),
        ("Hi", {"media": {"type": "image", "url": "file:///etc/passwd"}}, "media.url"),
        ("Hi", {"whatsapp": {"footer": "x"}}, "whatsapp"),
        ("Hi", {"whatsapp": {"buttons": [{"type": "reply", "text": "A" * 21, "id": "a"}]}},
         "whatsapp"),
        ("Hi", {"whatsapp": {"buttons": [
            {"type": "reply", "text": "A", "id": "a"}, {"type": "reply", "text": "B", "id": "a"}
        ]}}, "whatsapp"),
        ("Hi", {"whatsapp": {"buttons": [
            {"type": "reply", "text": str(n), "id": str(n)} for n in range(4)
        ]}}, "whatsapp.buttons"),
        ("Hi", {"whatsapp": {"list": {"button": "Open", "sections": []}}}, "whatsapp.list"),
        ("Hi", {"whatsapp": {"nothing": 1}}, "whatsapp"),
        ("", {"template": template(), "whatsapp": {"footer": "x"}}, "whatsapp"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_names_its_field(
    text: str, content: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError) as refused:
        WhatsappChannel().weigh(text, content)
    assert refused.value.field == field
    with pytest.raises(NotEncodableError):
        payloads.request(message(text, **content))


def test_a_header_must_get_its_file() -> None:
    header = {"type": "image", "url": "", "variables": []}
    with pytest.raises(NotEncodableError, match="needs its image"):
        body(template=template(header=header))
    with pytest.raises(NotEncodableError, match="not video"):
        body(
            template=template(header=header),
            media={"type": "video", "url": "https://example.com/a.mp4"},
        )
    with pytest.raises(NotEncodableError, match="no header"):
        body(template=template(), media={"type": "image", "url": "https://example.com/a.jpg"})
