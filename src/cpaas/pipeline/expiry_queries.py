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


async def overdue(
    connection: Any, after: bytes, below: bytes, before_us: int, most: int
) -> tuple[list[bytes], bytes | None]:
    """Of the next `most` messages between two ids: those QUEUED whose validity ended before then.

    The second value is the last id looked at; None when the end was reached.
    """
    row = await connection.fetchrow(
        """WITH walked AS MATERIALIZED (
             SELECT id, status, valid_until FROM message WHERE id > $1 AND id < $2
             ORDER BY id LIMIT $4)
           SELECT array(SELECT id FROM walked WHERE status = 'QUEUED' AND valid_until < $3
                        ORDER BY id) AS found,
             (SELECT id FROM walked ORDER BY id OFFSET $4 - 1 LIMIT 1) AS reached""",
        after, below, before_us, most,
    )  # fmt: skip
    return list(row["found"]), row["reached"]
