"""SQL of a campaign's status: started, paused with its reason, resumed, cancelled."""

from typing import Any

from cpaas.campaigns.types import Campaign


async def start(connection: Any, campaign: Campaign) -> None:
    """It waits for its time."""
    await connection.execute(
        "UPDATE campaign SET status = 'QUEUED', reason = '', reason_code = ''"
        " WHERE id = $2 AND account_id = $1",
        campaign.account_id, campaign.id,
    )  # fmt: skip


async def pause(connection: Any, campaign: Campaign, code: str, reason: str) -> bool:
    """Nothing more is launched, and nothing that is accepted goes to a carrier."""
    done = await connection.execute(
        "UPDATE campaign SET status = 'PAUSED', reason_code = $3, reason = $4"
        " WHERE id = $2 AND account_id = $1 AND status IN ('QUEUED', 'PROCESSING')",
        campaign.account_id, campaign.id, code, reason,
    )  # fmt: skip
    if done != "UPDATE 1":
        return False
    await _halt(connection, campaign, reason)
    return True


async def resume(connection: Any, campaign: Campaign) -> None:
    """It goes on where it was."""
    await connection.execute(
        "UPDATE campaign SET reason = '', reason_code = '',"
        " status = CASE WHEN started_at IS NULL THEN 'QUEUED' ELSE 'PROCESSING' END"
        " WHERE id = $2 AND account_id = $1 AND status = 'PAUSED'",
        campaign.account_id, campaign.id,
    )  # fmt: skip
    await connection.execute(
        "DELETE FROM campaign_halt WHERE campaign_id = $2 AND account_id = $1",
        campaign.account_id, campaign.id,
    )  # fmt: skip


async def cancel(connection: Any, campaign: Campaign) -> None:
    """It ends here; what no carrier has is taken back by the launcher."""
    await connection.execute(
        "UPDATE campaign SET status = 'CANCELLED', reason = '', reason_code = '',"
        " check_wanted = false,"
        " finished_at = CASE WHEN first_id IS NULL THEN now() END"
        " WHERE id = $2 AND account_id = $1",
        campaign.account_id, campaign.id,
    )  # fmt: skip
    if campaign.first_id is not None:
        await _halt(connection, campaign, "cancelled")


async def _halt(connection: Any, campaign: Campaign, reason: str) -> None:
    await connection.execute(
        "INSERT INTO campaign_halt (campaign_id, account_id, reason) VALUES ($1, $2, $3)"
        " ON CONFLICT (campaign_id) DO UPDATE SET reason = excluded.reason",
        campaign.id, campaign.account_id, reason,
    )  # fmt: skip


async def pause_all(connection: Any, code: str, reason: str) -> int:
    """Pause whatever is under way on the platform; returns how many campaigns."""
    return int(
        await connection.fetchval(
            """
            WITH paused AS (
                UPDATE campaign SET status = 'PAUSED', reason_code = $1, reason = $2
                WHERE status IN ('QUEUED', 'PROCESSING') RETURNING id, account_id
            ), halted AS (
                INSERT INTO campaign_halt (campaign_id, account_id, reason)
                SELECT id, account_id, $2 FROM paused ON CONFLICT DO NOTHING
            ) SELECT count(*) FROM paused
            """,
            code, reason,
        )
    )  # fmt: skip


async def money(connection: Any, account_id: int) -> tuple[int, int]:
    """The balance, and what may be spent with the credit limit."""
    row = await connection.fetchrow(
        "SELECT balance_micro, balance_micro + credit_limit_micro FROM wallet"
        " WHERE account_id = $1",
        account_id,
    )
    return (0, 0) if row is None else (row[0], row[1])
