"""A row's message passes the checks of every message, whether text or template makes it."""

import msgspec
import pytest
from tests.campaigns.bureau import bureau

from cpaas.campaigns.judge import Judge
from cpaas.campaigns.types import Content, Row
from cpaas.pipeline.drafts import Author, FallbackStep
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot, Template, Templates

ROW = Row(2, "+919876543210", ["Ann", "17"])
COLUMNS = ["First Name", "Order"]
OTP = Template(
    7, 1, "sms", "order", "en", 1, "text", "transactional",
    {"body": "Dear {{first_name}}, {{what}} is ready."}, ("first_name", "what"), "", "", True, "",
)  # fmt: skip


@pytest.fixture
async def world(dsn: str) -> tuple[Snapshot, Author]:
    async with bureau(dsn) as here:
        author = Author(here.account_id, "campaign", False, 1, 9)
        own = Templates({"order": {"en": OTP}}, {7: OTP})
        snapshot = msgspec.structs.replace(
            here.desk.holder.current, templates={(here.account_id, "sms"): own}
        )
        return snapshot, author


def judge(world: tuple[Snapshot, Author], **content: object) -> Judge:
    return Judge(*world, msgspec.convert({"channel": "sms", **content}, Content), COLUMNS, 1)


async def test_text_and_reference_are_the_rows_own(world: tuple[Snapshot, Author]) -> None:
    made = judge(world, text="Hello {{first name}}", reference="o-{{order}}").message(ROW)
    assert (made.text, made.reference, made.to) == ("Hello Ann", "o-17", ROW.to)


async def test_a_template_is_filled_by_column_or_as_told(world: tuple[Snapshot, Author]) -> None:
    one = judge(world, template="order", variables={"what": "order {{Order}}"})
    made = one.message(ROW)
    assert (made.text, made.template) == ("Dear Ann, order 17 is ready.", "order")
    with pytest.raises(RefusedError) as caught:
        one.message(Row(3, ROW.to, ["", "17"]))
    assert caught.value.code == "variable_empty"


#: a fallback is shared by all rows, so it cannot name a column.
FILLED = FallbackStep("sms", template="order", variables={"what": "{{Order}}"})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"template": "nothing"}, "template_not_found"),
        ({"template": "order"}, "variable_missing"),
        ({"template": "order", "variables": {"what": "{{price}}"}}, "variable_unknown"),
        ({"template": "order", "text": "both", "variables": {"what": "x"}}, "validation_error"),
        ({"text": "Hello {{x}}"}, "variable_unknown"),
        ({"text": "Hello", "sender": "NOBODY"}, "sender_not_approved"),
        ({"text": "x", "fallback": [FallbackStep("sms", "{{Order}}")]}, "validation_error"),
        ({"text": "x", "fallback": [FILLED]}, "validation_error"),
    ],
)
async def test_what_concerns_all_rows_is_told_at_once(
    world: tuple[Snapshot, Author], content: dict[str, object], code: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        judge(world, **content)
    assert caught.value.code == code
