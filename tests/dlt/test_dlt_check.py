"""What a message to India is told: ids, header, template, kind and hours."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.pipeline.world import account, snapshot

from cpaas.dlt import check, find, hours
from cpaas.snapshot.types import Account, DltTemplate, DltTemplates, Sender, Snapshot

OTP = "Your code is {#var#}. - MYBRND"
OFFER = "Flat {#numeric#}% off at {#var#}! - MYBRND"
NOON = int(datetime(2026, 11, 26, 6, 30, tzinfo=UTC).timestamp()) * 1_000_000


def template(template_id: str, text: str, category: str = "service", *senders: str) -> DltTemplate:
    return DltTemplate(template_id, f"t{template_id}", text, category, frozenset(senders), "")  # type: ignore[arg-type]


def world(*templates: DltTemplate, **changes: Any) -> tuple[Snapshot, Account]:
    one = msgspec.structs.replace(account(1), **({"pe_id": "1" * 19} | changes))
    senders = {
        value: Sender(n, 1, "sms", value, status, False, pe_id)  # type: ignore[arg-type]
        for n, (value, status, pe_id) in enumerate(
            [
                ("MYBRND", "APPROVED", ""),
                ("OTHERS", "APPROVED", "2" * 19),
                ("NOTYET", "PENDING", ""),
            ]
        )
    }  # fmt: skip
    known = DltTemplates(templates or (template("10", OTP), template("20", OFFER, "promotional")))
    made = msgspec.structs.replace(
        snapshot([one]), senders={(1, "sms"): senders}, dlt_templates={1: known}
    )
    return made, one


def judged(
    text: str, sender: str = "MYBRND", *, lane: str = "transactional", at_us: int = NOON,
    given: dict[str, str] | None = None, of: tuple[Snapshot, Account] | None = None,
) -> tuple[dict[str, str], list[str]]:  # fmt: skip
    made, one = of or world()
    found = check.judge(made, one, sender, lane=lane, text=text, given=given, at_us=at_us)
    return found.ids, [fault.code for fault in found.faults]


def test_the_template_is_found_and_its_ids_go_along() -> None:
    ids, faults = judged("Your code is 4821. - MYBRND", of=world(tm_id="7" * 19))
    assert (ids, faults) == ({"pe_id": "1" * 19, "template_id": "10", "tm_id": "7" * 19}, [])


def test_ids_of_the_request_and_of_the_sender_come_first() -> None:
    given = {"pe_id": "9" * 19, "template_id": "10", "tm_id": "8" * 19}
    assert judged("Your code is 1. - MYBRND", given=given) == (given, [])
    assert judged("Your code is 1. - MYBRND", "OTHERS")[0]["pe_id"] == "2" * 19


@pytest.mark.parametrize(
    ("text", "changes", "code"),
    [
        ("Your code is 1 - MYBRND", {}, "dlt_template_not_found"),
        ("Your code is 1 - MYBRND", {"given": {"template_id": "10"}}, "dlt_text_mismatch"),
        ("Your code is 1. - MYBRND", {"given": {"template_id": "99"}}, "dlt_template_not_found"),
        ("Your code is 1. - MYBRND", {"sender": "NOTYET"}, "dlt_header_not_registered"),
        ("Your code is 1. - MYBRND", {"sender": "ROUTES"}, "dlt_header_not_registered"),
        ("Flat 20% off at ours! - MYBRND", {}, "dlt_category_mismatch"),
        ("Your code is 1. - MYBRND", {"lane": "promotional"}, "dlt_category_mismatch"),
        ("Flat 20% off at ours! - MYBRND",
         {"lane": "promotional", "at_us": NOON + 9 * 3_600_000_000}, "dlt_promotional_hours"),
        ("Your code is 1. - MYBRND", {"of": world(pe_id="")}, "dlt_pe_id_missing"),
        ("Your code is 1. - MYBRND", {"of": world(template("10", OTP, "service", "OTHERS"))},
         "dlt_header_mismatch"),
    ],
)  # fmt: skip
def test_faults(text: str, changes: dict[str, Any], code: str) -> None:
    assert judged(text, **changes)[1][:1] == [code]


def test_among_several_the_one_for_the_header_and_the_kind_is_taken() -> None:
    of = world(
        template("1", "Your code is {#var#}. - MYBRND{#var#}", "promotional"),
        template("2", OTP, "service", "OTHERS"),
        template("3", "{#var#} code is {#var#} - MYBRND", "service", "MYBRND"),
    )
    assert judged("Your code is 1. - MYBRND", of=of) == (
        {"pe_id": "1" * 19, "template_id": "3"}, [],
    )  # fmt: skip
    assert judged("Your code is 1. - MYBRND", "OTHERS", of=of)[0]["template_id"] == "2"


def test_the_nearest_template_is_explained() -> None:
    made, one = world()
    found = check.judge(
        made, one, "MYBRND", lane="otp", text="Your code is 4821! - MYBRND", given=None, at_us=NOON
    )
    detail = found.faults[0].detail
    assert "'t10' (10)" in detail
    assert "At character 14" in detail


def test_a_thousand_templates_that_share_their_beginning() -> None:
    rows = [
        template(str(n), f"Dear {{#var#}}, about case {n}: {{#var#}} - MYBRND") for n in range(999)
    ]
    of = world(*rows)
    assert judged("Dear Om, about case 998: closed - MYBRND", of=of)[0]["template_id"] == "998"
    assert judged("Dear Om, about case 999: closed - MYBRND", of=of)[1] == [
        "dlt_template_not_found"
    ]


def test_few_of_a_thousand_templates_are_matched() -> None:
    rows = [
        template(
            str(n), f"Dear {{#var#}}, your order {n:04} of Rs {{#numeric#}} is on its way. -AB"
        )
        for n in range(1000)
    ]
    made = find.index(DltTemplates((*rows, template("x", "{#var#} ok"))))
    assert sum(map(len, made.by_gram.values())) == 1000
    assert len(made.others) == 1
    assert max(map(len, made.by_gram.values())) < 50
    text = "Dear Om, your order 0007 of Rs 12 is on its way. -AB"
    assert [one.template_id for one in find.matching(made, text)] == ["7"]


@pytest.mark.parametrize(
    ("mode", "pe_id", "tm_id", "expected"),
    [
        ("", "", "", ""), ("", "1", "", "enforce"), ("", "", "7", "off"), ("off", "1", "", "off"),
        ("off", "", "", ""), ("warn", "1", "", "warn"), ("enforce", "", "", "enforce"),
    ],
)  # fmt: skip
def test_modes(mode: str, pe_id: str, tm_id: str, expected: str) -> None:
    one = msgspec.structs.replace(account(1), dlt_mode=mode, pe_id=pe_id, tm_id=tm_id)
    assert check.mode(one) == expected


@pytest.mark.parametrize(
    ("utc", "is_open", "opens"),
    [
        ("04:29:59", False, "04:30:00"), ("04:30:00", True, "04:30:00"),
        ("15:29:59", True, "15:29:59"), ("15:30:00", False, "04:30:00"),
        ("23:00:00", False, "04:30:00"), ("00:00:00", False, "04:30:00"),
    ],
)  # fmt: skip
def test_hours_are_indian(utc: str, is_open: bool, opens: str) -> None:
    at = int(datetime.fromisoformat(f"2026-11-26T{utc}+00:00").timestamp()) * 1_000_000
    assert hours.is_open(at) is is_open
    assert hours.utc(hours.opens_us(at)).endswith(f"T{opens}Z")
    assert 0 <= hours.opens_us(at) - at < 86_400_000_000
