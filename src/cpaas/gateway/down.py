"""What becomes of a down route's items: another route, the end of their validity, or waiting.

Pure; the gateway carries it out.
"""

from typing import Final

import msgspec

from cpaas.gateway.buffer import Buffer, OpenItem
from cpaas.messages.envelopes import Outgoing
from cpaas.messages.types import Finish
from cpaas.pipeline.load import RouteLoad
from cpaas.snapshot.types import Route, Snapshot


class Swept(msgspec.Struct):
    """moving: items for other routes, with their plans. ended: items of which nothing lives."""

    moving: list[OpenItem] = []
    plans: list[list[int]] = []
    staying: list[int] = []
    ended: list[int] = []
    finishes: list[Finish] = []


def sweep(buffer: Buffer, route: Route, snapshot: Snapshot, load: RouteLoad, now_us: int) -> Swept:
    """Decides for every open item of a route that is down."""
    swept = Swept()
    for one in buffer:
        late = [message for message in one.rest if message.valid_until_us <= now_us]
        for message in late:
            text = "Its validity ended while its route was down."
            swept.finishes.append(expired(message, now_us, text))
        # A message of which the carrier has a part goes no other way.
        bound = any(message.parts_done for message in one.rest)
        others = [] if bound else alternatives(route, one.envelope.plan, snapshot, load)
        if len(late) == len(one.rest):
            swept.ended.append(one.item.id)
        elif others:
            swept.moving.append(one)
            swept.plans.append([*others, route.id])
        else:
            swept.staying.append(one.item.id)
    return swept


TEXT: Final = "Its validity ended before it could be sent."


def expired(message: Outgoing, at_us: int, text: str = TEXT) -> Finish:
    """The end of a message whose validity is over; of one that went in part the account decides."""
    return Finish(
        message.id, "EXPIRED", at_us, message.attempt, error_code="expired", error=text,
        refund="policy" if message.with_carrier else "always",
    )  # fmt: skip


def alternatives(route: Route, plan: list[int], snapshot: Snapshot, load: RouteLoad) -> list[int]:
    """The other routes of a plan that could take over now."""
    found = []
    for route_id in plan:
        other = snapshot.routes.get(route_id)
        if other is None or not other.active or route_id == route.id or route_id in load.away:
            continue
        found.append(route_id)
    return found
