"""What the SMSC took, kept in a bounded ring and put together only when somebody looks.

Decoding and joining parts at look-up keeps the hot path to one append.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from cpaas.smpp.parts import Part, join_parts, read_part
from cpaas.smpp.pdu import SubmitSm


class Taken(NamedTuple):
    """One submit as it came."""

    at: float
    system_id: str
    message_id: str
    status: int
    pdu: SubmitSm


class ReceivedMessage(msgspec.Struct):
    """One message with its whole text; `complete` only when all of its parts are here."""

    at: float
    system_id: str
    source: str
    destination: str
    text: str
    data_coding: int
    message_ids: list[str]
    status: int = 0
    parts: int = 1
    total: int = 1
    complete: bool = True
    registered_delivery: int = 0
    esm_class: int = 0
    source_ton: int = 0
    source_npi: int = 0
    dest_ton: int = 0
    dest_npi: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    tlvs: dict[str, list[str]] = {}


def assemble(taken: Iterable[Taken]) -> list[ReceivedMessage]:
    """Join the parts of long messages, in the order in which their first parts came."""
    found: list[tuple[ReceivedMessage, list[Part]]] = []
    open_groups: dict[tuple[str, ...], tuple[ReceivedMessage, list[Part]]] = {}
    for one in taken:
        part, pdu = read_part(one.pdu), one.pdu
        key = (
            one.system_id,
            pdu.source_addr,
            pdu.destination_addr,
            str(part.reference),
            str(part.total),
            str(one.status),
        )
        group = open_groups.get(key) if part.reference is not None else None
        if group is None or any(held.number == part.number for held in group[1]):
            group = (_message(one), [])
            found.append(group)
            open_groups[key] = group
        message, parts = group
        parts.append(part)
        if len(parts) > 1:
            message.message_ids.append(one.message_id)
        message.parts, message.total = len(parts), part.total
        message.complete = message.parts == message.total
        if message.complete:
            open_groups.pop(key, None)
    for message, parts in found:
        message.text = join_parts(parts)
    return [message for message, _ in found]


def _message(one: Taken) -> ReceivedMessage:
    pdu = one.pdu
    return ReceivedMessage(
        one.at,
        one.system_id,
        pdu.source_addr,
        pdu.destination_addr,
        "",
        pdu.data_coding,
        [one.message_id],
        one.status,
        registered_delivery=pdu.registered_delivery,
        esm_class=pdu.esm_class,
        source_ton=pdu.source_addr_ton,
        source_npi=pdu.source_addr_npi,
        dest_ton=pdu.dest_addr_ton,
        dest_npi=pdu.dest_addr_npi,
        schedule_delivery_time=pdu.schedule_delivery_time,
        validity_period=pdu.validity_period,
        tlvs={f"0x{tag:04X}": [v.hex() for v in values] for tag, values in pdu.tlvs.items()},
    )


Ring = deque[Taken]
