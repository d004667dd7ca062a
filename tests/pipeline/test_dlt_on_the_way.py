"""DLT in the pipeline: refused, warned or left alone at acceptance, held over night on the way."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest
from tests.api.doors import Client, client
from tests.pipeline.test_route import Step, configured, rule
from tests.pipeline.world import World, account, data_plane_pool

from cpaas.messages.timeline import timeline

ADD = (
    "INSERT INTO dlt_template (account_id, template_id, name, body, category)"
    " SELECT id, '1107160000000000001', 'otp', 'Your code is {#var#}', 'service' FROM account"
)


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Client]:
    async with client(dsn) as made:
        yield made


async def test_from_enforce_to_off(api: Client) -> None:
    pool = api.world.pool
    assert (await api.post(text="anything")).status == 202, "without a PE ID nothing is checked"
    await api.until("account", "pe_id = '1101000000000000001'")
    assert (await api.post()).code == "dlt_template_not_found"
    await pool.execute(ADD)
    await api.until("account", "tm_id = '1102000000000000001'")
    assert (await api.post(text="Your code is 4821")).status == 202
    row = await pool.fetchrow("SELECT dlt FROM message ORDER BY id DESC LIMIT 1")
    assert row[0] == {
        "pe_id": "1101000000000000001", "template_id": "1107160000000000001",
        "tm_id": "1102000000000000001",
    }  # fmt: skip
    refused = await api.post(text="Your code: 4821")
    assert (refused.status, refused.code) == (422, "dlt_template_not_found")
    assert "At character 10" in refused.json["detail"]
    assert refused.json["errors"][0]["field"] == "text"
    assert (await api.post(text="Hello", to="+4915112345678")).status == 202, "India only"
    await api.until("account", "dlt_mode = 'warn'")
    warned = await api.post(text="Your code: 4821")
    assert warned.status == 202
    entries = await timeline(
        pool, api.account_id, bytes.fromhex(warned.json["id"].replace("-", ""))
    )
    assert entries is not None
    assert "DLT warning: The text fits none" in entries[0].text
    await api.until("account", "dlt_mode = 'off'")
    assert (await api.post(text="Your code: 4821")).status == 202
    row = await pool.fetchrow("SELECT dlt FROM message ORDER BY id DESC LIMIT 1")
    assert row[0] == {"pe_id": "1101000000000000001", "tm_id": "1102000000000000001"}


async def test_a_list_with_one_text_is_matched_once_and_refused_whole(api: Client) -> None:
    await api.until("account", "pe_id = '1101000000000000001'")
    answer = await api.post(to=["+919876543210", "+919876543211"])
    assert (answer.status, answer.code) == (422, "dlt_template_not_found")
    assert await api.count() == 0


async def test_promotional_messages_wait_for_the_morning(dsn: str) -> None:
    night = int(datetime(2026, 11, 26, 20, 0, tzinfo=UTC).timestamp()) * 1_000_000
    async with data_plane_pool(dsn) as pool:
        made = configured(rule(5, 1), accounts=[
            msgspec.structs.replace(account(1), pe_id="1" * 19),
            account(2),
        ])  # fmt: skip
        world = World(pool, night, made)
        await world.open_account()
        await world.open_account(2)
        step = Step(world)
        day = {"lane": "promotional", "country": "IN", "valid_until_us": night + 86_400_000_000}
        held = await step.message(**day)
        await step.message(**day | {"country": "DE"})
        await step.message(**day | {"lane": "transactional"})
        await step.message(**day | {"account_id": 2})
        await step.router.turn()
        assert len(await step.routed("smpp1")) + 0 == 3
        (item,) = await world.items("cpaas.sms.submit")
        # From 01:30 in India to 10:00.
        assert 8.4 * 3600 < item["delay"] < 8.6 * 3600
        assert (await world.row(held))["status"] == "QUEUED"
        await world.money_adds_up()


async def test_templates_are_audited_and_the_accounts_own(pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO account (name) VALUES ('a')")
    await pool.execute(ADD)
    entry = await pool.fetchrow("SELECT table_name, action FROM audit_log ORDER BY id DESC LIMIT 1")
    assert tuple(entry) == ("dlt_template", "insert")
