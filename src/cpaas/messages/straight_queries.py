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
#: a first attempt's provider id is new to the message, so nothing has to be looked for.
SUBMITTED: Final = f"""
done AS (
    UPDATE message m SET status = 'SUBMITTED', submitted_at = {_MOMENT},
        provider_message_id = g.provider_id, error_code = '', error = '',
        carrier_cost_micro = m.carrier_cost_micro + g.cost
    FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[], $5::text[])
        WITH ORDINALITY g (id, attempt, at, cost, provider_id, number)
    WHERE m.id = g.id AND m.attempt = g.attempt AND m.status = ANY ($6)
    RETURNING g.number, m.id, m.account_id, m.provider_message_id, m.refunded_micro, m.submitted_at
), kept AS (
    INSERT INTO provider_id (provider_message_id, message_id, account_id)
    SELECT provider_message_id, id, account_id FROM done WHERE provider_message_id IS NOT NULL
)
"""
DELIVERED: Final = f"""
done AS (
    UPDATE message m SET status = 'DELIVERED', delivered_at = {_MOMENT}, final_at = {_MOMENT},
        final_by = $4, error_code = '', error = ''
    FROM unnest($1::uuid[], $2::smallint[], $3::bigint[])
        WITH ORDINALITY g (id, attempt, at, number)
    WHERE m.id = g.id AND m.attempt = g.attempt AND m.status = ANY ($5)
    RETURNING g.number, m.refunded_micro, m.submitted_at
)
"""
SUBMIT: Final = f"WITH {SUBMITTED} SELECT number, refunded_micro FROM done"
DELIVER: Final = f"WITH {DELIVERED} SELECT number, refunded_micro, submitted_at FROM done"
_BEFORE_SUBMITTED: Final = before("SUBMITTED")
_BEFORE_DELIVERED: Final = before("DELIVERED")


def is_straight(wanted: Finish) -> bool:
    """Whether `apply` here can make this transition."""
    return wanted.known is not None and (
        wanted.status == "DELIVERED"
        or (
            wanted.status == "SUBMITTED" and wanted.attempt == 1
            and not wanted.error_code and wanted.refund == "never"
        )
    )  # fmt: skip


async def apply(connection: Any, finishes: Sequence[Finish], *, final_by: int) -> list[Applied]:
    """Apply straight transitions, each message once; returns what was applied.

    Each is fenced by its attempt, so what the process holds is true of what was changed.
    """
    applied: list[Applied] = []
    submitted = [one for one in finishes if one.status == "SUBMITTED"]
    if submitted:
        submitted.sort(key=_id)
        rows = await connection.fetch(SUBMIT, *submit_values(submitted))
        applied += [_submitted(submitted[row[0] - 1], row[1]) for row in rows]
    if len(submitted) < len(finishes):
        delivered = [one for one in finishes if one.status == "DELIVERED"]
        delivered.sort(key=_id)
        rows = await connection.fetch(DELIVER, *deliver_values(delivered, final_by))
        applied += [_delivered(delivered[row[0] - 1], row[1], row[2]) for row in rows]
    return applied


def _id(one: Finish) -> bytes:
    return one.id


def submit_values(ordered: Sequence[Finish]) -> tuple[Any, ...]:
    """The parameters of `SUBMITTED`, for messages in the order of their ids."""
    return (
        [one.id for one in ordered],
        [one.attempt for one in ordered],
        [one.at_us for one in ordered],
        [one.carrier_cost_micro for one in ordered],
        [one.provider_message_id for one in ordered],
        _BEFORE_SUBMITTED,
    )


def deliver_values(ordered: Sequence[Finish], final_by: int) -> tuple[Any, ...]:
    """The parameters of `DELIVERED`, for messages in the order of their ids."""
    return (
        [one.id for one in ordered],
        [one.attempt for one in ordered],
        [one.at_us for one in ordered],
        final_by,
        _BEFORE_DELIVERED,
    )


def as_wanted(one: Finish, submitted_us: int) -> Applied:
    """What a transition makes of a message of which nothing was given back."""
    if one.status == "SUBMITTED":
        return _submitted(one, 0)
    return _delivered(one, 0, submitted_us)


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
