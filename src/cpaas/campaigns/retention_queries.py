"""SQL that takes people's numbers and cells out of old campaigns, portion by portion.

before_us: Unix microseconds.
"""

from typing import Any, Final

MOST: Final = 50_000
#: campaigns looked at in one turn.
CAMPAIGNS_MAX: Final = 1_000
#: at its end, or never started.
_OLD: Final = (
    "(CASE status WHEN 'CREATED' THEN created_at ELSE finished_at END) < $1"
    " AND file_state NOT IN ('WAITING', 'READING')"
)
_TABLES: Final = ("campaign_row", "campaign_fault", "campaign_batch")


async def with_rows(connection: Any, before_us: int) -> list[int]:
    """Old campaigns of which rows are kept."""
    kept = " OR ".join(
        f"EXISTS (SELECT FROM {table} t WHERE t.campaign_id = campaign.id)" for table in _TABLES
    )
    found = await connection.fetch(
        f"SELECT id FROM campaign WHERE {_OLD} AND (blob_id <> 0 OR {kept}) ORDER BY id LIMIT $2",
        before_us,
        CAMPAIGNS_MAX,
    )
    return [row[0] for row in found]


async def with_cells(connection: Any, before_us: int) -> list[int]:
    """Old campaigns whose cells are kept: afterwards they have no column but the number's."""
    found = await connection.fetch(
        f"SELECT id FROM campaign WHERE {_OLD} AND status <> 'CREATED'"
        " AND (blob_id <> 0 OR jsonb_array_length(columns) > 1) ORDER BY id LIMIT $2",
        before_us,
        CAMPAIGNS_MAX,
    )
    return [row[0] for row in found]


async def lock(connection: Any, campaign_id: int, before_us: int) -> bool:
    """Whether the campaign is still old; it stays so until the transaction ends."""
    return bool(
        await connection.fetchval(
            f"SELECT true FROM campaign WHERE {_OLD} AND id = $2 FOR UPDATE", before_us, campaign_id
        )
    )


async def delete_some(connection: Any, campaign_id: int) -> bool:
    """Delete rows, faults and batches; whether there may be more. At last the file, too."""
    for table in _TABLES:
        done = await connection.execute(
            f"DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table}"
            " WHERE campaign_id = $1 LIMIT $2))",
            campaign_id, MOST,
        )  # fmt: skip
        if _count(done) == MOST:
            return True
    await _delete_file(connection, campaign_id)
    await connection.execute(
        "UPDATE campaign SET file_state = 'MISSING', estimate = NULL, check_wanted = false"
        " WHERE id = $1 AND status = 'CREATED'",
        campaign_id,
    )
    return False


async def empty_some(connection: Any, campaign_id: int) -> bool:
    """Empty cells of rows and faults; whether there may be more. At last their names go."""
    for table in ("campaign_row", "campaign_fault"):
        done = await connection.execute(
            f"UPDATE {table} SET cells = '{{}}' WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table}"
            " WHERE campaign_id = $1 AND cells <> '{}' LIMIT $2))",
            campaign_id, MOST,
        )  # fmt: skip
        if _count(done) == MOST:
            return True
    await _delete_file(connection, campaign_id)
    await connection.execute(
        "UPDATE campaign SET columns = jsonb_build_array(columns -> number_column),"
        " number_column = 0 WHERE id = $1 AND number_column >= 0",
        campaign_id,
    )
    return False


async def _delete_file(connection: Any, campaign_id: int) -> None:
    await connection.execute(
        """WITH gone AS (UPDATE campaign SET blob_id = 0 WHERE id = $1 RETURNING id),
             old AS (SELECT blob_id FROM campaign WHERE id = $1 AND blob_id <> 0),
             chunks AS (DELETE FROM blob_chunk WHERE blob_id IN (SELECT blob_id FROM old))
           DELETE FROM blob WHERE id IN (SELECT blob_id FROM old)""",
        campaign_id,
    )


def _count(done: str) -> int:
    return int(done.rsplit(maxsplit=1)[-1])
