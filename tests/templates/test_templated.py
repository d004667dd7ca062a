"""Templates on a real database: from draft to a message, versions, verdicts, events, rules."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from tests.api.doors import Client, client

from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import unpack, unpack_events
from cpaas.routing.asked import Asked, answer
from cpaas.routing.plan import Planner
from cpaas.templates import decide, edit, queries, review_queries
from cpaas.templates.types import CarrierWord, Content, NewTemplate, TemplateRow

OTP = NewTemplate("sms", "otp", Content("Your code is {{code}}."))
ORDER = NewTemplate("whatsapp", "order", Content("Order {{no}} is here."), category="UTILITY")


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Client]:
    async with client(dsn) as made:
        yield made


async def made(api: Client, new: NewTemplate, *, submitted: bool = True) -> int:
    async with api.world.pool.acquire() as connection, connection.transaction():
        one = await edit.create(connection, api.account_id, new, actor="t")
        if submitted:
            await edit.submit(connection, api.account_id, one, actor="t")
    await seen(api, lambda: known(api, one) is not None)
    return one


def known(api: Client, one: int, channel: str = "") -> Any:
    for (account_id, on), own in api.world.holder.current.templates.items():
        if account_id == api.account_id and channel in ("", on) and one in own.by_id:
            return own.by_id[one]
    return None


async def seen(api: Client, true: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_message_is_made_of_a_template(api: Client) -> None:
    await made(api, OTP)
    sent = await api.post(text=None, template="otp", variables={"code": 4821})
    assert sent.status == 202
    row = await api.world.pool.fetchrow("SELECT body, content FROM message")
    assert row[0] == "Your code is 4821."
    assert row[1]["template"]["name"] == "otp"
    payload = await api.world.pool.fetchval("SELECT payload FROM queue_item")
    assert unpack(payload).messages[0].template == "otp"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"template": "nothing"}, "template_not_found", "template"),
        ({"template": "otp"}, "variable_missing", "variables.code"),
        ({"template": "otp", "variables": {"code": "1", "x": "2"}}, "variable_unknown",
         "variables.x"),
        ({"template": "otp", "text": "hi", "variables": {"code": "1"}}, "validation_error",
         "text"),
        ({"template": "draft"}, "template_not_approved", "template"),
        ({"variables": {"code": "1"}, "text": "hi"}, "validation_error", "template"),
        ({"template": "two"}, "template_language", "language"),
        ({"template": "two", "language": "fr"}, "template_not_found", "template"),
    ],
)  # fmt: skip
async def test_faults_are_named(api: Client, body: dict[str, Any], code: str, field: str) -> None:
    await made(api, OTP)
    await made(api, NewTemplate("sms", "draft", Content("x")), submitted=False)
    for language in ("en", "hi"):
        await made(api, NewTemplate("sms", "two", Content("x"), language=language))
    refused = await api.post(**({"text": None} | body))
    assert (refused.status, refused.code) == (422, code)
    assert refused.json["errors"][0]["field"] == field


async def test_a_new_version_is_used_once_it_is_approved(api: Client) -> None:
    one = await made(api, OTP)
    pool, account_id = api.world.pool, api.account_id
    changed = NewTemplate("sms", "otp", Content("Code: {{code}}"))
    async with pool.acquire() as connection, connection.transaction():
        assert await edit.revise(connection, account_id, one, changed, actor="t") == 2
        assert await edit.revise(connection, account_id, one, changed, actor="t") == 2
    sent = await api.post(text=None, template="otp", variables={"code": "1"})
    assert sent.status == 202, "the old version stays in use"
    async with pool.acquire() as connection, connection.transaction():
        await edit.submit(connection, account_id, one, actor="t")
    await seen(api, lambda: known(api, one).version == 2)
    await api.post(text=None, template="otp", variables={"code": "1"})
    rows = await pool.fetch("SELECT body FROM message ORDER BY id")
    assert [row[0] for row in rows] == ["Your code is 1.", "Code: 1"]
    assert [v.status for v in await queries.versions(pool, account_id, one)] == ["APPROVED"] * 2
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE template_version SET status = 'FINE'")


async def test_both_verdicts_are_needed_and_told(api: Client) -> None:
    pool, account_id = api.world.pool, api.account_id
    await pool.execute(
        "INSERT INTO webhook_endpoint (account_id, url, events, secret) VALUES"
        " ($1, 'https://example.com', '{template.approved,template.paused}', 's')",
        account_id,
    )
    one = await made(api, ORDER)

    async def do(work: Callable[[Any], Any]) -> TemplateRow:
        async with pool.acquire() as connection, connection.transaction():
            row: TemplateRow = await work(connection)
            return row

    row = await do(lambda c: decide.approve(c, account_id, one, actor="admin:1"))
    assert (row.version.status, row.version.carrier_status) == ("APPROVED", "pending")
    assert row.live_version == 0
    [due] = await review_queries.due(pool, "whatsapp", 10)
    assert (due.account_id, due.template_id, due.number) == (account_id, one, 1)
    assert await review_queries.due(pool, "whatsapp", 10) == [], "one process asks, once"
    said = CarrierWord("approved", "123", account="waba1")
    row = await do(lambda c: decide.told(c, account_id, one, said))
    assert (row.live_version, row.version.carrier_id) == (1, "123")
    assert await review_queries.by_carrier_id(pool, "whatsapp", "123") == (account_id, one, 1)
    await seen(api, lambda: known(api, one).usable)
    row = await do(lambda c: decide.told(c, account_id, one, CarrierWord("paused", reason="Low")))
    assert row.version.carrier_reason == "Low"
    await seen(api, lambda: not known(api, one).usable)
    assert known(api, one).state == "paused with the carrier"
    await do(lambda c: decide.told(c, account_id, one, CarrierWord("paused", reason="Low")))
    payloads = await pool.fetch("SELECT payload FROM queue_item WHERE queue = 'cpaas.webhook'")
    events = [event for row in payloads for event in unpack_events(row[0]).events]
    assert [event.type for event in events] == [
        "template.approved", "template.approved", "template.paused"
    ]  # fmt: skip
    assert b'"carrier_reason":"Low"' in events[-1].body
    kinds = [event.kind for event in await queries.history(pool, account_id, one)]
    assert kinds == ["carrier_paused", "carrier_approved", "approved", "submitted", "created"]


async def test_a_linked_dlt_template_must_fit_and_goes_along(api: Client) -> None:
    pool, account_id = api.world.pool, api.account_id
    await pool.execute(
        "INSERT INTO dlt_template (account_id, template_id, body) VALUES"
        " ($1, '1107160000000000001', 'Your code is {#var#}.')",
        account_id,
    )
    linked = NewTemplate("sms", "other", Content("Code {{code}}"),
                         dlt_template_id="1107160000000000001")  # fmt: skip
    async with pool.acquire() as connection:
        with pytest.raises(InputError, match="does not fit the DLT template"):
            await edit.create(connection, account_id, linked, actor="t")
    await made(api, NewTemplate("sms", "otp", OTP.content, dlt_template_id="1107160000000000001"))
    await api.until("account", "pe_id = '1101000000000000001'")
    sent = await api.post(text=None, template="otp", variables={"code": "4821"})
    assert sent.status == 202
    assert (await pool.fetchval("SELECT dlt FROM message"))["template_id"] == "1107160000000000001"
    refused = await api.post(text=None, template="otp", variables={"code": "x" * 31})
    assert refused.code == "dlt_text_mismatch"


async def test_a_step_of_a_fallback_has_a_template_of_its_own(api: Client) -> None:
    await made(api, OTP)
    step = {"channel": "sms", "template": "otp"}
    refused = await api.post(text="hello", fallback=[step])
    assert refused.code == "variable_missing"
    assert refused.json["errors"][0]["field"] == "fallback[0].variables.code"
    sent = await api.post(text="hello", fallback=[step | {"variables": {"code": "1"}}])
    assert sent.status == 202
    stored = await api.world.pool.fetchval("SELECT fallback FROM message")
    assert stored["steps"][0]["template"] == "otp"
    assert stored["steps"][0]["variables"] == {"code": "1"}


async def test_a_rules_template_condition_decides_and_is_explained(api: Client) -> None:
    await made(api, OTP)
    pool = api.world.pool
    for name in ("r1", "r2"):
        await pool.execute("INSERT INTO route (name, channel) VALUES ($1, 'sms')", name)
    for name, templates, priority in (("r2", ["otp"], 1), ("r1", [], 2)):
        await pool.execute(
            "INSERT INTO routing_rule (channel, route_id, priority, templates)"
            " SELECT 'sms', id, $2, $3 FROM route WHERE name = $1",
            name, priority, templates,
        )  # fmt: skip
    await api.until("account", "active = true")
    await api.post(text=None, template="otp", variables={"code": "1"})
    await api.post(text="Your code is 1.")
    snapshot = api.world.holder.current
    planner = Planner(
        snapshot, api.account_id, "sms", "transactional", is_test=False, now_us=1
    )  # fmt: skip
    taken = []
    for row in await pool.fetch("SELECT payload FROM queue_item ORDER BY id"):
        for one in unpack(row[0]).messages:
            plan = planner.plan(one.to, one.sender, one.country, one.template)
            taken.append((one.template, snapshot.routes[plan.route_ids[0]].name))
    assert taken == [("otp", "r2"), ("", "r1")]
    asked = Asked(account="acme", to="+919876543210")
    assert answer(snapshot, asked, 1, {}).plan[0] == "r1"
    why = [rule.why for rule in answer(snapshot, asked, 1, {}).rules]
    assert why[0] == "it is for the template otp, and this is none"
    with_template = Asked(account="acme", to="+919876543210", template="otp")
    assert answer(snapshot, with_template, 1, {}).plan[0] == "r2"
