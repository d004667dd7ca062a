"""SQL of alerts and of what they are judged by."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.alerts.types import Alert, Condition

ELECTION: Final = 7_311_024
#: of a queue's items, how many are looked at for its oldest.
LOOKED_MAX: Final = 5_000
_US: Final = "(extract(epoch FROM {}) * 1000000)::bigint"
_ALERT: Final = f"""
    SELECT id, kind, subject, title, body, link, {_US.format("opened_at")},
        {_US.format("told_at")}, {_US.format("closed_at")}, {_US.format("acknowledged_at")},
        acknowledged_by
    FROM alert
"""


async def elect(connection: Any) -> bool:
    """Whether this connection's process is the one that watches."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", ELECTION))


async def open_alerts(connection: Any) -> list[Alert]:
    """What is open, the newest first."""
    rows = await connection.fetch(f"{_ALERT} WHERE closed_at IS NULL ORDER BY id DESC LIMIT 1000")
    return [Alert(*row) for row in rows]


async def alert_page(
    connection: Any, before_id: int, most: int, *, only_closed: bool = False
) -> list[Alert]:
    """Alerts with lower ids, the newest first."""
    rows = await connection.fetch(
        f"{_ALERT} WHERE id < $1 AND ($3 = false OR closed_at IS NOT NULL)"
        " ORDER BY id DESC LIMIT $2",
        before_id, most, only_closed,
    )  # fmt: skip
    return [Alert(*row) for row in rows]


async def insert(connection: Any, one: Condition, opened_ago_s: float = 0.0) -> Alert:
    """Opens an alert; the one that is open already if there is one."""
    row = await connection.fetchrow(
        f"""
        INSERT INTO alert (kind, subject, title, body, link, opened_at)
        VALUES ($1, $2, $3, $4, $5, now() - $6::float8 * interval '1 second')
        ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO UPDATE SET kind = excluded.kind
        RETURNING id, kind, subject, title, body, link, {_US.format("opened_at")},
            {_US.format("told_at")}, NULL::bigint, NULL::bigint, ''
        """,
        one.kind, one.subject, one.title, one.body, one.link, opened_ago_s,
    )  # fmt: skip
    return Alert(*row)


async def close(connection: Any, alert_ids: Sequence[int]) -> None:
    """They are over."""
    await connection.execute(
        "UPDATE alert SET closed_at = now() WHERE id = ANY ($1::bigint[]) AND closed_at IS NULL",
        list(alert_ids),
    )


async def told(connection: Any, alert_ids: Sequence[int]) -> None:
    """They were told again."""
    await connection.execute(
        "UPDATE alert SET told_at = now() WHERE id = ANY ($1::bigint[])", list(alert_ids)
    )


async def acknowledge(connection: Any, alert_id: int, actor: str) -> bool:
    """Somebody has seen it; False when it was over or acknowledged before."""
    done = await connection.execute(
        "UPDATE alert SET acknowledged_at = now(), acknowledged_by = $2"
        " WHERE id = $1 AND closed_at IS NULL AND acknowledged_at IS NULL",
        alert_id, actor,
    )  # fmt: skip
    return bool(done == "UPDATE 1")


async def oldest(connection: Any) -> dict[str, float]:
    """Queue -> seconds that its oldest item has waited since it could have gone."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE named AS (
            (SELECT queue FROM queue_item ORDER BY queue LIMIT 1)
            UNION ALL
            SELECT (SELECT q.queue FROM queue_item q WHERE q.queue > named.queue
                    ORDER BY q.queue LIMIT 1)
            FROM named WHERE named.queue IS NOT NULL
        )
        SELECT named.queue, greatest(0, extract(epoch FROM now() - found.first))::float8
        FROM named CROSS JOIN LATERAL (
            SELECT min(available_at) AS first
            FROM (SELECT available_at FROM queue_item WHERE queue = named.queue
                  ORDER BY queue, lane, account_id, available_at LIMIT $1) item
        ) found WHERE found.first IS NOT NULL
        """,
        LOOKED_MAX,
    )
    return {row[0]: row[1] for row in rows}


async def starts(connection: Any, minutes: int) -> dict[str, int]:
    """Service -> how often a process of it began within so many minutes."""
    rows = await connection.fetch(
        "SELECT service, count(*) FROM service_instance"
        " WHERE started_at > now() - $1 * interval '1 minute' GROUP BY service",
        minutes,
    )
    return {row[0]: row[1] for row in rows}


async def connections(connection: Any) -> tuple[int, int]:
    """(in use, allowed) connections of the server."""
    row = await connection.fetchrow(
        "SELECT (SELECT sum(numbackends)::bigint FROM pg_stat_database),"
        " current_setting('max_connections')::int"
    )
    return row[0], row[1]


async def dead_letters(connection: Any, most: int = 1_000) -> int:
    """How many there are, counting up to `most`."""
    return int(
        await connection.fetchval("SELECT count(*) FROM (SELECT FROM dead_letter LIMIT $1) d", most)
    )
