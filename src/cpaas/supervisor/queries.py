"""What the supervisor asks the database: which services shall run."""

import asyncpg
import msgspec

from cpaas.db.actor import acting

CHANNEL = "service_state"


class Desired(msgspec.Struct, frozen=True):
    """The wish for one service, and who made it."""

    service: str
    running: bool
    restart_generation: int
    changed_by: str


async def desired_states(connection: asyncpg.Connection) -> dict[str, Desired]:
    """Every wish that was ever made, by service; a service without one shall run."""
    rows = await connection.fetch(
        "SELECT service, desired = 'running', restart_generation, changed_by FROM service_state"
    )
    return {row[0]: Desired(*row) for row in rows}


async def set_desired(
    connection: asyncpg.Connection, service: str, *, running: bool, restart: bool, actor: str
) -> None:
    """Wishes a service running or stopped; with `restart` every supervisor restarts it once."""
    async with acting(connection, actor):
        await connection.execute(
            """
            INSERT INTO service_state (service, desired, restart_generation, changed_by, changed_at)
            VALUES ($1, $2, $3::int, $4, now())
            ON CONFLICT (service) DO UPDATE SET desired = excluded.desired,
                restart_generation = service_state.restart_generation + $3::int,
                changed_by = excluded.changed_by, changed_at = excluded.changed_at
            """,
            service,
            "running" if running else "stopped",
            int(restart),
            actor,
        )
