"""What `doctor` asks the database: the queues, the carriers and the instances."""

import asyncpg
import msgspec


class QueueDepth(msgspec.Struct, frozen=True):
    """What lies in one queue, and for how long the oldest due item has waited."""

    queue: str
    items: int
    oldest_seconds: float


class RouteBinds(msgspec.Struct, frozen=True):
    """A route in use with the state its holder reported last."""

    name: str
    state: str | None
    binds_up: int
    binds_wanted: int
    last_error: str
    reported_seconds_ago: float | None


class DeadLetters(msgspec.Struct, frozen=True):
    """The dead letters of one queue."""

    queue: str
    letters: int
    messages: int
    newest_id: int
    reason: str


class Heartbeat(msgspec.Struct, frozen=True):
    """A process that has not said goodbye."""

    service: str
    host: str
    pid: int
    seconds_ago: float
    #: whether it reaches the broker that carries its queues, and why not; None: it has none.
    broker_up: bool | None
    broker_error: str


async def server(connection: asyncpg.Connection) -> tuple[str, float]:
    """Version of the server and its clock as seconds since 1970."""
    row = await connection.fetchrow(
        "SELECT current_setting('server_version'),"
        " extract(epoch FROM clock_timestamp())::double precision"
    )
    return row[0], row[1]


async def queue_depths(connection: asyncpg.Connection) -> list[QueueDepth]:
    """Every queue that holds something."""
    rows = await connection.fetch(
        """
        SELECT queue, count(*),
            greatest(0, extract(epoch FROM now() - min(available_at)))::double precision
        FROM queue_item GROUP BY queue ORDER BY queue
        """
    )
    return [QueueDepth(*row) for row in rows]


async def route_binds(connection: asyncpg.Connection) -> list[RouteBinds]:
    """Every active route to a carrier with its live state, if one was ever reported."""
    rows = await connection.fetch(
        """
        SELECT r.name, s.state, coalesce(s.binds_up, 0), coalesce(s.binds_wanted, r.binds),
            coalesce(s.last_error, ''),
            extract(epoch FROM now() - s.updated_at)::double precision
        FROM route r LEFT JOIN route_state s ON s.route_id = r.id
        WHERE r.active AND NOT r.simulated ORDER BY r.name
        """
    )
    return [RouteBinds(*row) for row in rows]


async def heartbeats(connection: asyncpg.Connection) -> list[Heartbeat]:
    """Every instance that did not stop in good order within the last hour."""
    rows = await connection.fetch(
        """
        SELECT service, host, pid, extract(epoch FROM now() - heartbeat_at)::double precision,
            (details->'queue'->>'up')::boolean, coalesce(details->'queue'->>'error', '')
        FROM service_instance
        WHERE stopped_at IS NULL AND heartbeat_at > now() - interval '1 hour'
        ORDER BY service, id
        """
    )
    return [Heartbeat(*row) for row in rows]


async def partitions_ahead(connection: asyncpg.Connection) -> int:
    """For how many coming days messages have their partition already."""
    days: int = await connection.fetchval(
        """
        SELECT count(*) FROM generate_series(1, 14) AS d
        WHERE to_regclass('message_' || to_char((now() AT TIME ZONE 'UTC')::date + d, 'YYYYMMDD'))
            IS NOT NULL
        """
    )
    return days


async def dead_letters(connection: asyncpg.Connection) -> list[DeadLetters]:
    """Every queue that has dead letters, with the newest's reason."""
    rows = await connection.fetch(
        """
        SELECT d.queue, d.letters, d.messages, d.newest, n.reason
        FROM (SELECT queue, count(*) AS letters, sum(messages)::bigint AS messages,
                max(id) AS newest FROM dead_letter GROUP BY queue) d
        JOIN dead_letter n ON n.id = d.newest ORDER BY d.queue
        """
    )
    return [DeadLetters(*row) for row in rows]


async def receipts_given_up(connection: asyncpg.Connection, most: int) -> int:
    """Receipts that found no message within 72 hours, counting `most` at most."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM (SELECT FROM unmatched_receipt"
        " WHERE given_up_at IS NOT NULL LIMIT $1) u",
        most,
    )
    return count
