"""The operator's verdicts about templates, with an admin key."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import Parameter

from cpaas.api.auth import Operator
from cpaas.api.context import Api, ApiRequest
from cpaas.api.templates import LIMIT_MAX, TemplateList, TemplateView, missing, page, shown
from cpaas.db.actor import acting
from cpaas.kit.log import get_logger
from cpaas.templates import decide, queries

_log = get_logger(__name__)


class Rejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a template is refused; its owner reads it."""

    reason: str


@get("/v1/admin/templates", summary="Templates of all accounts", tags=["Operator"])
async def list_all_templates(
    api: Api,
    operator: Operator,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
    status: Annotated[str, Parameter(description="DRAFT, PENDING, APPROVED or REJECTED")] = "",
    channel: str = "",
) -> TemplateList:
    """Newest first; needs an admin key."""
    _log.info("templates_listed", by=operator.key.name)
    return await page(api, 0, limit, cursor, status=status.upper(), channel=channel)


@post("/v1/admin/templates/{template:int}/approve", summary="Approve a template",
      tags=["Operator"], status_code=200)  # fmt: skip
async def approve_template(
    api: Api, operator: Operator, request: ApiRequest, template: int
) -> TemplateView:
    """Allows the newest version; carriers that review it are asked next."""
    actor = f"admin-key:{operator.key.name}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        owner = await _owner(connection, template)
        return shown(await decide.approve(connection, owner, template, actor=actor))


@post("/v1/admin/templates/{template:int}/reject", summary="Reject a template",
      tags=["Operator"], status_code=200)  # fmt: skip
async def reject_template(
    api: Api, operator: Operator, request: ApiRequest, template: int, data: Rejection
) -> TemplateView:
    """Refuses the newest version with a reason."""
    actor = f"admin-key:{operator.key.name}"
    async with (
        api.pool.acquire() as connection,
        acting(connection, actor, api.client(request)),
    ):
        owner = await _owner(connection, template)
        return shown(await decide.reject(connection, owner, template, data.reason, actor=actor))


async def _owner(connection: Any, template: int) -> int:
    owner = await queries.owner(connection, template) if 0 < template < 2**63 else None
    if owner is None:
        raise missing(template)
    return owner


HANDLERS: Final[list[Any]] = [list_all_templates, approve_template, reject_template]
