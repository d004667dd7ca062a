"""The rows by which a running process is known: `service_instance`."""

import asyncpg
import msgspec


async def insert_instance(
    pool: asyncpg.Pool, service: str, host: str, pid: int, port: int, version: str
) -> int:
    """Makes the row of a process that starts now; returns its id."""
    instance_id: int = await pool.fetchval(
        """
        INSERT INTO service_instance (service, host, pid, port, version, started_at, heartbeat_at)
        VALUES ($1, $2, $3, $4, $5, now(), now()) RETURNING id
        """,
        service,
        host,
        pid,
        port,
        version,
    )
    return instance_id


async def beat(pool: asyncpg.Pool, instance_id: int, details: dict[str, object]) -> None:
    """Says that the process lives, with what it wants shown about itself."""
    await pool.execute(
        "UPDATE service_instance SET heartbeat_at = now(), details = $2::text::jsonb WHERE id = $1",
        instance_id,
        msgspec.json.encode(details).decode(),
    )


async def mark_stopped(pool: asyncpg.Pool, instance_id: int) -> None:
    """Says that the process ended in good order."""
    await pool.execute(
        "UPDATE service_instance SET heartbeat_at = now(), stopped_at = now() WHERE id = $1",
        instance_id,
    )
