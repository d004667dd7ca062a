"""submit_sm as carriers want it: addresses, coding, parts, validity, DLT; table-driven."""

from typing import Any

import msgspec
import pytest
from tests.routing.test_plan import route

from cpaas.channels.base import NotEncodableError, RouteSettingsError
from cpaas.channels.sms.config import SmsSettings, settings_of
from cpaas.channels.sms.payloads import submit_parts
from cpaas.messages.envelopes import Outgoing
from cpaas.smpp.parts import join_parts, read_part
from cpaas.smpp.pdu import SubmitSm
from cpaas.smpp.tlv import Tag

NOW = 1_790_000_000_000_000
LONG = "Grüße, a text that needs several parts {with} an extension. " * 6


def outgoing(**changes: Any) -> Outgoing:
    message = Outgoing(
        b"i" * 16, "919876543210", "MYBRAND", "hello", "GSM7", 1, 1, NOW, NOW + 90_000_000, 0
    )
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def parts(settings: dict[str, Any] | None = None, **changes: Any) -> list[SubmitSm]:
    made = settings_of(route(1, settings=settings or {}))
    return [pdu for _, pdu in submit_parts(made, outgoing(**changes), NOW)[1]]


SENDERS = [
    ("MYBRAND", 5, 0, "MYBRAND"),
    ("My Brand", 5, 0, "My Brand"),
    ("56161", 3, 0, "56161"),
    ("+4915112345678", 1, 1, "4915112345678"),
    ("919876543210", 1, 1, "919876543210"),
]


@pytest.mark.parametrize(("sender", "ton", "npi", "address"), SENDERS)
def test_the_form_of_a_sender_names_its_ton_and_npi(
    sender: str, ton: int, npi: int, address: str
) -> None:
    (pdu,) = parts(sender=sender)
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == (ton, npi, address)


def test_a_route_may_say_otherwise() -> None:
    (pdu,) = parts(
        {"source_ton": 0, "source_npi": 1, "dest_ton": 2, "plus": True, "service_type": "CMT"}
    )
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.dest_addr_ton) == (0, 1, 2)
    assert (pdu.destination_addr, pdu.service_type) == ("+919876543210", "CMT")


def test_the_ordinary_message() -> None:
    (pdu,) = parts()
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == (1, 1)
    assert (pdu.destination_addr, pdu.data_coding) == ("919876543210", 0)
    assert (pdu.short_message, pdu.registered_delivery) == (b"hello", 1)
    assert pdu.validity_period == "000000000130000R"
    assert pdu.tlvs == {}


@pytest.mark.parametrize("kind", ["udh8", "udh16", "sar"])
@pytest.mark.parametrize(("encoding", "coding"), [("GSM7", 0), ("UCS2", 8)])
def test_long_messages_in_parts(kind: str, encoding: str, coding: int) -> None:
    pdus = parts({"long_message": kind}, text=LONG, encoding=encoding, parts_ref=0x0201)
    read = [read_part(pdu) for pdu in pdus]
    assert len(pdus) > 2
    assert {part.total for part in read} == {len(pdus)}
    assert {part.reference for part in read} == {0x0201 if kind != "udh8" else 0x01}
    assert {pdu.data_coding for pdu in pdus} == {coding}
    assert join_parts(read) == LONG


def test_a_long_message_in_one_payload() -> None:
    (pdu,) = parts({"long_message": "payload"}, text=LONG)
    assert pdu.short_message == b""
    assert int(Tag.MESSAGE_PAYLOAD) in pdu.tlvs
    assert read_part(pdu).text() == LONG


def test_an_smsc_whose_default_is_latin1() -> None:
    (pdu,) = parts({"gsm_charset": "latin1"}, text="Grüße @ {x}")
    assert (pdu.short_message, pdu.data_coding) == ("Grüße @ {x}".encode("latin-1"), 0)
    several = parts({"gsm_charset": "latin1"}, text=LONG, parts_ref=7)
    assert b"".join(pdu.short_message[6:] for pdu in several) == LONG.encode("latin-1")


def test_only_missing_parts_are_made_again() -> None:
    made = settings_of(route(1))
    message = outgoing(text=LONG, segments=3, parts_done=[1, 3], parts_ref=5)
    total, left = submit_parts(made, message, NOW)
    assert total >= 3
    assert [number for number, _ in left] == [n for n in range(1, total + 1) if n not in (1, 3)]


DLT = {"pe_id": "1101234567890123456", "template_id": "1107123456789012345", "tm_id": "TM1,TM2"}


def test_dlt_goes_into_the_routes_tags() -> None:
    (pdu,) = parts(dlt=DLT)
    assert pdu.tlvs == {
        0x1400: [b"1101234567890123456"],
        0x1401: [b"1107123456789012345"],
        0x1402: [b"TM1,TM2"],
    }
    (other,) = parts({"dlt": {"pe_id": {"tag": 0x1500, "type": "cstring"}}}, dlt=DLT)
    assert other.tlvs == {0x1500: [b"1101234567890123456\0"]}
    assert parts({"dlt": {}}, dlt=DLT)[0].tlvs == {}


def test_vendor_tlvs_go_to_carriers_that_know_them() -> None:
    given = {"tlvs": {"0x1403": ["6100", "ff"], "0x1404": ["62"]}}
    assert parts(content=given)[0].tlvs == {}
    (pdu,) = parts({"pass_tlvs": [0x1403, 0x1405]}, content=given, dlt=DLT)
    assert pdu.tlvs[0x1403] == [b"a\0", b"\xff"]
    assert sorted(pdu.tlvs) == [0x1400, 0x1401, 0x1402, 0x1403]


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "naïve ☃", "encoding": "GSM7"},
        {"encoding": "BINARY"},
        {"sender": "Größe"},
        {"sender": "A" * 21},
        {"dlt": {"pe_id": "1" * 65}},
        {"text": "x" * 50_000},
    ],
)
def test_what_cannot_be_written(changes: dict[str, Any]) -> None:
    with pytest.raises(NotEncodableError):
        parts(**changes)


@pytest.mark.parametrize(
    "settings",
    [{"source_ton": 300}, {"long_message": "magic"}, {"nonsense": 1}, {"dlt": {"pe_id": {}}}],
)
def test_settings_that_cannot_be_used_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(RouteSettingsError, match="settings of route r1"):
        settings_of(route(1, settings=settings))


def test_no_validity_when_the_route_says_so_or_none_is_left() -> None:
    assert parts({"send_validity": False})[0].validity_period == ""
    assert parts(valid_until_us=NOW + 40 * 86_400_000_000)[0].validity_period == ""
    assert msgspec.structs.asdict(SmsSettings())["send_validity"] is True
