"""What is reserved for a call, and what is refused of one before anything is stored."""

from typing import Any

import msgspec
import pytest
from tests.pipeline.world import account, snapshot

from cpaas.api import sending
from cpaas.api.problem import ProblemError
from cpaas.billing.calls import used_units
from cpaas.messages.envelopes import Outgoing
from cpaas.pipeline.check import address, prepare
from cpaas.pipeline.drafts import Author
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Prices, Sender

CALLER = "+911140000000"
MINUTE, CALL = 600_000, 1_500_000


def world(*categories: str) -> Any:
    made = snapshot([msgspec.structs.replace(account(1), channels=frozenset({"voice", "sms"}))])
    prices = {
        (1, "voice", one): Prices(MINUTE if one == "minute" else CALL, (), {}, {})
        for one in categories
    }
    caller = Sender(1, 1, "voice", CALLER, "APPROVED", True, "")
    return msgspec.structs.replace(made, prices=prices, senders={(1, "voice"): {CALLER: caller}})


def accepted(categories: tuple[str, ...] = ("minute",), **body: Any) -> Outgoing:
    request = {"channel": "voice", "to": "+919876543210", **body}
    draft = sending.draft(sending.read(msgspec.json.encode(request)))
    prepared = prepare(world(*categories), Author(1, "api"), draft, 1_700_000_000_000_000)
    return address(prepared, "+919876543210")


def test_whole_minutes_of_the_longest_are_reserved() -> None:
    message = accepted(text="x" * 900, voice={"repeat": 2})
    # 900 characters at nine a second, twice, with pauses and an allowance: 217 seconds.
    assert (message.segments, message.price_micro) == (4, 4 * MINUTE)
    assert message.content == {"voice": {"repeat": 2}}
    assert message.sender == CALLER
    short = accepted(text="Hello", voice={"max_seconds": 61})
    assert short.price_micro == 2 * MINUTE
    played = accepted(voice={"audio_url": "https://media.example.com/a.mp3"})
    assert played.price_micro == 6 * MINUTE


def test_a_price_by_the_minute_stands_before_one_by_the_call() -> None:
    assert accepted(("minute", "call"), text="Hello").price_micro == MINUTE
    by_call = accepted(("call",), text="x" * 2_000)
    assert (by_call.segments, by_call.price_micro) == (1, CALL)
    with pytest.raises(RefusedError, match="No price is set for voice"):
        accepted((), text="Hello")


@pytest.mark.parametrize(
    ("seconds", "reserved", "used"),
    [(0, 3, 1), (1, 3, 1), (60, 3, 1), (61, 3, 2), (181, 3, 3), (3_600, 1, 1)],
)
def test_started_minutes_are_used(seconds: int, reserved: int, used: int) -> None:
    assert used_units(seconds, reserved) == used


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"text": ""}, "text", "empty"),
        ({"text": "x" * 3_001}, "text", "at most 3000"),
        ({"text": "Hi", "voice": {"audio_url": "https://a.example/x.wav"}}, "text", "not both"),
        ({"voice": {"audio_url": "ftp://a.example/x.wav"}}, "voice.audio_url", "https://"),
        ({"text": "Hi", "channel": "sms", "voice": {"repeat": 2}}, "voice", "voice"),
        ({"text": "Hi", "from": "+911140000009"}, "from", "sender"),
    ],
)
def test_what_is_refused(body: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        accepted(**body)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("voice", "field"),
    [
        ({"repeat": 9}, "voice.repeat"),
        ({"speed": 2}, "voice.speed"),
        ({"language": "english!"}, "voice.language"),
        ({"dtmf": {"digits": 0}}, "voice.dtmf.digits"),
        ({"max_seconds": 5}, "voice.max_seconds"),
    ],
)
def test_what_is_not_valid(voice: dict[str, Any], field: str) -> None:
    body = {"channel": "voice", "to": "+919876543210", "text": "Hi", "voice": voice}
    with pytest.raises(ProblemError) as refused:
        sending.read(msgspec.json.encode(body))
    assert refused.value.problem.errors[0].field == field
