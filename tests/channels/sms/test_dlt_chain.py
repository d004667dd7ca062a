"""The chain of telemarketers, as aggregators, operators and their TLVs want it."""

import hashlib

from tests.pipeline.world import HOUR_US

from cpaas.channels.sms.config import DltTag, SmsSettings, scrub_codes
from cpaas.channels.sms.dlt_chain import chained
from cpaas.channels.sms.dlt_codes import dlt_text
from cpaas.channels.sms.payloads import submit_parts
from cpaas.messages.envelopes import Outgoing

PE, AF, DF = "1101" + "0" * 15, "1102" + "1" * 15, "1102" + "2" * 15
DLT = {"pe_id": PE, "template_id": "1107" + "3" * 15, "tm_id": AF}


def test_ids_for_an_aggregator_and_their_hash_for_an_operator() -> None:
    assert chained(DLT, "as_given", DF) is DLT
    assert chained(DLT, "ids", DF)["tm_id"] == f"{AF},{DF}"
    assert chained({**DLT, "tm_id": f"{AF},{DF}"}, "ids", DF)["tm_id"] == f"{AF},{DF}"
    expected = hashlib.sha256(f"{PE},{AF},{DF}".encode()).hexdigest()
    assert chained(DLT, "hash", DF)["tm_id"] == expected
    assert chained({**DLT, "tm_id": "a" * 64}, "hash", DF)["tm_id"] == "a" * 64
    assert chained({"pe_id": PE}, "hash", DF)["tm_id"] == (
        hashlib.sha256(f"{PE},{DF}".encode()).hexdigest()
    )
    assert "tm_id" not in chained({"pe_id": PE}, "hash", "")


def test_the_tlvs_of_a_route() -> None:
    settings = SmsSettings(
        dlt={"pe_id": DltTag(0x1500, "cstring"), "tm_id": DltTag(0x1402)}, dlt_chain="hash",
        dlt_tm_id=DF,
    )  # fmt: skip
    message = Outgoing(
        b"\0" * 16, "+919876543210", "MYBRND", "hi", "GSM7", 1, 1, 0, HOUR_US, 0,
        dlt={**DLT, "warning": "not for the carrier"},
    )  # fmt: skip
    _, ((_, request),) = submit_parts(settings, message, 0)
    assert request.tlvs == {
        0x1500: [PE.encode() + b"\0"],
        0x1402: [hashlib.sha256(f"{PE},{AF},{DF}".encode()).hexdigest().encode()],
    }


def test_scrub_codes_in_plain_words() -> None:
    assert "character by character" in dlt_text("633", {})
    assert "character by character" in dlt_text("0633", {})
    assert dlt_text("5399", {}).startswith("DLT: content refused")
    assert dlt_text("412", {}) == "", "elsewhere this number means something else"
    assert "PE ID" in dlt_text("412", scrub_codes(SmsSettings(dlt_dialect="4xx")))
    assert dlt_text("633", {"633": "ours"}) == "ours"
