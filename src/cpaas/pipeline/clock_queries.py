"""SQL that puts right what a database clock that stepped back leaves in the future."""

from collections.abc import Sequence
from typing import Any, Final

#: a stamp so far ahead of the database's clock was made before it stepped back.
AHEAD_SECONDS: Final = 2
#: no lease is longer than this.
LEASE_SECONDS_MAX: Final = 60


async def clock_us(connection: Any) -> int:
    """The database's clock."""
    now: int = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def newest_ahead_us(connection: Any) -> int:
    """How far the newest queue items' creation lies in the future; 0 if it does not."""
    ahead: int | None = await connection.fetchval(
        """SELECT (extract(epoch FROM max(created_at) - clock_timestamp()) * 1000000)::bigint
           FROM (SELECT created_at FROM queue_item ORDER BY id DESC LIMIT 1000) q"""
    )
    return max(0, ahead or 0)


async def delayed_items(connection: Any) -> list[tuple[int, bytes]]:
    """Items made before the step that wait for a moment of their own: id and payload."""
    rows = await connection.fetch(
        """SELECT id, payload FROM queue_item
           WHERE created_at > now() + $1 * interval '1 second' AND leased_by = 0
             AND available_at > created_at + interval '1 second' AND queue LIKE 'cpaas.%.submit'""",
        AHEAD_SECONDS,
    )
    return [(row[0], row[1]) for row in rows]


async def shift_items(connection: Any, step_us: int, keep_ids: Sequence[int]) -> int:
    """Brings items forward by the step, except when those that wait for a date are due."""
    status: str = await connection.execute(
        """UPDATE queue_item SET created_at = least(created_at, now()),
             available_at = CASE WHEN id = any($4::bigint[]) THEN available_at
                            ELSE available_at - $1::bigint * interval '1 microsecond' END
           WHERE created_at > now() + $2 * interval '1 second'
              OR leased_by <> 0 AND available_at > now() + $3 * interval '1 second'""",
        step_us, AHEAD_SECONDS, LEASE_SECONDS_MAX, list(keep_ids),
    )  # fmt: skip
    return int(status.rpartition(" ")[2])


async def shift_retries(connection: Any, step_us: int, now_us: int) -> None:
    """Brings retries of webhooks and of unmatched receipts forward by the step.

    now_us: the clock by which they are stamped, after its step.
    """
    await connection.execute(
        """UPDATE webhook_delivery SET last_attempt_at = least(last_attempt_at, $2::timestamptz),
             next_attempt_at = next_attempt_at - $1::bigint * interval '1 microsecond'
           WHERE next_attempt_at IS NOT NULL AND status = 'retrying'
             AND (last_attempt_at > $2::timestamptz + $3 * interval '1 second'
                  OR last_attempt_at IS NULL
                  AND next_attempt_at > $2::timestamptz + $4 * interval '1 second')""",
        step_us, now_us, AHEAD_SECONDS, LEASE_SECONDS_MAX,
    )  # fmt: skip
    await connection.execute(
        """UPDATE unmatched_receipt SET received_at = least(received_at, $2::timestamptz),
             next_try_at = next_try_at - $1::bigint * interval '1 microsecond'
           WHERE given_up_at IS NULL
             AND received_at > $2::timestamptz + $3 * interval '1 second'""",
        step_us, now_us, AHEAD_SECONDS,
    )  # fmt: skip
