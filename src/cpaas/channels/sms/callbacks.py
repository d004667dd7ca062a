"""deliver_sm in our words: a delivery receipt, or a message from a handset put back together."""

import calendar
from functools import lru_cache

import msgspec

from cpaas.channels.base import CarrierReceipt, Inbound
from cpaas.channels.sms.config import SmsSettings, scrub_codes
from cpaas.channels.sms.statuses import receipt_error, receipt_state
from cpaas.smpp.parts import Part, join_parts, read_part
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.receipt import MessageIdMode, Receipt, normalise_receipt_id, parse_receipt
from cpaas.smpp.times import parse_receipt_date

RAW_BYTES_MAX = 1024
SECOND_US = 1_000_000
DATE_BEHIND_US = 7 * 86_400 * SECOND_US
DATE_AHEAD_US = 15 * 60 * SECOND_US
DATE_NEAR_US = 2 * 60 * SECOND_US
MINUTE_DIGITS = 10
PARTS_WAITING_MAX = 5
PARTS_WAIT_SECONDS = 10.0


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


class _Unfinished(msgspec.Struct):
    since: float
    parts: dict[int, Part]
    tokens: list[object]
    raw: bytes


class InboundReader:
    """Puts the parts of replies together; a part is answered only with the whole message.

    Parts whose siblings do not come are handed over as they are: few may wait, and not for long,
    since a carrier stops sending while too much is unanswered.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, int, int], _Unfinished] = {}

    @property
    def waiting(self) -> bool:
        """Whether parts wait for their siblings."""
        return bool(self._waiting)

    def read(self, pdu: DeliverSm, token: object, now: float) -> list[Inbound]:
        """The messages that are whole now."""
        part = read_part(pdu)
        raw = pdu.short_message[:RAW_BYTES_MAX]
        source, destination = pdu.source_addr, pdu.destination_addr
        if part.reference is None or part.total == 1:
            return [Inbound(source, destination, _clean(part.text()), raw, [token])]
        key = (source, destination, part.reference, part.total)
        held = self._waiting.setdefault(key, _Unfinished(now, {}, [], raw))
        held.parts[part.number] = part
        held.tokens.append(token)
        if len(held.parts) == part.total:
            return [self._hand_over(key)]
        ended: list[Inbound] = []
        while sum(len(one.tokens) for one in self._waiting.values()) > PARTS_WAITING_MAX:
            ended.append(self._hand_over(next(iter(self._waiting))))
        return ended

    def expired(self, now: float) -> list[Inbound]:
        """What waited long enough, as far as it came."""
        late = [k for k, one in self._waiting.items() if one.since + PARTS_WAIT_SECONDS <= now]
        return [self._hand_over(key) for key in late]

    def _hand_over(self, key: tuple[str, str, int, int]) -> Inbound:
        held = self._waiting.pop(key)
        text = _clean(join_parts(list(held.parts.values())))
        return Inbound(key[0], key[1], text, held.raw, held.tokens)


def _clean(text: str) -> str:
    """What the database can hold: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()
