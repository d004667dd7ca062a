"""What an account does with its webhook, through the verbs that API and portal call."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from tests.webhooks.world import World, a_world, all_are

from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.simulators.customer.sink import Behaviour
from cpaas.webhooks import settings
from cpaas.webhooks.events import uuid_text


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(dsn, tmp_path) as made:
        yield made


async def test_the_secret_is_shown_once_and_rotated_on_demand(world: World) -> None:
    account_id = await world.account("a")
    assert await settings.get_endpoint(world.pool, account_id) is None
    first = await world.put(account_id, world.sink.url("/a"), events=["message.read"])
    assert first
    assert first.startswith("whsec_")
    assert await world.put(account_id, world.sink.url("/b")) is None
    found = await settings.get_endpoint(world.pool, account_id)
    assert found is not None
    assert (found.url, found.events, found.active) == (
        world.sink.url("/b"), ["message.read"], True,
    )  # fmt: skip
    second = await world.put(account_id, world.sink.url("/b"), events=[], rotate=True)
    assert second
    assert second != first
    await world.publish(account_id)
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 1))
        world.later_us = 25 * 3600 * 1_000_000
        await world.publish(account_id)
        await world.until(account_id, all_are("delivered", 2))
    both, later = world.sink.received
    for secret in (first, second):
        Webhook(secret).verify(both.body, both.headers)
    assert len(later.headers["webhook-signature"].split()) == 1


async def test_secrets_are_not_stored_in_the_clear(world: World) -> None:
    account_id, secret = await world.endpoint("a", world.sink.url("/a"))
    row = await world.pool.fetchrow("SELECT * FROM webhook_endpoint")
    audit = await world.pool.fetch("SELECT after::text FROM audit_log")
    for hidden in (secret, secret.removeprefix("whsec_")):
        assert hidden not in str(dict(row))
        assert all(hidden not in str(entry) for entry in audit)
    assert row["account_id"] == account_id


@pytest.mark.parametrize(
    ("url", "events", "field"),
    [
        ("http://10.0.0.1/", None, "url"),
        ("ftp://example.com/", None, "url"),
        ("http://localhost.invalid/", None, "url"),
        ("http://127.0.0.1:25/", None, "url"),
        ("http://127.0.0.1:8080/", ["message.lost"], "events"),
    ],
)
async def test_what_cannot_be_set(
    world: World, url: str, events: list[str] | None, field: str
) -> None:
    account_id = await world.account("a")
    with pytest.raises(InputError) as caught:
        await world.put(account_id, url, events=events)
    assert caught.value.field == field
    assert await settings.get_endpoint(world.pool, account_id) is None


async def test_clearing_and_setting_again(world: World) -> None:
    account_id, secret = await world.endpoint("a", world.sink.url("/a"))
    assert await world.put(account_id, "") is None
    found = await settings.get_endpoint(world.pool, account_id)
    assert found is not None
    assert (found.url, found.active, found.disabled_reason) == ("", False, "no URL is set")
    assert await world.put(account_id, world.sink.url("/a")) == secret


async def test_a_test_event_takes_the_ordinary_way(world: World) -> None:
    account_id, secret = await world.endpoint("a", world.sink.url("/a"), events=["message.read"])
    async with world.pool.acquire() as connection, connection.transaction():
        delivery_id = await settings.send_test(connection, account_id)
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 1))
    (got,) = world.sink.received
    assert Webhook(secret).verify(got.body, got.headers)["type"] == "webhook.test"
    shown, body = await settings.delivery(world.pool, account_id, delivery_id)
    assert (shown.type, shown.message_id, body) == ("webhook.test", None, got.body)


async def test_no_test_without_an_endpoint(world: World) -> None:
    account_id = await world.account("a")
    with pytest.raises(InputError):
        await settings.send_test(world.pool, account_id)


async def test_deliveries_in_pages_newest_first_of_ones_own_only(world: World) -> None:
    account_id, _ = await world.endpoint("a", world.sink.url("/a"))
    other, _ = await world.endpoint("b", world.sink.url("/b"))
    world.sink.behave("/b", Behaviour(status=500))
    events = await world.publish(account_id, 5)
    (foreign,) = await world.publish(other)
    async with world.delivering():
        await world.until(account_id, all_are("delivered", 5))
        await world.until(other, all_are("retrying", 1))
    seen, cursor = [], ""
    while True:
        page, after = await settings.deliveries(world.pool, account_id, cursor=cursor, limit=2)
        seen += page
        if after is None:
            break
        cursor = after
    assert [one.id for one in seen] == [uuid_text(event.id) for event in reversed(events)]
    assert seen[0].message_id == uuid_text(events[-1].message_id)
    assert (await settings.deliveries(world.pool, account_id, status="failed"))[0] == []
    of_message = await settings.message_deliveries(world.pool, account_id, events[2].message_id)
    assert [one.id for one in of_message] == [uuid_text(events[2].id)]
    for verb in (settings.replay, settings.attempts, settings.delivery):
        with pytest.raises(InputError):
            await verb(world.pool, account_id, uuid_text(foreign.id))
        with pytest.raises(InputError):
            await verb(world.pool, account_id, "not-an-id")
    (attempt,) = await settings.attempts(world.pool, other, uuid_text(foreign.id))
    assert (attempt.status, attempt.replay) == (500, False)


async def test_audit_names_who_set_it(world: World) -> None:
    account_id = await world.account("a")
    async with world.pool.acquire() as connection, acting(connection, "key:1"):
        await settings.put_endpoint(
            connection, world.keyring, world.guard, account_id, world.sink.url()
        )
    assert await world.pool.fetchval(
        "SELECT actor FROM audit_log WHERE table_name = 'webhook_endpoint'"
    ) == "key:1"  # fmt: skip
