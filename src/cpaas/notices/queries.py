"""SQL of notices. One that is sent keeps no text: it may have held a link to log in."""

from typing import Any

import msgspec


class Notice(msgspec.Struct, frozen=True):
    """One to be sent now."""

    id: int
    kind: str
    recipient: str
    subject: str
    body: str
    attempts: int
    age_s: float


async def add(
    connection: Any, kind: str, recipient: str, subject: str, body: str, *, alert_id: int = 0
) -> None:
    """One more to be sent."""
    await connection.execute(
        "INSERT INTO notice (kind, recipient, subject, body, alert_id)"
        " VALUES ($1, $2, $3, $4, $5)",
        kind, recipient, subject, body, alert_id,
    )  # fmt: skip


async def add_mail(connection: Any, recipient: str, subject: str, body: str) -> None:
    """A mail, in the columns that the portal's role may write."""
    await connection.execute(
        "INSERT INTO notice (kind, recipient, subject, body) VALUES ('mail', $1, $2, $3)",
        recipient, subject, body,
    )  # fmt: skip


async def claim(connection: Any, most: int, hold_seconds: int) -> list[Notice]:
    """What is due, held for this process for so long."""
    rows = await connection.fetch(
        """
        UPDATE notice SET attempts = attempts + 1, next_at = now() + $2 * interval '1 second'
        WHERE id IN (SELECT id FROM notice WHERE next_at <= now() ORDER BY next_at LIMIT $1
                     FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, recipient, subject, body, attempts,
            extract(epoch FROM now() - created_at)::float8
        """,
        most, hold_seconds,
    )  # fmt: skip
    return [Notice(*row) for row in sorted(rows, key=lambda row: row[0])]


async def sent(connection: Any, notice_id: int) -> None:
    """It is with its recipient."""
    await connection.execute(
        "UPDATE notice SET sent_at = now(), next_at = NULL, body = '', error = '' WHERE id = $1",
        notice_id,
    )


async def failed(connection: Any, notice_id: int, error: str, again_s: float | None) -> None:
    """It is not; tried again in so many seconds, or never."""
    await connection.execute(
        """UPDATE notice SET error = $2,
             next_at = now() + $3::float8 * interval '1 second',
             body = CASE WHEN $3::float8 IS NULL THEN '' ELSE body END WHERE id = $1""",
        notice_id, error, again_s,
    )  # fmt: skip


async def forget(connection: Any, days: int) -> None:
    """Those that are done with for so long."""
    await connection.execute(
        "DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE next_at IS NULL"
        " AND created_at < now() - $1 * interval '1 day' ORDER BY id LIMIT 1000)",
        days,
    )


async def troubles(connection: Any, most: int = 3) -> list[tuple[str, str, str]]:
    """(kind, recipient, error) of the newest that could not be sent within a day."""
    rows = await connection.fetch(
        "SELECT kind, recipient, error FROM notice WHERE error <> '' AND sent_at IS NULL"
        " AND created_at > now() - interval '1 day' ORDER BY id DESC LIMIT $1",
        most,
    )
    return [(row[0], row[1], row[2]) for row in rows]
