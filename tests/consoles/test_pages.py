"""The dashboard's lists are read page by page: nothing twice, nothing left out, in one order."""

from typing import Any

import asyncpg

from cpaas.identities import queries as identities
from cpaas.routes import rule_queries
from cpaas.senders import queries as senders

PAGE = 7
MADE = """
INSERT INTO account (name) SELECT 'shop ' || n FROM generate_series(1, 20) n;
INSERT INTO route (name, channel) VALUES ('wa', 'whatsapp'), ('smpp1', 'sms');
INSERT INTO sender (account_id, channel, value, status)
SELECT a.id, c, 'S' || a.id, CASE WHEN a.id % 3 = 0 THEN 'PENDING' ELSE 'APPROVED' END
FROM account a, unnest(array['sms', 'rcs']) c;
INSERT INTO routing_rule (account_id, channel, route_id, priority)
SELECT CASE WHEN a.id % 4 > 0 THEN a.id END, 'sms', r.id, a.id % 5
FROM account a, route r WHERE r.name = 'smpp1';
INSERT INTO identity (channel, value, label, route_id)
SELECT c, '+1555' || n, 'Shop ' || n, r.id
FROM generate_series(1, 12) n, unnest(array['whatsapp', 'rcs']) c, route r WHERE r.name = 'wa';
INSERT INTO identity_account (identity_id, account_id)
SELECT i.id, a.id FROM identity i JOIN account a ON lower(i.label) = a.name WHERE i.channel = 'rcs'
"""


async def pages(read: Any, start: Any, key: Any) -> list[Any]:
    """All rows, read from key to key."""
    found: list[Any] = []
    after = start
    while True:
        rows = await read(after)
        found += rows
        if len(rows) < PAGE:
            return found
        after = key(rows[-1])


async def test_pages_together_are_the_list(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute(MADE)
        rules = await pages(
            lambda after: rule_queries.rules(connection, after=after, most=PAGE), 0,
            lambda one: one.id,
        )  # fmt: skip
        assert rules == await rule_queries.rules(connection)
        assert len(rules) == 20
        asked = await pages(
            lambda after: senders.matching(connection, "", after=after, most=PAGE), 0,
            lambda one: one.id,
        )  # fmt: skip
        assert asked == await senders.senders(connection, most=1000)
        assert len({one.id for one in asked}) == 40
        assert [one.status for one in asked][:12] == ["PENDING"] * 12
        owned = await pages(
            lambda after: identities.matching(connection, "", after=after, most=PAGE), ("", ""),
            lambda one: (one.channel, one.value),
        )  # fmt: skip
        assert owned == await identities.identities(connection)
        assert len(owned) == 24


async def test_what_is_searched_for_is_found(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute(MADE)
        assert [one.account for one in await rule_queries.rules(connection, text="Shop 13")] == [
            "shop 13"
        ]
        assert {one.account for one in await rule_queries.rules(connection, text="all")} == {"ALL"}
        assert len(await rule_queries.rules(connection, text="smpp")) == 20
        for text, count in (("+1555", 24), ("shop 12", 2), ("shop 7", 2), ("nobody", 0)):
            assert len(await identities.matching(connection, text)) == count, text
        known = (await identities.identities(connection))[3]
        assert await identities.named(connection, known.id) == (known.channel, known.value)
        assert await identities.named(connection, 999_999) is None
