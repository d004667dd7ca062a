"""HTTP dialects on bytes alone: what is asked, what each answer means, what a callback tells."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
import pytest
from tests.pipeline.world import route as plain_route

from cpaas.channels.base import RouteSettingsError
from cpaas.channels.sms.http_dialects import dialect_of, receipts_of
from cpaas.channels.sms.http_settings import read_settings
from cpaas.channels.sms.http_types import Call, Dialect, Report, UnreadableCallbackError
from cpaas.messages.envelopes import Outgoing
from cpaas.smpp.text import plan

NOW = 1_800_000_000_000_000
CALLBACK = "http://us.example/receipts/up/secret"


def dialect(kind: str, **settings: Any) -> Dialect:
    made = msgspec.structs.replace(
        plain_route(1), dialect=kind, host="gw.example", port=13013, system_id="me",
        settings=settings,
    )  # fmt: skip
    return dialect_of(made, {"password": "p&w", "callback": CALLBACK})


def outgoing(text: str = "Hello [€]", **changes: Any) -> Outgoing:
    planned = plan(text)
    made = Outgoing(
        bytes(16), "+447900000001", "MYBRAND", text, planned.encoding.value, planned.segments, 1,
        NOW, NOW + 3600 * 1_000_000, 0,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def fields(call: Call) -> dict[str, str]:
    query = urlsplit(call.url).query or call.body.decode()
    return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))


OWN = f"{bytes(16).hex()}.1"


def test_kannel_is_asked_as_its_manual_says() -> None:
    total, [(number, call)] = dialect("kannel").calls(outgoing(dlt={"pe_id": "1" * 19}), NOW)
    assert (total, number, call.method) == (1, 1, "GET")
    assert call.url.startswith("http://gw.example:13013/cgi-bin/sendsms?")
    asked = fields(call)
    assert asked == {
        "username": "me", "password": "p&w", "from": "MYBRAND", "to": "+447900000001",
        "coding": "0", "charset": "UTF-8", "text": "Hello [€]", "validity": "60",
        "meta-data": f"?smpp?PE_ID={'1' * 19}", "dlr-mask": "19",
        "dlr-url": f"{CALLBACK}/447900000001/MYBRAND?ref={OWN}&state=%d&reply=%A",
    }  # fmt: skip


def test_kannel_gets_parts_with_our_udh_where_it_shall_not_cut() -> None:
    long = "नमस्ते दुनिया " * 10
    message = outgoing(long, parts_ref=0x1234, parts_done=[1])
    total, parts = dialect("kannel", long_message="udh16").calls(message, NOW)
    assert total == 3
    assert [number for number, _ in parts] == [2, 3]
    asked = parse_qs(urlsplit(parts[0][1].url).query, encoding="latin-1")
    assert asked["udh"][0].encode("latin-1") == bytes.fromhex("0608041234" + "0302")
    assert asked["coding"] == ["2"]
    assert asked["text"][0].encode("latin-1").decode("utf-16-be") in long
    assert parts[0][1].reference.endswith(".1.2")


def test_jasmin_is_asked_as_its_manual_says() -> None:
    (_, call) = dialect("jasmin").calls(outgoing("Grüße"), NOW)[1][0]
    assert (call.method, call.url) == ("POST", "http://gw.example:13013/send")
    asked = fields(call)
    assert asked["hex-content"] == "47727e1e65" or bytes.fromhex(asked["hex-content"])
    assert asked["dlr-url"] == f"{CALLBACK}/447900000001/MYBRAND"
    assert (asked["dlr"], asked["dlr-level"], asked["dlr-method"]) == ("yes", "3", "POST")
    (_, call) = dialect("jasmin", method="GET").calls(outgoing("नमस्ते"), NOW)[1][0]
    assert fields(call)["coding"] == "8"
    assert bytes.fromhex(fields(call)["hex-content"]).decode("utf-16-be") == "नमस्ते"


@pytest.mark.parametrize(
    ("kind", "status", "body", "meant"),
    [
        ("kannel", 202, b"0: Accepted for delivery", ""),
        ("kannel", 202, b"3: Queued for later delivery", ""),
        ("kannel", 202, b"hello", "unknown_outcome"),
        ("kannel", 403, b"Authorization failed for sendsms", "route_down"),
        ("kannel", 503, b"Temporal failure, try again later.", "carrier_temporary"),
        ("kannel", 403, b"Not routable. Do not try again.", "carrier_refused_route"),
        ("kannel", 400, b"Missing receiver number, rejected", "invalid_destination"),
        ("kannel", 400, b"Sender missing and no global set, rejected", "invalid_sender"),
        ("kannel", 400, b"Validity field misformed, rejected", "message_refused"),
        ("kannel", 429, b"", "carrier_throttled"),
        ("kannel", 504, b"", "unknown_outcome"),
        ("jasmin", 200, b'Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"', ""),
        ("jasmin", 200, b"<html>", "unknown_outcome"),
        ("jasmin", 403, b'Error "Authentication failure for username:foo"', "route_down"),
        ("jasmin", 412, b'Error "No route found"', "carrier_refused_route"),
        ("jasmin", 500, b'Error "Cannot send submit_sm, check log"', "carrier_temporary"),
        ("jasmin", 403, b'Error "User throughput exceeded"', "carrier_throttled"),
        ("jasmin", 400, b'Error "Argument [to] has an invalid value"', "invalid_destination"),
        ("jasmin", 502, b"Bad Gateway", "unknown_outcome"),
    ],
)  # fmt: skip
def test_answers(kind: str, status: int, body: bytes, meant: str) -> None:
    said = dialect(kind).answer(Call("GET", "", OWN), status, body)
    assert (said.error.code if said.error else "") == meant
    if not meant:
        assert said.provider_id == (OWN if kind == "kannel" else body.decode()[9:-1])


def told(made: Dialect, given: dict[str, Any]) -> list[tuple[str, str, str]]:
    report = Report(given, "447900000001", "MYBRAND", b"raw")
    found = receipts_of(made, report, now_us=NOW, token=None)
    assert all((one.recipient, one.sender) == ("447900000001", "MYBRAND") for one in found)
    return [(one.provider_message_id, one.state, one.error_code) for one in found]


def test_reports_of_kannel() -> None:
    made = dialect("kannel")
    receipt = (
        "id:7 sub:001 dlvrd:000 submit date:2611262100 done date:2611262101 stat:{} err:{} text:"
    )

    def one(state: str, reply: str = "") -> tuple[str, str]:
        [(own, meant, code)] = told(made, {"ref": OWN, "state": state, "reply": reply})
        assert own == OWN
        return meant, code

    assert one("1", receipt.format("DELIVRD", "000")) == ("DELIVERED", "")
    assert one("2", receipt.format("UNDELIV", "0A1")) == ("FAILED", "0A1")
    assert one("2", receipt.format("EXPIRED", "000")) == ("EXPIRED", "")
    assert one("2", "nothing we know") == ("FAILED", "")
    assert one("4") == one("8", "ACK/") == ("ENROUTE", "")
    assert one("16", "NACK/0x0000000b/Invalid Destination Address") == (
        "REJECTED", "ESME_RINVDSTADR 0x0B",
    )  # fmt: skip
    assert one("16", "NACK/") == ("REJECTED", "")
    for wrong in ({}, {"ref": OWN, "state": "x"}, {"ref": OWN, "state": "3"}):
        with pytest.raises(UnreadableCallbackError):
            told(made, wrong)


def test_reports_of_jasmin() -> None:
    made = dialect("jasmin")
    assert made.ack == b"ACK/Jasmin"
    for word, err, meant in (
        ("ESME_ROK", "", ("ENROUTE", "")),
        ("ESME_RINVDSTADR", "", ("REJECTED", "ESME_RINVDSTADR 0x0B")),
        ("DELIVRD", "000", ("DELIVERED", "")),
        ("UNDELIV", "633", ("FAILED", "633")),
        ("EXPIRED", "", ("EXPIRED", "")),
    ):
        [(own, state, code)] = told(
            made, {"id": "u1", "message_status": word, "level": "2", "err": err}
        )
        assert (own, (state, code)) == ("u1", meant)
    with pytest.raises(UnreadableCallbackError):
        told(made, {"id": "u1", "message_status": "SOMEHOW"})


TEMPLATE: dict[str, Any] = {
    "url": "https://api.example/v2/{user}/sms?key={password}",
    "method": "POST",
    "headers": {"X-Ref": "{id}"},
    "body": '{"to":"{to_plus}","from":"{from}","text":"{text}","dlr":"{callback}","pe":"{pe_id}"}',
    "id_path": "messages.0.id",
    "errors": [{"status": 200, "match": '"code": ?11', "code": "invalid_destination"}],
    "receipt": {
        "list": "results", "id": "messageId", "state": "status.groupName", "error": "error.id",
        "to": "to", "states": {"delivered": "DELIVERED", "UNDELIVERABLE": "FAILED"},
        "answer": "thanks",
    },
}  # fmt: skip


def test_a_template_is_filled_in_and_escaped_where_it_stands() -> None:
    made = dialect("template", **TEMPLATE)
    text = 'He said "ok"\nand {to} & more'
    (_, call) = made.calls(outgoing(text), NOW)[1][0]
    assert call.url == "https://api.example/v2/me/sms?key=p%26w"
    assert msgspec.json.decode(call.body)["text"] == text
    assert call.headers == {"X-Ref": OWN, "Content-Type": "application/json"}
    ok = b'{"messages": [{"id": 77}]}'
    assert made.answer(call, 200, ok).provider_id == "77"
    assert made.answer(call, 200, b'{"code": 11}').error.code == "invalid_destination"  # type: ignore[union-attr]
    assert made.answer(call, 200, b"{}").error.code == "unknown_outcome"  # type: ignore[union-attr]
    assert made.answer(call, 500, b"").error.code == "unknown_outcome"  # type: ignore[union-attr]
    assert made.answer(call, 422, b"").error.code == "message_refused"  # type: ignore[union-attr]
    results = [
        {"messageId": "77", "to": "447900000001", "status": {"groupName": "DELIVERED"}},
        {"messageId": 78, "to": "447900000001", "status": {"groupName": "undeliverable"},
         "error": {"id": 27}},
    ]  # fmt: skip
    assert told(made, {"": {"results": results}}) == [
        ("77", "DELIVERED", ""), ("78", "FAILED", "27"),
    ]  # fmt: skip
    assert made.ack == b"thanks"


def test_a_get_template_with_an_expression_for_the_id() -> None:
    made = dialect(
        "template", url="http://gw/push?u={user}&to={to}&t={text}&c={coding}&h={hex}",
        success="^OK", id_regex=r"id=(\w+)", coding={"UCS2": "unicode"},
    )  # fmt: skip
    (_, call) = made.calls(outgoing("नमस्ते & co"), NOW)[1][0]
    assert call.method == "GET"
    assert fields(call)["t"] == "नमस्ते & co"
    assert fields(call)["c"] == "unicode"
    assert made.answer(call, 200, b"OK id=a7").provider_id == "a7"
    assert made.answer(call, 200, b"NO credit").error.code == "message_refused"  # type: ignore[union-attr]
    assert told(made, {"id": "a7", "status": "DELIVRD"}) == [("a7", "DELIVERED", "")]


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("template", {"url": "ftp://x"}, "url:"),
        ("template", {"url": "http://x/{nobody}"}, "no placeholder {nobody}"),
        ("template", {"url": "http://{to}/"}, "host"),
        ("template", {"url": "http://x", "body": "x"}, "POST"),
        ("template", {"url": "http://x", "id_regex": "("}, "id_regex"),
        ("template", {"url": "http://x", "id_regex": "a"}, "group"),
        ("template", {"url": "http://x", "errors": [{"code": "nope"}]}, "errors[0].code"),
        ("template", {"url": "http://x", "headers": {"A B": "x"}}, "headers"),
        ("kannel", {"path": "send"}, "slash"),
        ("kannel", {"receipts_from": ["1.2.3"]}, "receipts_from"),
        ("jasmin", {"dlr_level": 4}, "dlr_level"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_say_which(
    kind: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(RouteSettingsError) as raised:
        read_settings(kind, settings)
    assert said in str(raised.value)
