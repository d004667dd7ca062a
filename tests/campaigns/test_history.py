"""Predicted delivery stands on the account's own past where there is enough of it."""

from collections.abc import AsyncIterator

import pytest
from tests.campaigns.bureau import Bureau, bureau, table

from cpaas.campaigns import history_queries, intelligence


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Bureau]:
    async with bureau(dsn) as made:
        yield made


async def past(
    here: Bureau, account_id: int, days_ago: int, country: str, submitted: int, delivered: int
) -> None:
    """A folded day of one account."""
    await here.pool.execute(
        "INSERT INTO counter_day (day, account_id, channel, route_id, country, submitted,"
        " delivered) VALUES (current_date - $2::int, $1, 'sms', 5, $3, $4, $5)",
        account_id, days_ago, country, submitted, delivered,
    )  # fmt: skip


async def test_the_accounts_own_past_or_the_platforms(here: Bureau) -> None:
    account = here.account_id
    await past(here, 0, 3, "IN", 5_000, 4_000)
    await past(here, account, 3, "IN", 150, 149)
    async with here.pool.acquire() as connection:
        look = history_queries.delivery
        assert await look(connection, account, "sms") == ("platform", {"IN": (5_000, 4_000)})
        await past(here, account, 40, "IN", 900, 0)  # too long ago
        assert (await look(connection, account, "sms"))[0] == "platform"
        await past(here, account, 2, "DE", 60, 30)
        assert await look(connection, account, "sms") == (
            "account", {"IN": (150, 149), "DE": (60, 30)},
        )  # fmt: skip
        assert await look(connection, account, "voice") == ("platform", {})


async def test_what_the_last_minutes_sent_is_not_judged_yet(here: Bureau) -> None:
    await past(here, 0, 1, "IN", 4_000, 3_000)
    for minutes, delivered in ((60, 1_000), (2, 0)):
        await here.pool.execute(
            "INSERT INTO counter_minute (minute, account_id, channel, route_id, country,"
            " instance_id, submitted, delivered)"
            " VALUES (now() - $2 * interval '1 minute', $1, 'sms', 5, 'IN', 1, 1000, $3)",
            here.account_id, minutes, delivered,
        )  # fmt: skip
    made = await here.ready(table(10))
    async with here.pool.acquire() as connection:
        known = await intelligence.look(connection, here.desk.holder.current, made, 1)
    assert known is not None
    assert (known.witness, known.delivery.share, known.delivery.confidence) == (
        "account", 1.0, "medium",
    )  # fmt: skip
    assert known.delivery.low is not None
    assert known.delivery.low < 1.0
