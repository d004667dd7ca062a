"""SQL of the reviews by carriers: what is due, what came of it, and whose a verdict is."""

from typing import Any, Final

from cpaas.templates import queries
from cpaas.templates.types import DueReview, TemplateRow

#: whoever took a template has it for so long; then another may.
LEASE_SECONDS: Final = 120.0
TROUBLE_CHARS_MAX: Final = 500


async def due(connection: Any, channel: str, most: int) -> list[DueReview]:
    """What has to be handed over or asked for now, longest due first; leased from now on."""
    rows = await connection.fetch(
        """UPDATE template_version v SET carrier_asked_at = now(),
             carrier_due_at = now() + $3::float8 * interval '1 second',
             carrier_tries = least(v.carrier_tries + 1, 1000)
           FROM (SELECT v.id FROM template_version v JOIN template t ON t.id = v.template_id
                 WHERE v.status = 'APPROVED' AND v.carrier_status = 'pending' AND t.channel = $1
                   AND (v.carrier_due_at IS NULL OR v.carrier_due_at <= now())
                 ORDER BY v.carrier_due_at NULLS FIRST, v.id LIMIT $2
                 FOR UPDATE OF v SKIP LOCKED) w
           WHERE v.id = w.id
           RETURNING v.account_id, v.template_id, v.id, v.number, v.carrier_id,
             v.carrier_tries - 1""",
        channel, most, LEASE_SECONDS,
    )  # fmt: skip
    return [DueReview(*row) for row in rows]


async def version(connection: Any, one: DueReview) -> TemplateRow | None:
    """The template with the version that is due; None when it was deleted since."""
    return await queries.find(connection, one.account_id, one.template_id, one.number)


async def later(connection: Any, one: DueReview, seconds: float, trouble: str) -> None:
    """It is due again in so many seconds; trouble: why it could not be handed over."""
    await connection.execute(
        """UPDATE template_version SET carrier_trouble = $4,
             carrier_due_at = now() + $3::float8 * interval '1 second'
           WHERE account_id = $1 AND id = $2""",
        one.account_id, one.version_id, seconds, trouble[:TROUBLE_CHARS_MAX].replace("\0", ""),
    )  # fmt: skip


async def ask_in(connection: Any, account_id: int, version_id: int, seconds: float) -> None:
    """Its carrier is asked for the verdict in so many seconds."""
    await connection.execute(
        """UPDATE template_version SET carrier_due_at = now() + $3::float8 * interval '1 second'
           WHERE account_id = $1 AND id = $2 AND carrier_status = 'pending'""",
        account_id, version_id, seconds,
    )  # fmt: skip


async def hurry(connection: Any, channel: str, template_id: int = 0) -> int:
    """What could not be handed over is due now (0 = every template); how many that are."""
    rows = await connection.fetch(
        """UPDATE template_version v SET carrier_due_at = now(), carrier_tries = 0
           FROM template t WHERE t.id = v.template_id AND t.channel = $1
             AND ($2::bigint = 0 OR t.id = $2)
             AND v.status = 'APPROVED' AND v.carrier_status = 'pending'
             AND (v.carrier_trouble <> '' OR $2 <> 0) RETURNING v.id""",
        channel, template_id,
    )  # fmt: skip
    return len(rows)


async def by_carrier_id(
    connection: Any, channel: str, carrier_id: str
) -> tuple[int, int, int] | None:
    """(account id, template id, version) that the carrier knows by this id."""
    row = await connection.fetchrow(
        """SELECT v.account_id, v.template_id, v.number FROM template_version v
           JOIN template t ON t.id = v.template_id
           WHERE t.channel = $1 AND v.carrier_id = $2 ORDER BY v.number DESC LIMIT 1""",
        channel, carrier_id,
    )  # fmt: skip
    return None if row is None else (row[0], row[1], row[2])


async def is_under_way(connection: Any, channel: str, name: str) -> bool:
    """Whether a template of this name is being handed over: its carrier's id is not known yet."""
    found = await connection.fetchval(
        """SELECT 1 FROM template_version v JOIN template t ON t.id = v.template_id
           WHERE t.channel = $1 AND t.name = $2 AND v.carrier_status = 'pending'
             AND v.carrier_id = ''
             AND v.carrier_asked_at > now() - $3::float8 * interval '1 second' LIMIT 1""",
        channel, name, LEASE_SECONDS,
    )  # fmt: skip
    return found is not None
