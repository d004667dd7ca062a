"""Sends one message straight to a route's queue: the operator's *Test* of that route.

It passes rules, prices and wallets by, belongs to no account and stays out of all figures; from
the queue on it goes the way of every message, so that its life shows what the carrier does.
"""

from typing import Any, Final

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import publish
from cpaas.broker.topology import gateway_queue
from cpaas.kit import phone
from cpaas.kit.errors import InputError
from cpaas.kit.ids import new_id_bytes
from cpaas.messages.envelopes import LANE_NUMBER, VERSION, Envelope, Outgoing, pack
from cpaas.pipeline import route_test_queries as queries
from cpaas.smpp.text import plan

#: whose test messages are: nobody's, so that no customer sees them.
NOBODY: Final = 0
VALID_MICROS: Final = 10 * 60 * 1_000_000
SEGMENTS_MAX: Final = 3
_LANE: Final = "transactional"


async def send_test(
    connection: Any, route_id: int, route_name: str, *, to: str, sender: str, text: str, now_us: int
) -> bytes:
    """Stores and queues the message; returns its id. Errors: InputError naming the field."""
    number = phone.read(to.replace(" ", ""), test_allowed=True)
    if not text:
        raise InputError("the text is empty", "write a word", "text")
    planned = plan(text)
    if planned.segments > SEGMENTS_MAX:
        raise InputError(
            f"the text needs {planned.segments} segments", f"use at most {SEGMENTS_MAX}", "text"
        )
    message_id = new_id_bytes()
    valid_until_us = now_us + VALID_MICROS
    outgoing = Outgoing(
        message_id, number.e164, sender, text, planned.encoding.value, planned.segments, 1, now_us,
        valid_until_us, 0, number.country,
    )  # fmt: skip
    decision = f"test of {route_name} by the operator"
    await queries.insert_message(connection, NOBODY, outgoing, route_id, decision, _LANE)
    envelope = Envelope(
        VERSION, 0, NOBODY, "sms", _LANE, True, 0, [route_id], 0, decision, now_us, [outgoing],
        routed_us=now_us, scheduled=False,
    )  # fmt: skip
    item = NewItem(gateway_queue(route_name), LANE_NUMBER[_LANE], NOBODY, 1, pack(envelope))
    await publish(connection, [item])
    return message_id
