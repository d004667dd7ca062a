"""SQL of the queue with a broker: rows are picked as ever, given to the broker, claimed, or reset.

A row that the broker has is known by its `relayed_at`, and comes back by itself when nobody claims
it in time, so that whatever the broker loses is relayed again. Relaying and claiming need not
wait for the disk: what a crash of PostgreSQL undoes of them is relayed and claimed again.
"""

from collections.abc import Sequence
from typing import Any

from cpaas.broker.embedded_queries import ACCOUNTS_WALKED_MAX, PICK, PICKED

#: true, and on the way the transaction of one statement ends without waiting for the disk.
_UNHURRIED = "set_config('synchronous_commit', 'off', true) = 'off'"
#: what was relayed and not claimed by then is ready again.
RELAY_SECONDS = 10.0
RELAY = f"""{PICK}
UPDATE queue_item q
SET available_at = now() + $6 * interval '1 second',
    leased_by = CASE WHEN {_UNHURRIED} THEN $7::bigint END,
    relayed_at = timestamptz 'epoch' + $9::bigint * interval '1 microsecond'
{PICKED}"""


async def relay(
    connection: Any, queue: str, lanes: Sequence[int], after: Sequence[int], most: int, *,
    not_accounts: Sequence[int], instance_id: int, relayed_us: int,
) -> list[Any]:  # fmt: skip
    """Marks rows as with the broker; picks and returns them as `embedded_queries.take` does."""
    rows: list[Any] = await connection.fetch(
        RELAY, queue, lanes, after, most, list(not_accounts), RELAY_SECONDS, instance_id,
        ACCOUNTS_WALKED_MAX, relayed_us,
    )  # fmt: skip
    return rows


async def claim(
    connection: Any, queue: str, ids: Sequence[int], relayed_us: Sequence[int], *,
    lease_seconds: float, instance_id: int,
) -> dict[int, int]:  # fmt: skip
    """Leases what was delivered: id -> tries.

    A row that is gone, claimed, relayed anew since, or of another database with the same broker,
    is not leased: its mark is not the one that the message came with.
    """
    rows = await connection.fetch(
        f"""
        UPDATE queue_item SET relayed_at = NULL, available_at = now() + $4 * interval '1 second',
            tries = tries + 1, leased_by = CASE WHEN {_UNHURRIED} THEN $5::bigint END
        WHERE id = ANY($1::bigint[]) AND queue = $2
        AND (extract(epoch FROM relayed_at) * 1000000)::bigint = ANY($3::bigint[])
        RETURNING id, tries
        """,
        ids, queue, relayed_us, lease_seconds, instance_id,
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def give_back(connection: Any, queue: str, ids: Sequence[int]) -> None:
    """What the broker has not delivered, or delivered in vain, is ready again in its old place."""
    await connection.execute(
        """
        UPDATE queue_item SET relayed_at = NULL, available_at = created_at, leased_by = 0
        WHERE id = ANY($1::bigint[]) AND queue = $2 AND relayed_at IS NOT NULL
        """,
        ids, queue,
    )  # fmt: skip
