"""The operator's questions about routing: how would this message go, and why."""

from typing import Annotated, Final

import msgspec
from litestar import post

from cpaas.api.auth import Operator
from cpaas.api.context import Api
from cpaas.kit.log import get_logger
from cpaas.routes.queries import live_states
from cpaas.routing.asked import Asked, Told, answer

_log = get_logger(__name__)
_Name = Annotated[str, msgspec.Meta(max_length=64)]


class ExplainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to be explained; `from` left out means the account's default sender."""

    account: _Name
    to: Annotated[str, msgspec.Meta(max_length=32)]
    channel: _Name = "sms"
    sender: _Name = msgspec.field(default="", name="from")
    traffic_class: _Name = "transactional"
    template: _Name = ""
    test_key: bool = False


@post("/v1/routes/explain", summary="Explain a message's route", tags=["Operator"], status_code=200)
async def explain_route(api: Api, operator: Operator, data: ExplainRequest) -> Told:
    """Which rule, strategy and routes a message would take now, and why each other is passed over.

    Needs an admin key. It is the very function that routes; nothing is sent or stored.
    """
    asked = Asked(**msgspec.structs.asdict(data))
    states = await live_states(api.pool)
    _log.info("route_explained", by=operator.key.name, account=data.account, channel=data.channel)
    return answer(api.snapshots.current, asked, api.now_us(), states)


HANDLERS: Final = [explain_route]
