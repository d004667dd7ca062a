"""Pure checks of strategies; each refusal says what to write instead."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.kit.errors import InputError
from cpaas.kit.hours import day_names, read
from cpaas.routes.check import channel, route_name
from cpaas.routes.types import NewMember, NewStrategy, StrategyChanges
from cpaas.routing.best import Limits
from cpaas.routing.plan import ROUTES_MAX
from cpaas.routing.strategies import KINDS

NO_RECEIPT: Final = ("off", "otp", "all")
NO_RECEIPT_SECONDS: Final = (10, 86_400)
WEIGHT_MAX: Final = 1_000
WEIGHED: Final = frozenset({"weighted", "best_delivery", "sticky"})


def new_strategy(strategy: NewStrategy) -> NewStrategy:
    """A strategy whose every field can be used, in normal form."""
    try:
        route_name(strategy.name)
    except InputError as error:
        raise InputError(
            f"{strategy.name!r} is no strategy name",
            "use 1 to 32 small letters, digits and underscores, such as india",
            error.field,
        ) from None
    channel(strategy.channel)
    _no_receipt(strategy.no_receipt, strategy.no_receipt_seconds)
    _settings(strategy.kind, strategy.settings)
    return msgspec.structs.replace(
        strategy, members=members(_kind(strategy.kind), strategy.members)
    )


def changes(wanted: StrategyChanges, kind: str) -> StrategyChanges:
    """Changes in normal form; `kind`: what the strategy is without them."""
    kind = _kind(wanted.kind or kind)
    _no_receipt(wanted.no_receipt, wanted.no_receipt_seconds)
    _settings(kind, wanted.settings)
    if wanted.members is None:
        return wanted
    return msgspec.structs.replace(wanted, members=members(kind, wanted.members))


def members(kind: str, wanted: Sequence[NewMember]) -> list[NewMember]:
    """Members in normal form."""
    if not 1 <= len(wanted) <= ROUTES_MAX:
        raise InputError(
            f"a strategy has 1 to {ROUTES_MAX} routes, this one {len(wanted)}",
            "name its routes in order", "members",
        )  # fmt: skip
    names = [one.route for one in wanted]
    if len(set(names)) < len(names):
        raise InputError("a route stands there twice", "name each route once", "members")
    for one in wanted:
        if not 0 <= one.weight <= WEIGHT_MAX:
            raise InputError(
                f"weight {one.weight} is out of range",
                f"use 0 to {WEIGHT_MAX}; 0 only takes over", "members",
            )  # fmt: skip
        read((), one.hours)
        if (one.days or one.hours) and kind != "time_of_day":
            raise InputError(
                f"a {kind} strategy has no hours", "use the kind time_of_day", "members"
            )
    if kind in WEIGHED and not any(one.weight for one in wanted):
        raise InputError("no route has a weight", "give one at least the weight 1", "members")
    return [msgspec.structs.replace(one, days=day_names(one.days)) for one in wanted]


def _no_receipt(which: str | None, seconds: int | None) -> None:
    if which is not None and which not in NO_RECEIPT:
        raise InputError(
            f"{which!r} says not whose messages go on without a receipt",
            f"use one of {', '.join(NO_RECEIPT)}", "no_receipt",
        )  # fmt: skip
    least, most = NO_RECEIPT_SECONDS
    if seconds is not None and not least <= seconds <= most:
        raise InputError(
            f"{seconds} seconds without a receipt is out of range", f"use {least} to {most}",
            "no_receipt_seconds",
        )  # fmt: skip


def _settings(kind: str, document: dict[str, object] | None) -> None:
    if not document:
        return
    if kind != "best_delivery":
        raise InputError(
            f"a {kind} strategy has no settings", "only best_delivery has some", "settings"
        )
    try:
        msgspec.convert(document, Limits)
    except msgspec.ValidationError as error:
        raise InputError(
            f"these settings cannot be used: {error}",
            "see best delivery in docs/reference/routing.md", "settings",
        ) from error  # fmt: skip


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind", f"use one of {', '.join(KINDS)}", "kind")
    return kind
