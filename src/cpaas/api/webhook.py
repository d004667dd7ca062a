"""The account's webhook: set it, try it, see every attempt, replay a delivery."""

from typing import Annotated, Final

import msgspec
from litestar import get, post, put
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.context import Api, ApiRequest
from cpaas.db.actor import acting
from cpaas.webhooks import settings
from cpaas.webhooks.types import Attempt, Delivery, Endpoint

URL_CHARS_MAX: Final = 2_000
LIMIT_MAX: Final = 200


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events go. `events` left out keeps the choice; [] = final states and READ.

    `rotate` makes a new signing secret; the old one stays valid for 24 hours beside it.
    """

    url: Annotated[str, msgspec.Meta(max_length=URL_CHARS_MAX)]
    events: list[str] | None = None
    rotate: bool = False


class WebhookSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """The endpoint as it is now; `secret` only when it is new, then and never again."""

    url: str
    events: list[str]
    active: bool
    secret: str | None = None


class TestSent(msgspec.Struct, frozen=True):
    """The id under which the test's delivery will be listed."""

    id: str


class DeliveryList(msgspec.Struct, frozen=True):
    """One page of deliveries, newest first."""

    data: list[Delivery]
    next_cursor: str | None


class DeliveryDetail(msgspec.Struct, frozen=True):
    """One delivery: the exact body that was posted, and every attempt."""

    delivery: Delivery
    body: str
    attempts: list[Attempt]


class Replayed(msgspec.Struct, frozen=True):
    """A delivery that is posted once more."""

    id: str
    status: str = "queued"


@get("/v1/webhook", summary="Read the webhook's settings", tags=["Webhook"])
async def get_webhook(api: Api, caller: Caller) -> Endpoint:
    """The account's endpoint; its signing secret is never shown again."""
    async with api.pool.acquire() as connection:
        found = await settings.get_endpoint(connection, caller.account.id)
    return found or Endpoint("", [], False, "", None, None)


@put("/v1/webhook", summary="Set the webhook", tags=["Webhook"])
async def put_webhook(
    api: Api, caller: Caller, request: ApiRequest, data: WebhookSettings
) -> WebhookSet:
    """Sets where events go ("" = nowhere); the first answer holds the signing secret."""
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        endpoint, secret = await settings.put_endpoint(
            connection, api.keyring, api.guard, caller.account.id, data.url,
            events=data.events, rotate=data.rotate,
        )  # fmt: skip
    return WebhookSet(endpoint.url, endpoint.events, endpoint.active, secret)


@post("/v1/webhook/test", summary="Send a test event", tags=["Webhook"], status_code=202)
async def test_webhook(api: Api, caller: Caller) -> TestSent:
    """Posts a webhook.test event to the endpoint."""
    async with api.pool.acquire() as connection, connection.transaction():
        return TestSent(await settings.send_test(connection, caller.account.id))


@get("/v1/webhook/deliveries", summary="List deliveries", tags=["Webhook"])
async def list_deliveries(
    api: Api,
    caller: Caller,
    status: Annotated[str, Parameter(description="delivered, retrying, failed or skipped")] = "",
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str, Parameter(description="next_cursor of the page before")] = "",
) -> DeliveryList:
    """Every event that was or will be posted, with how its attempts went, newest first."""
    async with api.pool.acquire() as connection:
        page, after = await settings.deliveries(
            connection, caller.account.id, cursor=cursor, limit=limit, status=status
        )
    return DeliveryList(page, after)


@get("/v1/webhook/deliveries/{id:str}", summary="Look at a delivery", tags=["Webhook"])
async def get_delivery(api: Api, caller: Caller, id: str) -> DeliveryDetail:  # noqa: A002
    """One delivery with its exact body and every attempt."""
    async with api.pool.acquire() as connection:
        found, body = await settings.delivery(connection, caller.account.id, id)
        tries = await settings.attempts(connection, caller.account.id, id)
    return DeliveryDetail(found, body.decode(errors="replace"), tries)


@post(
    "/v1/webhook/deliveries/{id:str}/replay", summary="Replay a delivery", tags=["Webhook"],
    status_code=202,
)  # fmt: skip
async def replay_delivery(api: Api, caller: Caller, id: str) -> Replayed:  # noqa: A002
    """Posts a delivery once more, with the same webhook-id and body."""
    async with api.pool.acquire() as connection, connection.transaction():
        await settings.replay(connection, caller.account.id, id)
    return Replayed(id)


HANDLERS: Final = [
    get_webhook, put_webhook, test_webhook, list_deliveries, get_delivery, replay_delivery,
]  # fmt: skip
