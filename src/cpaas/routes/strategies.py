"""Makes, changes and removes strategies; how they choose is in `routing`.

The caller holds the transaction (`db.actor.acting`); services obey within a second.
"""

from collections.abc import Sequence

import asyncpg
import msgspec

from cpaas.kit.errors import InputError
from cpaas.routes import queries, strategy_check, strategy_queries
from cpaas.routes.types import NewMember, NewStrategy, StrategyChanges, StrategyRow


async def create_strategy(connection: asyncpg.Connection, strategy: NewStrategy) -> StrategyRow:
    """A new strategy; returns it as it is."""
    checked = strategy_check.new_strategy(strategy)
    members = await _routes(connection, checked.channel, checked.members)
    try:
        strategy_id = await strategy_queries.insert_strategy(connection, checked)
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"a strategy {strategy.name} exists already",
            "choose another name, or change that one", "name",
        ) from error  # fmt: skip
    await strategy_queries.replace_members(connection, strategy_id, members)
    return await strategy_named(connection, strategy.name)


async def change_strategy(
    connection: asyncpg.Connection, name: str, changes: StrategyChanges
) -> StrategyRow:
    """Applies changes; returns the strategy as it is now."""
    row = await strategy_named(connection, name)
    checked = strategy_check.changes(changes, row.kind)
    values = {k: v for k, v in msgspec.structs.asdict(checked).items() if v is not None}
    members = values.pop("members", None)
    if not values and members is None:
        raise InputError("nothing to change was given", "see `cpaas strategy update --help`")
    if members is None and changes.kind not in {None, row.kind}:
        # The members must fit the new kind, too.
        strategy_check.members(
            str(changes.kind),
            [
                NewMember(route=one.route, weight=one.weight, days=one.days, hours=one.hours)
                for one in row.members
            ],
        )
    if values:
        await strategy_queries.change_strategy(connection, row.id, values)
    if members is not None:
        found = await _routes(connection, row.channel, members)
        await strategy_queries.replace_members(connection, row.id, found)
    return await strategy_named(connection, name)


async def delete_strategy(connection: asyncpg.Connection, name: str) -> None:
    """Removes a strategy that no rule leads to any more."""
    row = await strategy_named(connection, name)
    if row.rules:
        raise InputError(
            f"{row.rules} rules lead to strategy {name}",
            "delete them or lead them elsewhere first (cpaas rule list)",
        )
    await strategy_queries.delete_strategy(connection, row.id)


async def strategy_named(connection: asyncpg.Connection, name: str) -> StrategyRow:
    """The strategy of that name."""
    row = await strategy_queries.strategy_by_name(connection, name)
    if row is None:
        raise InputError(f"there is no strategy {name!r}", "list them: cpaas strategy list", "name")
    return row


async def _routes(
    connection: asyncpg.Connection, channel: str, members: Sequence[NewMember]
) -> list[tuple[int, NewMember]]:
    found = []
    for one in members:
        row = await queries.route_by_name(connection, one.route)
        if row is None:
            raise InputError(
                f"there is no route {one.route!r}", "list them: cpaas route list", "members"
            )
        if row.channel != channel:
            raise InputError(
                f"route {one.route} carries {row.channel}, not {channel}",
                f"choose routes of {channel}", "members",
            )  # fmt: skip
        found.append((row.id, one))
    return found
