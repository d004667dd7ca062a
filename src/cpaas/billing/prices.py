"""Sets prices: an account's own, and the platform defaults that a new account gets a copy of.

A changed default does not touch accounts that exist; their prices were agreed.
"""

import asyncpg

from cpaas.billing import check, queries
from cpaas.kit.errors import InputError


async def set_price(
    connection: asyncpg.Connection,
    account_id: int | None,
    channel: str,
    amount_micro: int,
    *,
    category: str = "",
    country: str = "",
    prefix: str = "",
) -> None:
    """The price of one unit; `account_id` None sets the platform default."""
    if country and prefix:
        raise InputError(
            "a price is of a country or of a prefix, not of both",
            "leave one out; the longest prefix wins over the country", "prefix",
        )  # fmt: skip
    await queries.upsert_price(
        connection,
        account_id,
        channel,
        check.category(channel, category),
        country=check.country(country),
        prefix=check.prefix(prefix),
        amount_micro=check.price(amount_micro),
    )


async def delete_price(
    connection: asyncpg.Connection,
    account_id: int | None,
    channel: str,
    *,
    category: str = "",
    country: str = "",
    prefix: str = "",
) -> None:
    """Takes a price away; numbers it was for pay the next one that fits, or have none."""
    done = await queries.delete_price(
        connection,
        account_id,
        channel,
        check.category(channel, category),
        country=check.country(country),
        prefix=check.prefix(prefix),
    )
    if not done:
        raise InputError("there is no such price", "list them: cpaas price list", "prefix")
