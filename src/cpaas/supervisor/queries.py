"""What the supervisor asks the database: which services shall run."""

import asyncpg
import msgspec

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
