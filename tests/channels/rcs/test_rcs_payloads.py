"""RCS messages on the wire: golden bodies from the hub's documents, and what is refused before."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from cpaas.channels.base import NotEncodableError, RouteSettingsError
from cpaas.channels.rcs import content
from cpaas.channels.rcs.config import RcsSettings, settings_of
from cpaas.channels.rcs.payloads import (
    BODY_BYTES_MAX,
    capability_path,
    content_message,
    revoke_path,
    send_request,
)
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import Outgoing
from cpaas.simulators.rcs.bodies import read_body
from cpaas.snapshot.types import Route

ID = UUID("0193f1f0-0000-7000-8000-000000000001")
NOW_US = 1_800_000_000_000_000
BOT = "AGeCe4BMDXPH2rOC"


def message(text: str = "", valid_seconds: int = 120, **extra: Any) -> Outgoing:
    return Outgoing(
        ID.bytes, "+919812345678", "brand", text, "", 1, 1, NOW_US,
        NOW_US + valid_seconds * 1_000_000, 0, content=extra or None,
    )  # fmt: skip


def body(made: Outgoing, settings: RcsSettings | None = None) -> dict[str, Any]:
    """The body, which the simulated hub must take, too."""
    read: dict[str, Any] = msgspec.json.decode(
        send_request(settings or RcsSettings(), made, BOT, NOW_US).body
    )
    read_body(read)
    return read


def test_a_text_with_its_address_and_life() -> None:
    made = send_request(RcsSettings(), message("hello"), BOT, NOW_US)
    assert made.path == (
        "/v1/phones/+919812345678/agentMessages/async"
        f"?botId={BOT}&messageId=0193f1f0-0000-7000-8000-000000000001"
    )
    assert made.body == b'{"contentMessage":{"text":"hello"},"ttl":"120s"}'
    assert made.message_id == str(ID)


def test_settings_say_what_goes_along() -> None:
    settings = RcsSettings(
        hub="vi", capability="send", query={"sendGipLink": "false"}, send_ttl=False
    )
    made = send_request(settings, message("hello"), BOT, NOW_US)
    assert made.path.endswith("&sendGipLink=false&doCapCheck=true")
    assert made.body == b'{"contentMessage":{"text":"hello"}}'
    assert settings.addresses.api_url == "https://api.virbm.in/rcs"
    assert settings.addresses.directory_url == "", "Vi: approved in its portal, unless set"
    own = RcsSettings(hub="dotgo", api_url="https://hub.example/rcs/")
    assert own.addresses.api_url == "https://hub.example/rcs"
    assert own.addresses.token_url == "https://auth.dotgo.com/auth/oauth/token"


def test_ttl_is_never_over_what_the_hub_takes() -> None:
    assert body(message("a", valid_seconds=90 * 86_400))["ttl"] == "1296000s"
    assert body(message("a", valid_seconds=0))["ttl"] == "1s"


def test_a_template_carries_its_variables_as_json_text() -> None:
    made = body(message(template={"code": "order_tmpl", "params": {"name": "Asha"}}))
    assert made["contentMessage"] == {
        "templateMessage": {"templateCode": "order_tmpl", "customParams": '{"name":"Asha"}'}
    }
    bare = body(message("shown text", template={"code": "order_tmpl"}))
    assert bare["contentMessage"] == {"templateMessage": {"templateCode": "order_tmpl"}}


CHIPS: list[dict[str, Any]] = [
    {"type": "reply", "text": "Yes", "postback": "yes"},
    {"type": "url", "text": "Shop", "url": "https://shop.example/a?b=c"},
    {"type": "dial", "text": "Call", "phone": "+912212345678"},
    {"type": "location", "text": "Map", "latitude": 18.9, "longitude": 72.8, "label": "Us"},
    {"type": "share_location", "text": "Here I am"},
    {
        "type": "calendar", "text": "Book", "title": "Visit",
        "start": "2026-12-01T10:00:00+05:30", "end": "2026-12-01T11:00:00+05:30",
    },
]  # fmt: skip
WIRE_CHIPS = [
    {"reply": {"text": "Yes", "postbackData": "yes"}},
    {"action": {"text": "Shop", "postbackData": "Shop",
                "openUrlAction": {"url": "https://shop.example/a?b=c"}}},
    {"action": {"text": "Call", "postbackData": "Call",
                "dialAction": {"phoneNumber": "+912212345678"}}},
    {"action": {"text": "Map", "postbackData": "Map", "viewLocationAction":
                {"latLong": {"latitude": 18.9, "longitude": 72.8}, "label": "Us"}}},
    {"action": {"text": "Here I am", "postbackData": "Here I am", "shareLocationAction": {}}},
    {"action": {"text": "Book", "postbackData": "Book", "createCalendarEventAction":
                {"startTime": "2026-12-01T04:30:00Z", "endTime": "2026-12-01T05:30:00Z",
                 "title": "Visit", "description": ""}}},
]  # fmt: skip


def test_suggestions_go_with_a_text() -> None:
    made = body(message("Pick", rcs={"suggestions": CHIPS}))
    assert made["contentMessage"] == {"text": "Pick", "suggestions": WIRE_CHIPS}


CARD: dict[str, Any] = {
    "title": "Sale",
    "description": "Today",
    "media": {"url": "https://cdn.example/a.png", "height": "tall"},
    "suggestions": CHIPS[:2],
}
WIRE_CARD = {
    "title": "Sale",
    "description": "Today",
    "media": {"height": "TALL", "contentInfo": {"fileUrl": "https://cdn.example/a.png"}},
    "suggestions": WIRE_CHIPS[:2],
}


def test_a_card_upright_and_across() -> None:
    made = body(message(rcs={"card": CARD, "suggestions": CHIPS[:1]}))
    assert made["contentMessage"] == {
        "richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": WIRE_CARD}},
        "suggestions": WIRE_CHIPS[:1],
    }
    across = body(message(rcs={"card": CARD | {"orientation": "horizontal"}}))
    card = across["contentMessage"]["richCard"]["standaloneCard"]
    assert (card["cardOrientation"], card["thumbnailImageAlignment"]) == ("HORIZONTAL", "LEFT")


def test_a_carousel() -> None:
    made = body(message(rcs={"carousel": {"cards": [CARD, CARD], "width": "small"}}))
    assert made["contentMessage"]["richCard"] == {
        "carouselCard": {"cardWidth": "SMALL", "cardContents": [WIRE_CARD, WIRE_CARD]}
    }


def test_a_file_by_its_url() -> None:
    made = body(
        message(
            media={
                "type": "document",
                "url": "https://cdn.example/a.pdf",
                "thumbnail_url": "https://cdn.example/a.jpg",
            }
        )
    )
    assert made["contentMessage"] == {
        "contentInfo": {
            "fileUrl": "https://cdn.example/a.pdf",
            "thumbnailUrl": "https://cdn.example/a.jpg",
        }
    }


@pytest.mark.parametrize(
    ("text", "extra", "word"),
    [
        ("", {}, "nothing to send"),
        ("a" * 3073, {}, "3073"),
        ("a", {"media": {"url": "https://a.b/c"}}, "text cannot go"),
        ("", {"media": {"url": "https://a.b/c"}, "rcs": {"card": CARD}}, "media and rcs.card"),
        ("", {"rcs": {"card": {"title": "a" * 201}}}, "title"),
        ("", {"template": {"code": ""}}, "carrier code"),
        ("", {"template": {"code": "a", "params": {"a": "b" * 40_000}}}, "32 KB"),
    ],
)
def test_what_cannot_be_written_says_why(text: str, extra: Any, word: str) -> None:
    with pytest.raises(NotEncodableError, match=word):
        content_message(message(text, **extra))


def test_a_message_over_the_hubs_size_is_not_sent() -> None:
    # Ten cards of the longest texts, each character of several bytes, still fit; the limit is for
    # what a later version of the fields may allow.
    card = {"title": "\u0915" * 200, "description": "\u0915" * 2000}
    made = send_request(RcsSettings(), message(rcs={"carousel": {"cards": [card] * 10}}), BOT, 0)
    assert len(made.body) < BODY_BYTES_MAX


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"card": {}}, "rcs.card"),
        ({"card": CARD, "carousel": {"cards": [CARD, CARD]}}, "rcs.carousel"),
        ({"carousel": {"cards": [CARD]}}, "rcs.carousel.cards"),
        ({"carousel": {"cards": [CARD, {}]}}, "rcs.carousel.cards[1]"),
        ({"card": CARD | {"suggestions": CHIPS[:1] * 5}}, "rcs.card.suggestions"),
        ({"suggestions": CHIPS[:1] * 12}, "rcs.suggestions"),
        ({"suggestions": [{"type": "reply", "text": "a" * 26}]}, "rcs.suggestions[0].text"),
        ({"suggestions": [{"type": "url", "text": "a", "url": "ftp://a"}]},
         "rcs.suggestions[0].url"),
        ({"suggestions": [CHIPS[5] | {"end": "2026-11-01T00:00:00Z"}]}, "rcs.suggestions[0]"),
        ({"suggestions": [CHIPS[5] | {"end": "2026-12-01T11:00:00"}]}, "rcs.suggestions[0]"),
        ({"unknown": 1}, "rcs"),
        (["card"], "rcs"),
        ({}, "text"),
    ],
)  # fmt: skip
def test_the_field_at_fault_is_named(raw: Any, field: str) -> None:
    with pytest.raises(InputError) as caught:
        content.read("", {"rcs": raw})
    assert caught.value.field == field


def test_fields_of_other_channels_are_refused() -> None:
    for field in ("whatsapp", "voice"):
        with pytest.raises(InputError, match=field):
            content.read("hello", {field: {"language": "en"}})
    with pytest.raises(InputError) as caught:
        content.read("", {"media": {"url": "ftp://a"}})
    assert caught.value.field == "media.url"


def test_paths_of_the_other_calls() -> None:
    assert revoke_path(BOT, "919812345678", "m-1") == (
        f"/v1/phones/+919812345678/agentMessages/m-1?botId={BOT}"
    )
    assert capability_path(BOT, "919812345678") == (
        f"/v1/phones/+919812345678/capabilities?botId={BOT}"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"hub": "jio"},
        {"api_url": "hub.example"},
        {"api_url": "https://hub.example/?a=b"},
        {"callback_networks": ["10.0.0.1/8"]},
        {"capability": "maybe"},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    route = msgspec.structs.replace(_ROUTE, settings=settings)
    with pytest.raises(RouteSettingsError, match="route rcs"):
        settings_of(route)


_ROUTE = Route(
    1, "rcs", "rcs", "", "", 0, True, False, 0, 1, 10, "trx", "", "", "", "same", {}, b"", 0
)  # fmt: skip
