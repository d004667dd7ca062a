"""The words of a Calls API: scripts, forms, signed callbacks; and what ends of calls mean."""

from xml.etree import ElementTree as ET

import msgspec
import pytest

from cpaas.channels.base import NotEncodableError
from cpaas.channels.voice.callbacks import CallbackError, call_update, genuine, read_form, sign
from cpaas.channels.voice.content import Keys, VoiceContent, content_of, limit_seconds
from cpaas.channels.voice.frames import Ended
from cpaas.channels.voice.payloads import call_form, twiml
from cpaas.channels.voice.statuses import api_error, call_end, sip_error

#: the example in Twilio's own documentation of request validation.
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"),
    ("From", "+14158675309"), ("To", "+18005551212"),
]  # fmt: skip
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_signature_is_the_documented_one() -> None:
    assert sign("12345", URL, FORM) == SIGNATURE
    assert genuine("12345", URL, FORM[::-1], SIGNATURE)
    assert not genuine("12346", URL, FORM, SIGNATURE)
    assert not genuine("12345", URL, [*FORM, ("CallDuration", "900")], SIGNATURE)
    assert not genuine("12345", URL, FORM, "")


def test_a_proxy_may_show_or_hide_the_port() -> None:
    signed = sign("t", "https://a.example:443/x", FORM)
    assert genuine("t", "https://a.example/x", FORM, signed)
    signed = sign("t", "https://a.example/x", FORM)
    assert genuine("t", "https://a.example:443/x", FORM, signed)
    assert not genuine("t", "https://b.example/x", FORM, signed)


def test_a_script_says_asks_and_hangs_up() -> None:
    content = VoiceContent(language="hi-IN", voice="woman", repeat=2, dtmf=Keys(digits=3))
    root = ET.fromstring(twiml('Rock & "roll" <4821>', content, "https://c.example/k?a=1&b=2"))
    assert [verb.tag for verb in root] == ["Pause", "Gather", "Hangup"]
    gather = root.find("Gather")
    assert gather is not None
    assert (gather.get("numDigits"), gather.get("action")) == ("3", "https://c.example/k?a=1&b=2")
    (say,) = gather
    assert say.attrib == {"voice": "woman", "language": "hi-IN", "loop": "2"}
    assert say.text == 'Rock & "roll" <4821>'
    played = ET.fromstring(twiml("", VoiceContent(audio_url="https://m.example/a.mp3?x=1&y=2"), ""))
    assert played.findtext("Play") == "https://m.example/a.mp3?x=1&y=2"


def test_a_script_that_no_provider_takes_is_refused() -> None:
    with pytest.raises(NotEncodableError, match="shorten the text"):
        twiml("x" * 3_999, VoiceContent(), "")


def test_the_form_asks_for_every_event_and_a_limit() -> None:
    form = call_form(
        "+919876543210", "+911140000000", "<Response/>", callback_url="https://c.example",
        ring_seconds=45, limit_seconds=120,
    )  # fmt: skip
    assert ("TimeLimit", "120") in form
    events = [value for name, value in form if name == "StatusCallbackEvent"]
    assert events == ["initiated", "ringing", "answered", "completed"]


def test_a_callback_is_read() -> None:
    body = (
        b"CallSid=CA1&CallStatus=completed&To=%2B91987&From=%2B9111&CallDuration=61"
        b"&Timestamp=Thu%2C+26+Nov+2026+10%3A00%3A00+%2B0000&SipResponseCode=200"
    )
    update = call_update(read_form(body))
    assert (update.sid, update.status, update.seconds, update.to) == (
        "CA1", "completed", 61, "+91987",
    )  # fmt: skip
    assert update.done_us == 1_795_687_200_000_000


@pytest.mark.parametrize("body", [b"", b"CallSid=CA1", b"CallStatus=busy", b"\xff\xfe=1"])
def test_what_is_no_callback_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackError):
        call_update(read_form(body))


def test_ends_of_calls() -> None:
    assert call_end("ringing") is None
    assert call_end("completed") == ("DELIVERED", None)
    state, error = call_end("no-answer") or ("", None)
    assert (state, error and error.code, error and error.refunds) == ("FAILED", "no_answer", True)
    for status in ("busy", "failed", "canceled"):
        assert (call_end(status) or ("",))[0] == "FAILED"


@pytest.mark.parametrize(
    ("status", "code", "then"),
    [
        (400, 21211, "reject"), (400, 21212, "reject"), (401, 20003, "next_route"),
        (429, 20429, "retry"), (503, 0, "retry"), (500, 0, "unknown"), (400, 99999, "reject"),
    ],
)  # fmt: skip
def test_refusals_of_the_api(status: int, code: int, then: str) -> None:
    assert api_error(status, code).then == then


def ended(status: int = 0, reason: str = "", **changes: object) -> Ended:
    plain = Ended(1, "", True, "them", status, reason, None, "")
    return msgspec.structs.replace(plain, **changes)


@pytest.mark.parametrize(
    ("end", "rang", "code"),
    [
        (ended(486, "Busy Here"), True, "busy"),
        (ended(600), False, "busy"),
        (ended(480), True, "no_answer"),
        (ended(by="ring"), True, "no_answer"),
        (ended(603), True, "declined"),
        (ended(404), False, "invalid_destination"),
        (ended(488), False, "not_encodable"),
        (ended(503), False, "carrier_throttled"),
        # It rang: nothing is tried again, whatever the carrier says then.
        (ended(503), True, "undeliverable"),
        (ended(407), False, "carrier_refused_route"),
        (ended(reason="Connection refused"), False, "route_down"),
        (ended(reason="no local address", placed=False), False, "route_down"),
        # Not a word came back: it may have arrived.
        (ended(reason="Connection timed out"), False, "unknown_outcome"),
        (ended(by="ring"), False, "unknown_outcome"),
    ],
)
def test_ends_over_sip(end: Ended, rang: bool, code: str) -> None:
    error = sip_error(end, rang=rang)
    assert error is not None
    assert error.code == code
    assert sip_error(msgspec.structs.replace(end, milliseconds=1), rang=rang) is None


def test_what_we_end_ourselves_is_not_delivered() -> None:
    cut = sip_error(ended(by="stop", milliseconds=2_000), rang=True)
    assert cut is not None
    assert (cut.code, cut.then, cut.refunds) == ("call_cut", "fail", True)
    rang = sip_error(ended(by="stop", reason="Rejected by user"), rang=True)
    assert rang is not None
    assert rang.code == "call_cancelled"


def test_the_longest_a_call_may_take() -> None:
    assert limit_seconds("Your code is 4821", VoiceContent()) == 60
    assert limit_seconds("x" * 900, VoiceContent(repeat=2)) == 240
    assert limit_seconds("", VoiceContent(audio_url="https://m.example/a.wav")) == 360
    assert limit_seconds("x", VoiceContent(max_seconds=20)) == 20
    assert content_of(None) == VoiceContent()
    with pytest.raises(msgspec.ValidationError, match="repeat"):
        content_of({"voice": {"repeat": 9}})
