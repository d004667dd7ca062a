"""SQL of the straight path: QUEUED messages that a carrier took and delivered, seen by one process.

Nearly every message goes this way, and the process that sent it still holds it. So the database is
told no more than what changes, and asked for nothing but what was allowed.
"""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.messages.statuses import before
from cpaas.messages.types import Applied, Finish

#: a plain integer crosses the wire at a fraction of a time stamp's cost.
_MOMENT: Final = "timestamptz 'epoch' + g.at * interval '1 microsecond'"
SUBMIT: Final = f"""
WITH done AS (
    UPDATE message m SET status = 'SUBMITTED', submitted_at = {_MOMENT},
        provider_message_id = g.provider_id, error_code = '', error = '',
        carrier_cost_micro = m.carrier_cost_micro + g.cost
    FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[], $5::text[])
        WITH ORDINALITY g (id, attempt, at, cost, provider_id, number)
    WHERE m.id = g.id AND m.attempt = g.attempt AND m.status = ANY ($6)
    RETURNING g.number, m.id, m.account_id, m.provider_message_id, m.refunded_micro
), kept AS (
    INSERT INTO provider_id (provider_message_id, message_id, account_id)
    SELECT provider_message_id, id, account_id FROM done WHERE provider_message_id IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT number, refunded_micro, NULL::timestamptz FROM done
"""
DELIVER: Final = f"""
UPDATE message m SET status = 'DELIVERED', delivered_at = {_MOMENT}, final_at = {_MOMENT},
    final_by = $4, error_code = '', error = ''
FROM unnest($1::uuid[], $2::smallint[], $3::bigint[])
    WITH ORDINALITY g (id, attempt, at, number)
WHERE m.id = g.id AND m.attempt = g.attempt AND m.status = ANY ($5)
RETURNING g.number, m.refunded_micro, m.submitted_at
"""
_BEFORE_SUBMITTED: Final = before("SUBMITTED")
_BEFORE_DELIVERED: Final = before("DELIVERED")


def is_straight(wanted: Finish) -> bool:
    """Whether `apply` here can make this transition."""
    return wanted.known is not None and (
        wanted.status == "DELIVERED"
        or (wanted.status == "SUBMITTED" and not wanted.error_code and wanted.refund == "never")
    )


async def apply(connection: Any, finishes: Sequence[Finish], *, final_by: int) -> list[Applied]:
    """Apply straight transitions, each message once; returns what was applied.

    Each is fenced by its attempt, so what the process holds is true of what was changed.
    """
    applied: list[Applied] = []
    submitted = [one for one in finishes if one.status == "SUBMITTED"]
    if submitted:
        submitted.sort(key=_id)
        rows = await connection.fetch(
            SUBMIT,
            *_keys(submitted),
            [one.carrier_cost_micro for one in submitted],
            [one.provider_message_id for one in submitted],
            _BEFORE_SUBMITTED,
        )
        applied += [_submitted(submitted[row[0] - 1], row[1]) for row in rows]
    if len(submitted) < len(finishes):
        delivered = [one for one in finishes if one.status == "DELIVERED"]
        delivered.sort(key=_id)
        rows = await connection.fetch(DELIVER, *_keys(delivered), final_by, _BEFORE_DELIVERED)
        applied += [_delivered(delivered[row[0] - 1], row[1], row[2]) for row in rows]
    return applied


def _id(one: Finish) -> bytes:
    return one.id


def _keys(finishes: Sequence[Finish]) -> tuple[list[bytes], list[int], list[int]]:
    return (
        [one.id for one in finishes],
        [one.attempt for one in finishes],
        [one.at_us for one in finishes],
    )


def _submitted(one: Finish, refunded_micro: int) -> Applied:
    return _applied(one, one.provider_message_id, refunded_micro, one.at_us, None)


def _delivered(one: Finish, refunded_micro: int, submitted_us: int | None) -> Applied:
    return _applied(one, one.provider_message_id, refunded_micro, submitted_us, one.at_us)


def _applied(
    one: Finish, provider_message_id: str | None, refunded_micro: int,
    submitted_us: int | None, delivered_us: int | None,
) -> Applied:  # fmt: skip
    assert one.known is not None  # noqa: S101
    envelope, message = one.known
    return Applied(
        one, envelope.account_id, one.attempt, one.route_id, envelope.campaign_id,
        message.price_micro, refunded_micro, message.segments, envelope.is_test,
        envelope.channel, message.to, message.sender, message.reference, provider_message_id,
        message.country, message.webhook_url, submitted_us, delivered_us, envelope.in_fallback,
    )  # fmt: skip
