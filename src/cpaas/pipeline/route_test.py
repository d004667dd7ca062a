"""Sends one message straight to a route's queue: the operator's *Test* of that route.

It passes rules, prices and wallets by, belongs to no account and stays out of all figures; from
the queue on it goes the way of every message, so that its life shows what the carrier does.
"""

from typing import Any, Final, cast

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import publish
from cpaas.broker.topology import gateway_queue
from cpaas.channels.registry import CHANNELS
from cpaas.identities import check as identities
from cpaas.identities import queries as identity_queries
from cpaas.kit import phone
from cpaas.kit.errors import InputError
from cpaas.kit.ids import new_id_bytes
from cpaas.messages.envelopes import LANE_NUMBER, VERSION, Channel, Envelope, Outgoing, pack
from cpaas.pipeline import route_test_queries as queries
from cpaas.routes.types import RouteRow
from cpaas.smpp.text import plan

#: whose test messages are: nobody's, so that no customer sees them.
NOBODY: Final = 0
VALID_MICROS: Final = 10 * 60 * 1_000_000
SEGMENTS_MAX: Final = 3
_LANE: Final = "transactional"


async def send_test(
    connection: Any, route: RouteRow, *, to: str, sender: str, text: str, now_us: int
) -> bytes:
    """Stores and queues the message; returns its id. Errors: InputError naming the field."""
    number = phone.read(to.replace(" ", ""), test_allowed=True)
    if not text:
        raise InputError("the text is empty", "write a word", "text")
    encoding, segments = _weighed(route.channel, text)
    if route.channel in identities.FIELDS:
        await _check_identity(connection, route, sender)
    message_id = new_id_bytes()
    valid_until_us = now_us + VALID_MICROS
    outgoing = Outgoing(
        message_id, number.e164, sender, text, encoding, segments, 1, now_us,
        valid_until_us, 0, number.country,
    )  # fmt: skip
    decision = f"test of {route.name} by the operator"
    await queries.insert_message(
        connection, NOBODY, outgoing, route.id, decision, _LANE, channel=route.channel
    )
    envelope = Envelope(
        VERSION, 0, NOBODY, cast("Channel", route.channel), _LANE, True, 0, [route.id], 0,
        decision, now_us, [outgoing], routed_us=now_us, scheduled=False,
    )  # fmt: skip
    item = NewItem(gateway_queue(route.name), LANE_NUMBER[_LANE], NOBODY, 1, pack(envelope))
    await publish(connection, [item])
    return message_id


def _weighed(channel: str, text: str) -> tuple[str, int]:
    """Encoding and units of the text."""
    if channel != "sms":
        return "", CHANNELS[channel].weigh(text, {})
    planned = plan(text)
    if planned.segments > SEGMENTS_MAX:
        raise InputError(
            f"the text needs {planned.segments} segments", f"use at most {SEGMENTS_MAX}", "text"
        )
    return planned.encoding.value, planned.segments


async def _check_identity(connection: Any, route: RouteRow, sender: str) -> None:
    """It must be an active identity of this route."""
    for one in await identity_queries.identities(connection):
        here = (one.channel, one.route) == (route.channel, route.name) and one.active
        if here and one.value.lower() == sender.lower():
            return
    raise InputError(
        f"{sender[:64]!r} is no active identity of route {route.name}",
        "add one on User Channels, then name it here", "sender",
    )  # fmt: skip
