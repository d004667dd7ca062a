"""deliver_sm in our words: a delivery receipt, or a message from a handset put back together."""

import calendar
from functools import lru_cache

from cpaas.channels.base import CarrierReceipt, Inbound, InboundPart
from cpaas.channels.sms.config import SmsSettings, scrub_codes
from cpaas.channels.sms.statuses import receipt_error, receipt_state
from cpaas.smpp.parts import read_part
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.receipt import MessageIdMode, Receipt, normalise_receipt_id, parse_receipt
from cpaas.smpp.times import parse_receipt_date

RAW_BYTES_MAX = 1024
SECOND_US = 1_000_000
DATE_BEHIND_US = 7 * 86_400 * SECOND_US
DATE_AHEAD_US = 15 * 60 * SECOND_US
DATE_NEAR_US = 2 * 60 * SECOND_US
MINUTE_DIGITS = 10


def receipt_of(
    pdu: DeliverSm, settings: SmsSettings, mode: MessageIdMode, *, now_us: int, token: object
) -> CarrierReceipt | None:
    """The receipt that the PDU carries; None when it is a message from a handset."""
    read = parse_receipt(pdu)
    if read is None:
        return None
    state = receipt_state(read.state, intermediate=read.intermediate)
    failed = state not in {"DELIVERED", "ENROUTE"}
    return CarrierReceipt(
        normalise_receipt_id(read.message_id, mode),
        state,
        read.err if failed and read.err.strip("0") else "",
        receipt_error(read.state, read.err, scrub_codes(settings)) if failed else "",
        done_us(read, now_us),
        # A receipt's addresses are swapped: its source is the handset.
        pdu.source_addr,
        pdu.destination_addr,
        pdu.short_message[:RAW_BYTES_MAX],
        token,
    )


def done_us(receipt: Receipt, now_us: int) -> int:
    """When the carrier says it happened; now, where that cannot be.

    Dates come without a zone and often to the minute, so one that lies oddly is not believed.
    """
    told = _date_us(receipt.done_date)
    if told is None or not now_us - DATE_BEHIND_US <= told <= now_us + DATE_AHEAD_US:
        return now_us
    if len(receipt.done_date) == MINUTE_DIGITS and abs(now_us - told) < DATE_NEAR_US:
        return now_us
    return min(told, now_us)


@lru_cache(maxsize=1024)
def _date_us(done_date: str) -> int | None:
    # Thousands of receipts in a row carry the same minute.
    moment = parse_receipt_date(done_date)
    return None if moment is None else calendar.timegm(moment.timetuple()) * SECOND_US


def inbound_of(pdu: DeliverSm, token: object) -> Inbound:
    """The reply, or the part of one, that the PDU carries.

    A part is handed on at once: many carriers send the next only when this one is answered.
    """
    part = read_part(pdu)
    more = None
    if part.reference is not None and part.total > 1:
        more = InboundPart(part.reference, part.total, part.number, part.data, part.data_coding)
    raw = pdu.short_message[:RAW_BYTES_MAX]
    return Inbound(
        _clean(pdu.source_addr), _clean(pdu.destination_addr), _clean(part.text()), raw, [token],
        more,
    )  # fmt: skip


def _clean(text: str) -> str:
    """What the database can hold: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()
