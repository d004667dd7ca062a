"""Figures: exactly what product pages promise, before and after a fold, by both drivers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.pipeline.world import data_plane_pool
from tests.reports.world import PRICE, ZONE, Traffic, ask_cursor, by_cursor, minutes, portal

from cpaas.reports import figures
from cpaas.reports.days import begin_of, full_hour, today
from cpaas.reports.fold import fold
from cpaas.reports.statement import ask, micros
from cpaas.reports.summary import summarise
from cpaas.reports.types import Figures

#: noon of today in the zone, so that the day's borders are far.
DAY = today(datetime.now(UTC), ZONE)
NOW = begin_of(DAY, ZONE) + timedelta(hours=12, minutes=30)


@pytest.fixture
async def traffic(dsn: str) -> AsyncIterator[Traffic]:
    async with data_plane_pool(dsn) as pool:
        world = Traffic(pool, 0)
        for account in (1, 2, 3):
            await world.open_account(account)
        yield world


async def busy(world: Traffic) -> None:
    await world.send(NOW - minutes(200), "DELIVERED")
    await world.send(NOW - minutes(150), "READ")
    await world.send(NOW - minutes(100), "FAILED")
    await world.send(NOW - minutes(5), "SUBMITTED")
    await world.send(NOW - minutes(5), "EXPIRED", account_id=2, channel="whatsapp", country="AE")
    await world.send(NOW - minutes(3), "DELIVERED", account_id=2)
    await world.send(NOW - minutes(1), "SENDING", account_id=2)
    await world.send(NOW - minutes(1), "DELIVERED", is_test=True)


async def answers(world: Traffic) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "admin": figures.admin_cards(NOW, ZONE),
        "portal": figures.portal_cards(1, NOW, ZONE),
        "traffic": figures.traffic(NOW),
        "channels": figures.channels(None, NOW, ZONE),
        "ever": figures.channels(2, NOW, ZONE, ever=True),
        "errors": figures.top_errors(None, NOW, ZONE),
        "days": summarise(None, DAY, DAY + timedelta(days=1), "day", ZONE),
        "hours": summarise(1, DAY, DAY + timedelta(days=1), "hour", ZONE),
        "accounts": summarise(None, DAY, DAY + timedelta(days=1), "account", ZONE),
    }
    return {name: await ask(world.pool, question) for name, question in asked.items()}


async def test_cards(traffic: Traffic) -> None:
    await busy(traffic)
    cards = (await answers(traffic))["admin"]
    assert cards.today.accepted == 7  # test messages stay out
    assert (cards.today.delivered, cards.today.submitted) == (3, 6)
    assert cards.today.success_rate == 0.5
    assert cards.today.net_micro == 7 * PRICE
    assert (cards.active_users, cards.users) == (2, 3)
    await traffic.pool.execute(
        "INSERT INTO app_user (username, password, role, account_id, last_login)"
        " VALUES ('u', '!', 'USER', 3, $1), ('v', '!', 'USER', 1, $1)",
        micros(NOW),
    )
    await traffic.pool.execute(
        "INSERT INTO app_user (username, password, role, last_login)"
        " VALUES ('a', '!', 'ADMIN', $1)",
        micros(NOW),
    )
    assert (await ask(traffic.pool, figures.admin_cards(NOW, ZONE))).active_users == 3
    mine = await ask(traffic.pool, figures.portal_cards(2, NOW, ZONE))
    assert (mine.today.accepted, mine.today.net_micro) == (3, 3 * PRICE)
    assert mine.balance_micro == 100_000_000


async def test_nothing_sent_has_no_rate(traffic: Traffic, dsn: str) -> None:
    cards = by_cursor(dsn, figures.portal_cards(1, NOW, ZONE))
    assert cards.today == Figures()
    assert cards.today.success_rate is None
    assert by_cursor(dsn, figures.top_errors(1, NOW, ZONE)) == []


async def test_a_fold_changes_no_answer(traffic: Traffic, dsn: str) -> None:
    await busy(traffic)
    before = await answers(traffic)
    count = "SELECT count(*) FROM counter_minute"
    rows = await traffic.pool.fetchval(count)
    assert await fold(traffic.pool, micros(NOW), ZONE) > 0
    assert await traffic.pool.fetchval(count) < rows
    assert await answers(traffic) == before
    assert await fold(traffic.pool, micros(NOW), ZONE) == 0
    # A receipt that comes late is a row of its own minute, and is folded the next time.
    late = await traffic.send(NOW - minutes(180), "SUBMITTED")
    await fold(traffic.pool, micros(NOW), ZONE)
    traffic.now_us = micros(NOW)
    await traffic.end(late, "DELIVERED")
    cards = await ask(traffic.pool, figures.admin_cards(NOW, ZONE))
    assert (cards.today.accepted, cards.today.delivered) == (8, 4)
    await fold(traffic.pool, micros(NOW), ZONE)
    assert await ask(traffic.pool, figures.admin_cards(NOW, ZONE)) == cards
    assert by_cursor(dsn, figures.admin_cards(NOW, ZONE)) == cards


async def test_folding_beside_writers_loses_nothing(traffic: Traffic) -> None:
    old = NOW - minutes(90)
    add = (
        "INSERT INTO counter_minute AS c (minute, account_id, channel, route_id, country,"
        " instance_id, delivered) VALUES ($1, $2, 'sms', 1, 'IN', $3, 1)"
        " ON CONFLICT (minute, account_id, channel, route_id, country, instance_id)"
        " DO UPDATE SET delivered = c.delivered + 1"
    )

    async def write(instance: int) -> None:
        for number in range(100):
            await traffic.pool.execute(add, micros(old), 1 + number % 3, instance)

    async def folding() -> None:
        for _ in range(30):
            await fold(traffic.pool, micros(NOW), ZONE)

    await asyncio.gather(write(1), write(2), folding(), folding())
    cards = await ask(traffic.pool, figures.admin_cards(NOW, ZONE))
    assert cards.today.delivered == 200


async def test_traffic_has_every_minute(traffic: Traffic) -> None:
    await busy(traffic)
    chart = await ask(traffic.pool, figures.traffic(NOW))
    assert len(chart) == 60
    by_minute = {one.at: one.figures for one in chart}
    five = by_minute[NOW - minutes(5)]
    assert (five.accepted, five.in_flight, five.undelivered) == (2, 1, 1)
    assert by_minute[NOW - minutes(4)] == Figures()


async def test_channels_errors_and_routes(traffic: Traffic) -> None:
    await busy(traffic)
    found = await answers(traffic)
    assert [(one.key, one.figures.accepted) for one in found["channels"]] == [
        ("sms", 6), ("whatsapp", 1),
    ]  # fmt: skip
    await traffic.send(NOW - timedelta(days=1, minutes=60), "FAILED")
    errors = await ask(traffic.pool, figures.top_errors(None, NOW, ZONE))
    (one,) = errors
    assert (one.error_code, one.messages, one.until_hour, one.before) == (
        "absent_subscriber", 2, 1, 1,
    )  # fmt: skip
    await traffic.pool.execute("INSERT INTO route (id, name, channel) VALUES (1, 'smpp1', 'sms')")
    (route,) = await ask(traffic.pool, figures.route_health(NOW))
    assert (route.name, route.state, route.hour.submitted) == ("smpp1", "", 3)


async def test_the_same_hour_a_week_ago(traffic: Traffic) -> None:
    assert full_hour(NOW, ZONE) == NOW - minutes(30)
    await traffic.pool.execute(
        "INSERT INTO counter_hour (hour, account_id, channel, route_id, country, accepted)"
        " VALUES ($1, 1, 'sms', 0, 'IN', 10), ($2, 1, 'sms', 0, 'IN', 99)",
        micros(NOW - timedelta(days=7, minutes=90)), micros(NOW - timedelta(days=7, minutes=-30)),
    )  # fmt: skip
    await busy(traffic)
    cards = await ask(traffic.pool, figures.portal_cards(1, NOW, ZONE))
    assert (cards.comparison.now.accepted, cards.comparison.week_ago.accepted) == (3, 10)
    assert cards.comparison.until == NOW - minutes(30)


async def test_summaries_against_the_period_before(traffic: Traffic) -> None:
    await busy(traffic)
    await traffic.pool.execute(
        "INSERT INTO counter_day (day, account_id, channel, route_id, country, accepted, delivered,"
        " submitted) VALUES ($1, 1, 'sms', 0, 'IN', 5, 4, 5), ($1, 2, 'rcs', 0, 'IN', 1, 0, 0),"
        " ($1, 0, 'sms', 0, 'IN', 5, 4, 5), ($1, 0, 'rcs', 0, 'IN', 1, 0, 0)",
        DAY - timedelta(days=1),
    )
    until = DAY + timedelta(days=1)
    summary = await ask(traffic.pool, summarise(None, DAY, until, "channel", ZONE))
    assert (summary.total.accepted, summary.total_before.accepted) == (7, 6)
    assert [(r.key, r.figures.accepted, r.before.accepted) for r in summary.rows] == [
        ("sms", 6, 5), ("whatsapp", 1, 0),
    ]  # fmt: skip
    days = await ask(traffic.pool, summarise(1, DAY - timedelta(days=1), until, "day", ZONE))
    assert [(r.key, r.figures.accepted) for r in days.rows] == [
        ((DAY - timedelta(days=1)).isoformat(), 5), (DAY.isoformat(), 4),
    ]  # fmt: skip
    hours = await ask(traffic.pool, summarise(1, DAY, until, "hour", ZONE))
    assert sum(row.figures.accepted for row in hours.rows) == 4
    routes = await ask(traffic.pool, summarise(None, DAY, until, "route", ZONE))
    assert {row.key: row.figures.submitted for row in routes.rows} == {"0": 0, "1": 6}
    few = await ask(traffic.pool, summarise(None, DAY, until, "channel", ZONE, limit=1))
    assert (len(few.rows), few.more) == (1, True)


async def test_the_portal_counts_its_own_only(traffic: Traffic, dsn: str) -> None:
    await busy(traffic)
    await fold(traffic.pool, micros(NOW), ZONE)
    with portal(dsn, 2) as cursor:
        assert ask_cursor(cursor, figures.portal_cards(2, NOW, ZONE)).today.accepted == 3
        # Even a question that forgot the account is answered with its own rows only.
        assert ask_cursor(cursor, figures.channels(None, NOW, ZONE))[0].figures.accepted == 2
        assert ask_cursor(cursor, figures.portal_cards(1, NOW, ZONE)).today == Figures()
        until = DAY + timedelta(days=1)
        lines = ask_cursor(cursor, summarise(None, date(2026, 1, 1), until, "account", ZONE)).rows
        assert [line.key for line in lines] == ["2"]
