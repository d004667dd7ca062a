"""SQL of launching: what is under way, moving on with a batch, and coming to an end."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cpaas.broker.topology import FALLBACK
from cpaas.campaigns.types import Campaign

#: who launches campaigns, of all processes.
ELECTION: Final = 7_311_031
#: items looked at for how much waits; more than so many are a full queue anyway.
ITEMS_MAX: Final = 5_000
_AT_WORK: Final = "(available_at <= now() OR leased_by <> 0 OR relayed_at IS NOT NULL)"
_LAST_ID: Final = "(left(b.first_id::text, 28) || lpad(to_hex(b.last_row), 8, '0'))::uuid"
_ROW_OF: Final = "('x' || right(m.id::text, 8))::bit(32)::bigint"


async def elect(connection: Any) -> bool:
    """Whether this connection's process is the one that launches, as long as it lives."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", ELECTION))


async def resign(connection: Any) -> None:
    """Another process may launch."""
    await connection.execute("SELECT pg_advisory_unlock($1)", ELECTION)


async def under_way(connection: Any) -> list[tuple[int, int, str]]:
    """(account, campaign, status) of all that are neither at their end nor paused."""
    rows = await connection.fetch(
        "SELECT account_id, id, status FROM campaign"
        " WHERE status IN ('QUEUED', 'PROCESSING', 'PAUSED', 'CANCELLED')"
        " AND finished_at IS NULL AND status <> 'PAUSED' ORDER BY id"
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def begin(connection: Any, campaign: Campaign) -> None:
    """A queued campaign whose time has come is processed."""
    await connection.execute(
        "UPDATE campaign SET status = 'PROCESSING', started_at = coalesce(started_at, now())"
        " WHERE id = $2 AND account_id = $1 AND status = 'QUEUED'",
        campaign.account_id, campaign.id,
    )  # fmt: skip


async def move(
    connection: Any, campaign: Campaign, *, next_row: int, zone_rows: Mapping[str, int],
    launched: int, refused: int, charged_micro: int, ids: tuple[bytes, bytes] | None,
) -> bool:  # fmt: skip
    """Move on behind a batch, in its transaction; False when it was paused or moved meanwhile."""
    first, last = ids or (None, None)
    done = await connection.execute(
        """UPDATE campaign SET next_row = $6, zone_rows = $7, launched = launched + $8,
             refused_rows = refused_rows + $9, charged_micro = charged_micro + $10,
             first_id = least(first_id, $11), last_id = greatest(last_id, $12),
             reason = '', reason_code = ''
           WHERE id = $2 AND account_id = $1 AND status = 'PROCESSING' AND next_row = $3
             AND zone_rows = $4 AND round = $5""",
        campaign.account_id, campaign.id, campaign.next_row, campaign.zone_rows, campaign.round,
        next_row, dict(zone_rows), launched, refused, charged_micro, first, last,
    )  # fmt: skip
    return bool(done == "UPDATE 1")


async def keep_batch(
    connection: Any, campaign: Campaign, *, zone: str, first_row: int, last_row: int, rows: int,
    first_id: bytes,
) -> None:  # fmt: skip
    """Which rows became messages by this commit."""
    await connection.execute(
        "INSERT INTO campaign_batch (account_id, campaign_id, round, zone, first_row, last_row,"
        " rows, first_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        campaign.account_id, campaign.id, campaign.round, zone, first_row, last_row, rows, first_id,
    )  # fmt: skip


async def note_wait(connection: Any, campaign: Campaign, code: str, reason: str) -> None:
    """Why a campaign that is processed launches nothing now."""
    await connection.execute(
        "UPDATE campaign SET reason_code = $3, reason = $4 WHERE id = $2 AND account_id = $1"
        " AND status = 'PROCESSING' AND reason_code IS DISTINCT FROM $3",
        campaign.account_id, campaign.id, code, reason,
    )  # fmt: skip


async def finish(
    connection: Any, campaign: Campaign, status: str, code: str = "", reason: str = ""
) -> bool:
    """All rows are final."""
    done = await connection.execute(
        "UPDATE campaign SET status = $3, finished_at = now(), reason_code = $4, reason = $5"
        " WHERE id = $2 AND account_id = $1 AND status = 'PROCESSING' AND next_row = $6"
        " AND round = $7",
        campaign.account_id, campaign.id, status, code, reason, campaign.next_row, campaign.round,
    )  # fmt: skip
    return bool(done == "UPDATE 1")


async def finish_cancel(connection: Any, campaign: Campaign) -> None:
    """Nothing of a cancelled campaign waits any more."""
    await connection.execute(
        "UPDATE campaign SET finished_at = now()"
        " WHERE id = $2 AND account_id = $1 AND status = 'CANCELLED'",
        campaign.account_id, campaign.id,
    )  # fmt: skip
    await connection.execute(
        "DELETE FROM campaign_halt WHERE campaign_id = $2 AND account_id = $1",
        campaign.account_id, campaign.id,
    )  # fmt: skip


async def waiting(connection: Any, account_id: int, queue: str, lanes: Sequence[int]) -> int:
    """Messages of an account that lie in lanes of a queue to be worked now.

    What is put off is not among them: scheduled, or of a campaign that is paused.
    """
    return int(
        await connection.fetchval(
            f"SELECT coalesce(sum(messages), 0)::bigint FROM (SELECT messages FROM queue_item"
            f" WHERE queue = $2 AND lane = ANY ($3::smallint[]) AND account_id = $1 AND {_AT_WORK}"
            " LIMIT $4) q",
            account_id, queue, list(lanes), ITEMS_MAX,
        )
    )  # fmt: skip


async def has_due_steps(connection: Any, account_id: int, lane: int) -> bool:
    """Whether a step of a fallback is due and its message not there yet; timers do not count."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM queue_item WHERE queue = $2 AND lane = $3"
            f" AND account_id = $1 AND ({_AT_WORK} OR tries > 0))",
            account_id, FALLBACK, lane,
        )
    )  # fmt: skip


async def waiting_messages(
    connection: Any, campaign: Campaign, limit: int, *, after: bytes | None
) -> list[bytes]:
    """Messages of a campaign that no carrier has, not even a part of one, in order.

    after: nothing before this one waits.
    """
    if campaign.first_id is None or campaign.last_id is None:
        return []
    rows = await connection.fetch(
        "SELECT id FROM message m WHERE campaign_id = $2 AND campaign_id <> 0 AND account_id = $1"
        " AND id >= $3 AND status IN ('QUEUED', 'SCHEDULED')"
        " AND NOT EXISTS (SELECT FROM message_part p WHERE p.message_id = m.id)"
        " ORDER BY id LIMIT $4",
        campaign.account_id, campaign.id, after or campaign.first_id, limit,
    )  # fmt: skip
    return [row[0] for row in rows]


async def has_open_messages(connection: Any, campaign: Campaign) -> bool:
    """Whether any message of it, fallbacks' further attempts too, is not at its end."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM message WHERE campaign_id = $2 AND campaign_id <> 0"
            " AND account_id = $1 AND id >= $3 AND final_at IS NULL)",
            campaign.account_id, campaign.id, campaign.first_id,
        )
    )  # fmt: skip


async def retry_failed(connection: Any, campaign: Campaign) -> list[tuple[Any, ...]]:
    """Put rows whose last message failed, and was not rescued, into the next round.

    Returns (status, error code, rows, price, submitted), and forgets them in the counts.
    """
    if campaign.first_id is None:
        return []
    rows = await connection.fetch(
        f"""
        WITH failed AS MATERIALIZED (
            SELECT {_ROW_OF} AS row_no, b.round, m.status, m.error_code, m.price_micro,
              m.submitted_at IS NOT NULL AS submitted
            FROM campaign_batch b JOIN message m ON m.campaign_id = $2 AND m.campaign_id <> 0
              AND m.id >= b.first_id AND m.id <= {_LAST_ID} AND m.id >= $3
            WHERE b.campaign_id = $2 AND b.account_id = $1 AND m.parent_id IS NULL
              AND m.status IN ('FAILED', 'REJECTED', 'EXPIRED')
              AND NOT EXISTS (SELECT FROM jsonb_array_elements(m.fallback -> 'steps') s
                JOIN message c ON c.id = (s ->> 'message_id')::uuid
                WHERE c.status IN ('DELIVERED', 'READ'))
        ), moved AS (
            UPDATE campaign_row r SET round = $4 FROM failed f
            WHERE r.campaign_id = $2 AND r.account_id = $1 AND r.row_no = f.row_no
              AND r.round = f.round
            RETURNING f.status, coalesce(nullif(f.error_code, ''), lower(f.status)) AS code,
              f.price_micro, f.submitted
        )
        SELECT status, code, count(*), sum(price_micro)::bigint, count(*) FILTER (WHERE submitted)
        FROM moved GROUP BY 1, 2
        """,
        campaign.account_id, campaign.id, campaign.first_id, campaign.round + 1,
    )  # fmt: skip
    return [tuple(row) for row in rows]


async def retry_refused(connection: Any, campaign: Campaign) -> int:
    """Put rows that the launch refused into the next round; returns how many."""
    return int(
        await connection.fetchval(
            """
            WITH gone AS (
                DELETE FROM campaign_fault WHERE campaign_id = $2 AND account_id = $1
                  AND stage = 'launch' RETURNING row_no
            ), moved AS (
                UPDATE campaign_row r SET round = $3 FROM gone
                WHERE r.campaign_id = $2 AND r.account_id = $1 AND r.row_no = gone.row_no
                RETURNING 1
            ) SELECT count(*) FROM moved
            """,
            campaign.account_id, campaign.id, campaign.round + 1,
        )
    )  # fmt: skip


async def begin_round(connection: Any, campaign: Campaign, *, sent: int, refused: int) -> None:
    """Launch again, from the first row on, what is in the next round."""
    await connection.execute(
        """UPDATE campaign SET status = 'QUEUED', round = round + 1, next_row = 1, zone_rows = '{}',
             launched = launched - $3, refused_rows = refused_rows - $4,
             retried = retried + $3 + $4,
             finished_at = NULL, reason = '', reason_code = ''
           WHERE id = $2 AND account_id = $1""",
        campaign.account_id, campaign.id, sent, refused,
    )  # fmt: skip


async def batches(
    connection: Any, account_id: int, campaign_id: int
) -> list[tuple[int, str, int, int, bytes]]:
    """(round, zone, first row, last row, first id) of all batches, in order."""
    rows = await connection.fetch(
        "SELECT round, zone, first_row, last_row, first_id FROM campaign_batch"
        " WHERE campaign_id = $2 AND account_id = $1 ORDER BY round, first_row, id",
        account_id,
        campaign_id,
    )
    return [tuple(row) for row in rows]


async def messages(connection: Any, account_id: int, ids: Sequence[bytes]) -> dict[bytes, Any]:
    """Messages of the account by id."""
    if not ids:
        return {}
    ordered = sorted(ids)
    rows = await connection.fetch(
        "SELECT id, status, error_code, error, segments, price_micro - refunded_micro AS price,"
        " submitted_at, delivered_at FROM message"
        " WHERE id = ANY ($2::uuid[]) AND id >= $3 AND id <= $4 AND account_id = $1",
        account_id, ordered, ordered[0], ordered[-1],
    )  # fmt: skip
    return {row[0]: row for row in rows}
