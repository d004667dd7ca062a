"""All SQL of Monitoring; and the wish that every supervisor obeys."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.monitoring.types import Bind, Depth, Running

#: an instance whose heart has not beaten for so long is dead for everybody.
DEAD_AFTER_SECONDS: Final = 15
#: a page never counts more of a queue than this.
COUNTED_MAX: Final = 20_000
_US: Final = "(extract(epoch FROM {}) * 1000000)::bigint"


async def running(connection: Any) -> dict[str, Running]:
    """Every service that ever ran here, by name."""
    rows = await connection.fetch(
        f"""
        SELECT coalesce(i.service, s.service), coalesce(i.processes, 0), coalesce(i.version, ''),
            i.started_us, greatest(0, coalesce(i.starts, 0) - 1),
            coalesce(s.desired, 'running') = 'running', coalesce(s.changed_by, '')
        FROM (
            SELECT service, count(*) FILTER (WHERE alive) AS processes,
                max(version) FILTER (WHERE alive) AS version,
                {_US.format("min(started_at) FILTER (WHERE alive)")} AS started_us,
                count(*) FILTER (WHERE started_at > now() - interval '1 day') AS starts
            FROM (SELECT service, version, started_at, stopped_at IS NULL
                      AND heartbeat_at > now() - {DEAD_AFTER_SECONDS} * interval '1 second' AS alive
                  FROM service_instance) one
            GROUP BY service
        ) i FULL JOIN service_state s ON s.service = i.service
        """
    )
    return {row[0]: Running(*row) for row in rows}


async def depths(connection: Any, always: Sequence[str] = ()) -> list[Depth]:
    """Every queue that holds something, and those of `always`, in the order of their names."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE named AS (
            (SELECT queue FROM queue_item ORDER BY queue LIMIT 1)
            UNION ALL
            SELECT (SELECT q.queue FROM queue_item q WHERE q.queue > named.queue
                    ORDER BY q.queue LIMIT 1)
            FROM named WHERE named.queue IS NOT NULL
        ), wanted AS (
            SELECT queue FROM named WHERE queue IS NOT NULL UNION SELECT unnest($1::text[])
        )
        SELECT wanted.queue, found.items, found.messages, found.oldest
        FROM wanted CROSS JOIN LATERAL (
            SELECT count(*) AS items, coalesce(sum(messages), 0)::bigint AS messages,
                greatest(0, coalesce(extract(epoch FROM now() - min(available_at)), 0))::float8
                    AS oldest
            FROM (SELECT messages, available_at FROM queue_item WHERE queue = wanted.queue
                  ORDER BY queue, lane, account_id, available_at LIMIT $2) item
        ) found ORDER BY wanted.queue
        """,
        list(always), COUNTED_MAX,
    )  # fmt: skip
    return [Depth(row[0], row[1], row[2], row[3], row[1] >= COUNTED_MAX) for row in rows]


async def binds(connection: Any, most: int = 200) -> list[Bind]:
    """Customers' binds that live."""
    rows = await connection.fetch(
        f"""
        SELECT b.system_id, coalesce(a.name, ''), b.bind_type, b.address, b.submitted, b.refused,
            b.delivered, {_US.format("b.bound_at")}
        FROM smpp_bind b LEFT JOIN account a ON a.id = b.account_id
            JOIN service_instance i ON i.id = b.instance_id
        WHERE i.stopped_at IS NULL
            AND i.heartbeat_at > now() - {DEAD_AFTER_SECONDS} * interval '1 second'
        ORDER BY b.system_id, b.id LIMIT $1
        """,
        most,
    )  # fmt: skip
    return [Bind(*row) for row in rows]


async def set_desired(
    connection: Any, service: str, *, running: bool, restart: bool, actor: str
) -> None:
    """Wishes a service running or stopped; with `restart` every supervisor restarts it once.

    In the caller's transaction, which names who acts.
    """
    await connection.execute(
        """
        INSERT INTO service_state (service, desired, restart_generation, changed_by, changed_at)
        VALUES ($1, $2, $3::int, $4, now())
        ON CONFLICT (service) DO UPDATE SET desired = excluded.desired,
            restart_generation = service_state.restart_generation + $3::int,
            changed_by = excluded.changed_by, changed_at = excluded.changed_at
        """,
        service, "running" if running else "stopped", int(restart), actor,
    )  # fmt: skip
