"""Sets prices: an account's own, and the platform defaults that a new account gets a copy of.

A changed default does not touch accounts that exist; their prices were agreed.
"""

import asyncpg

from cpaas.billing import check, queries


async def set_price(
    connection: asyncpg.Connection,
    account_id: int | None,
    channel: str,
    amount_micro: int,
    *,
    category: str = "",
    prefix: str = "",
) -> None:
    """The price of one unit; `account_id` None sets the platform default."""
    await queries.upsert_price(
        connection,
        account_id,
        channel,
        check.category(channel, category),
        prefix=check.prefix(prefix),
        amount_micro=check.price(amount_micro),
    )
