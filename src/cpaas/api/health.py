"""Health and metrics of the service, without a key."""

from typing import Final

import msgspec
from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cpaas import __version__
from cpaas.api import queries
from cpaas.api.context import Api
from cpaas.db.trouble import AWAY


class Queue(msgspec.Struct, frozen=True):
    """The broker that carries the queues; while it is away they go past it."""

    carrier: str
    up: bool
    error: str


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """UP when the database answers and the configuration is confirmed."""

    service: str
    status: str
    version: str
    queue: Queue | None = None


@get("/health", summary="Is the service up?", tags=["Service"])
async def get_health(api: Api) -> Response[Health]:
    """200 when it can take messages, 503 when it cannot."""
    up = api.snapshots.confirmed
    if up:
        try:
            up = await queries.answers(api.pool)
        except AWAY:
            up = False
    queue = msgspec.convert(api.queue_details().get("queue"), Queue | None)
    health = Health("cpaas-core", "UP" if up else "DOWN", __version__, queue)
    return Response(health, status_code=200 if up else 503)


@get("/metrics", summary="Metrics for Prometheus", tags=["Service"], include_in_schema=False)
async def get_metrics() -> Response[bytes]:
    """Counters in the Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


HANDLERS: Final = [get_health, get_metrics]
