"""SQL of a message's transitions, their counters and their events.

Rows are found one by one by their id, which names their day: with a range of ids beside it, a plan
made while a partition was still empty would read the whole range.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.kit.ids import new_id_bytes
from cpaas.messages.statuses import FINAL, TRANSITIONS
from cpaas.messages.types import Applied, CounterKey, Counts, ErrorKey, Finish, Note

#: the transition table as "BEFORE>AFTER".
_ALLOWED: Final = sorted(f"{b}>{a}" for b, nexts in TRANSITIONS.items() for a in nexts)
_FINAL: Final = sorted(FINAL)
#: a call that ends so was not answered: what was reserved for it is given back whole.
UNANSWERED: Final = frozenset({"FAILED", "REJECTED", "EXPIRED"})
_UNANSWERED: Final = sorted(UNANSWERED)

# submitted_at and delivered_at stay NULL where a step was skipped: that tells the counters so.
APPLY: Final = """
UPDATE message m SET
  status = k.status,
  attempt = m.attempt + (k.status = 'QUEUED' AND m.status <> 'SCHEDULED')::int,
  route_id = CASE WHEN k.route_id > 0 THEN k.route_id ELSE m.route_id END,
  provider_message_id = CASE WHEN k.status = 'QUEUED' THEN NULL
                             ELSE coalesce(g.provider_id, m.provider_message_id) END,
  carrier_cost_micro = m.carrier_cost_micro + k.cost,
  claimed_by = CASE WHEN k.status = 'QUEUED' THEN 0 ELSE m.claimed_by END,
  submitted_at = CASE k.status WHEN 'SUBMITTED' THEN g.at WHEN 'QUEUED' THEN NULL
                               ELSE m.submitted_at END,
  delivered_at = CASE k.status WHEN 'DELIVERED' THEN g.at ELSE m.delivered_at END,
  read_at = CASE k.status WHEN 'READ' THEN g.at ELSE m.read_at END,
  final_at = CASE WHEN k.status = any($12) THEN coalesce(m.final_at, g.at) END,
  final_by = CASE WHEN k.status = any($12) THEN $13 ELSE 0 END,
  error_code = CASE k.status WHEN 'READ' THEN m.error_code ELSE k.error_code END,
  error = CASE k.status WHEN 'READ' THEN m.error ELSE k.error END,
  refunded_micro = CASE WHEN k.refund = 'always'
                          OR (k.refund = 'policy' AND m.account_id = any($14))
                          OR (m.channel = 'voice' AND k.status = any($16))
                        THEN m.price_micro ELSE m.refunded_micro END
FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::text[], $5::int[])
       WITH ORDINALITY g(id, attempt, at, provider_id, kind, number)
  JOIN unnest($6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[])
       WITH ORDINALITY k(status, route_id, cost, error_code, error, refund, kind)
       ON k.kind = g.kind
WHERE m.id = g.id
  AND (g.attempt = 0 OR m.attempt = g.attempt)
  AND m.status || '>' || k.status = any($15)
RETURNING g.number, m.account_id, m.attempt, m.route_id, m.campaign_id, m.price_micro,
  m.refunded_micro, m.segments, m.is_test, m.channel, m.recipient, m.sender, m.reference,
  m.provider_message_id, m.country, m.webhook_url, m.submitted_at, m.delivered_at,
  m.fallback IS NOT NULL
"""


_Kind = tuple[str, int, int, str, str, str]


def _kind(f: Finish) -> _Kind:
    return f.status, f.route_id, f.carrier_cost_micro, f.error_code, f.error, f.refund


async def apply(
    connection: Any, finishes: Sequence[Finish], *, final_by: int, refunding: Sequence[int]
) -> list[Applied]:
    """Apply transitions that the table allows, each message once; returns what was applied.

    refunding: accounts whose policy refunds what a carrier failed.
    """
    ordered = sorted(finishes, key=lambda finish: finish.id)
    # Most of a batch wants the same: that is sent once, which halves the cost of encoding.
    kinds: dict[_Kind, int] = {}
    numbers = [kinds.setdefault(_kind(f), len(kinds) + 1) for f in ordered]
    rows = await connection.fetch(
        APPLY,
        [f.id for f in ordered],
        [f.attempt for f in ordered],
        [f.at_us for f in ordered],
        [f.provider_message_id for f in ordered],
        numbers,
        *map(list, zip(*kinds, strict=True)),
        _FINAL,
        final_by,
        refunding,
        _ALLOWED,
        _UNANSWERED,
    )
    return [Applied(ordered[row[0] - 1], *row[1:]) for row in rows]


_COUNTED: Final = (
    "submitted", "delivered", "read", "failed", "rejected", "expired", "blocked", "cancelled",
    "refunded_micro", "carrier_cost_micro",
)  # fmt: skip
COUNT: Final = (
    "INSERT INTO counter_minute AS c (minute, account_id, channel, route_id, country, instance_id, "
    + ", ".join(_COUNTED)
    + ") SELECT g.* FROM unnest($1::timestamptz[], $2::bigint[], $3::text[], $4::bigint[],"
    " $5::text[], $6::bigint[], "
    + ", ".join(f"${7 + n}::bigint[]" for n in range(len(_COUNTED)))
    + ") g ON CONFLICT (minute, account_id, channel, route_id, country, instance_id) DO UPDATE SET "
    + ", ".join(f"{name} = c.{name} + excluded.{name}" for name in _COUNTED)
)


async def count(connection: Any, instance_id: int, counts: dict[CounterKey, Counts]) -> None:
    """Add to this writer's counters, keys in order, so that two writers never lock crosswise."""
    if counts:
        await connection.execute(COUNT, *count_values(instance_id, counts))


#: how many there are of what `count_values` returns.
COUNT_VALUES: Final = 6 + len(_COUNTED)


def count_values(instance_id: int, counts: dict[CounterKey, Counts]) -> tuple[list[Any], ...]:
    """The parameters of `COUNT`."""
    keys = sorted(counts)
    values = [counts[key] for key in keys]
    return (
        *([key[part] for key in keys] for part in range(5)),
        [instance_id] * len(keys),
        *([getattr(value, name) for value in values] for name in _COUNTED),
    )


_COUNT_ERRORS: Final = """
INSERT INTO counter_error AS c
  (minute, account_id, channel, route_id, error_code, instance_id, messages)
SELECT g.* FROM unnest($1::timestamptz[], $2::bigint[], $3::text[], $4::bigint[], $5::text[],
  $6::bigint[], $7::bigint[]) g
ON CONFLICT (minute, account_id, channel, route_id, error_code, instance_id)
  DO UPDATE SET messages = c.messages + excluded.messages
"""


async def count_errors(connection: Any, instance_id: int, counts: dict[ErrorKey, int]) -> None:
    """Add to this writer's counters of errors, keys in order."""
    if not counts:
        return
    keys = sorted(counts)
    await connection.execute(
        _COUNT_ERRORS,
        *(list(column) for column in zip(*keys, strict=True)),
        [instance_id] * len(keys),
        [counts[key] for key in keys],
    )


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


async def note(connection: Any, notes: Sequence[Note]) -> None:
    """Write what happened to messages off the straight path."""
    if not notes:
        return
    await connection.execute(
        """INSERT INTO message_event
             (id, message_id, account_id, at, kind, attempt, route_id, actor, text, details)
           SELECT g.id, g.message_id, g.account_id, g.at, g.kind, g.attempt, g.route_id, g.actor,
             g.text, g.details::jsonb
           FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[],
             $5::text[], $6::smallint[], $7::bigint[], $8::text[], $9::text[], $10::text[])
             g(id, message_id, account_id, at, kind, attempt, route_id, actor, text, details)""",
        [new_id_bytes() for _ in notes],
        [n.message_id for n in notes],
        [n.account_id for n in notes],
        [n.at_us for n in notes],
        [n.kind for n in notes],
        [n.attempt for n in notes],
        [n.route_id for n in notes],
        [n.actor for n in notes],
        [n.text for n in notes],
        [None if n.details is None else _json(n.details) for n in notes],
    )
