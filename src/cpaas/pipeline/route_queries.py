"""SQL of the route step: what is due, and what still waits."""

from collections.abc import Sequence
from typing import Any


async def make_due(connection: Any, ids: Sequence[bytes]) -> None:
    """Queues the scheduled messages among these, whose time has come. `ids` in order."""
    await connection.execute(
        """
        UPDATE message SET status = 'QUEUED'
        WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 AND status = 'SCHEDULED'
        """,
        ids, ids[0], ids[-1],
    )  # fmt: skip


async def lock_waiting(connection: Any, ids: Sequence[bytes]) -> set[bytes]:
    """Which of these still wait for their carrier; locked, in order. `ids` in order."""
    rows = await connection.fetch(
        """
        SELECT id FROM message
        WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 AND status IN ('SCHEDULED', 'QUEUED')
        ORDER BY id FOR UPDATE
        """,
        ids, ids[0], ids[-1],
    )  # fmt: skip
    return {row[0] for row in rows}


async def down_elsewhere(connection: Any, instance_id: int) -> frozenset[int]:
    """Routes that living processes other than this one hold and have no carrier on."""
    rows = await connection.fetch(
        """SELECT s.route_id FROM route_state s JOIN service_instance i ON i.id = s.instance_id
           WHERE s.state IN ('down', 'fault') AND s.instance_id <> $1 AND i.stopped_at IS NULL
             AND i.heartbeat_at > now() - interval '15 seconds'""",
        instance_id,
    )
    return frozenset(row[0] for row in rows)
