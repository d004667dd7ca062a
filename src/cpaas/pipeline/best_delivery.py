"""Moves best delivery's weights by what the routes did, and records every change with its reason.

A sweep: one process of the platform does it. The weights are configuration, so that every process
and the audit log hear of a change by themselves.
"""

from typing import Any, Final

from cpaas.db.queries import set_actor
from cpaas.kit.log import get_logger
from cpaas.pipeline import best_delivery_queries as queries
from cpaas.pipeline.transitions import Context
from cpaas.routing.best import adjust, limits_of, points
from cpaas.snapshot.types import Snapshot, Strategy

MINUTE_US: Final = 60_000_000
QUARTER_US: Final = 15 * MINUTE_US
PAST_US: Final = 6 * 60 * MINUTE_US
KEPT_US: Final = 24 * 60 * MINUTE_US
ACTOR: Final = "system:best_delivery"
_log = get_logger(__name__)


async def sweep_best_delivery(connection: Any, context: Context) -> int:
    """Adjust every best delivery strategy; returns how many changed."""
    strategies = _strategies(context.snapshot)
    changed = 0
    for strategy in strategies:
        changed += await _adjust(connection, context, strategy)
    if strategies:
        await queries.forget(connection, context.now_us - KEPT_US)
    return changed


def _strategies(snapshot: Snapshot) -> list[Strategy]:
    return [
        one for one in snapshot.strategies.values() if one.active and one.kind == "best_delivery"
    ]


async def _adjust(connection: Any, context: Context, strategy: Strategy) -> bool:
    now_us = context.now_us
    members = await queries.members(connection, strategy.id)
    figures = await queries.figures(
        connection, [one.route_id for one in members], since_us=now_us - QUARTER_US,
        # The minute under way and the one before it: a whole minute at least.
        minute_us=now_us - now_us % MINUTE_US - MINUTE_US,
    )  # fmt: skip
    past = await queries.past(connection, strategy.id, now_us - PAST_US)
    change = adjust(limits_of(strategy.settings), members, figures, past, now_us)
    if change is None:
        return False
    await set_actor(connection, ACTOR, "", change.reason)
    await queries.change(connection, strategy.id, now_us, change, points(members))
    _log.info(
        "best_delivery_changed", strategy=strategy.name, kind=change.kind, reason=change.reason,
        shares=change.shares,
    )  # fmt: skip
    return True
