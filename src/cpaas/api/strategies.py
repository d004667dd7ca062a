"""The operator's view of strategies: the routes' weights now, and what best delivery changed."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get
from litestar.params import Parameter

from cpaas.api.auth import Operator
from cpaas.api.context import Api
from cpaas.api.problem import ProblemError
from cpaas.kit.log import get_logger
from cpaas.routes import strategy_queries
from cpaas.routes.types import ChangeRow, StrategyRow

LIMIT_MAX: Final = 1000
_log = get_logger(__name__)


class StrategyList(msgspec.Struct, frozen=True):
    """Strategies by channel and name."""

    data: list[StrategyRow]


class ChangeList(msgspec.Struct, frozen=True):
    """A best delivery strategy's changes, newest first."""

    data: list[ChangeRow]


@get("/v1/strategies", summary="List strategies", tags=["Operator"])
async def list_strategies(api: Api, operator: Operator, channel: str = "") -> StrategyList:
    """Every strategy with its routes and their weights now (`share`); needs an admin key."""
    _log.info("strategies_listed", by=operator.key.name)
    async with api.pool.acquire() as connection:
        return StrategyList(await strategy_queries.strategies(connection, channel=channel))


@get("/v1/strategies/{name:str}/changes", summary="What best delivery changed", tags=["Operator"])
async def list_changes(
    api: Api,
    operator: Operator,
    name: str,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
) -> ChangeList:
    """Every change of the weights with its reason, newest first; needs an admin key."""
    _log.info("strategy_changes_listed", by=operator.key.name, strategy=name[:40])
    async with api.pool.acquire() as connection:
        found = "\0" not in name and await strategy_queries.strategy_by_name(connection, name)
        if not found:
            raise ProblemError(404, "strategy_missing", f"There is no strategy {name[:40]!r}.")
        return ChangeList(await strategy_queries.strategy_changes(connection, found.id, limit))


HANDLERS: Final[list[Any]] = [list_strategies, list_changes]
