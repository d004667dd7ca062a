"""SQL of expiry outside the queues: dead letters, and messages that nothing holds."""

from typing import Any


async def next_letters(connection: Any, after: int, most: int) -> list[tuple[int, bytes]]:
    """Dead letters with messages after an id: ids and payloads."""
    rows = await connection.fetch(
        """SELECT id, payload FROM dead_letter
           WHERE id > $1 AND (queue LIKE 'cpaas.%.submit' OR queue LIKE 'submit\\_%')
           ORDER BY id LIMIT $2""",
        after, most,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


async def overdue(connection: Any, lowest: bytes, before_us: int, most: int) -> list[bytes]:
    """QUEUED messages whose validity ended before then, whatever holds them or has lost them."""
    rows = await connection.fetch(
        """SELECT id FROM message WHERE id >= $1 AND status = 'QUEUED' AND valid_until < $2
           ORDER BY id LIMIT $3""",
        lowest, before_us, most,
    )  # fmt: skip
    return [row[0] for row in rows]
