"""SQL of past delivery, from the figures by day: what a forecast stands on."""

from typing import Any, Final

DAYS: Final = 30
#: from so many messages of its own on, an account's own past is the better witness.
OWN_FROM: Final = 200


async def delivery(
    connection: Any, account_id: int, channel: str
) -> tuple[str, dict[str, tuple[int, int]]]:
    """(whose past it is: account or platform, country -> (given to carriers, delivered))."""
    own = await _delivery(connection, account_id, channel)
    if sum(sent for sent, _ in own.values()) >= OWN_FROM:
        return "account", own
    return "platform", await _delivery(connection, 0, channel)


async def _delivery(connection: Any, account_id: int, channel: str) -> dict[str, tuple[int, int]]:
    """Of account 0, the sums of all."""
    rows = await connection.fetch(
        """SELECT country, sum(submitted)::bigint, sum(delivered)::bigint FROM (
             SELECT country, submitted, delivered FROM counter_day
              WHERE account_id = $1 AND channel = $2 AND day > current_date - $3::int
             UNION ALL
             SELECT country, submitted, delivered FROM counter_minute
              WHERE minute > now() - interval '2 hours' AND minute < now() - interval '10 minutes'
                AND (account_id = $1 OR $1 = 0) AND channel = $2
           ) c GROUP BY 1 HAVING sum(submitted) > 0""",
        account_id, channel, DAYS,
    )  # fmt: skip
    return {row[0]: (row[1], row[2]) for row in rows}
