"""Receipts as a carrier writes them; what is the same for a whole batch is written once."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from cpaas.smpp.layout import ESM_RECEIPT
from cpaas.smpp.pdu import DeliverSm
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.times import format_receipt_date
from cpaas.smpp.tlv import Tag, Tlvs


class Accepted(msgspec.Struct):
    """What a receipt needs to know about its message."""

    system_id: str
    message_id: str
    receipt_id: str
    state: MessageState
    err: str
    submitted: int
    source_ton: int
    source_npi: int
    source: str
    dest_ton: int
    dest_npi: int
    destination: str
    text: str = ""


class ReceiptWriter:
    """Writes receipts; `at` sets the present moment for those that follow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._tlvs = False
        self._minute = -1
        self._minute_text = ""
        self._done = ""
        self.at(datetime.fromtimestamp(clock(), UTC), tlvs=False)

    def at(self, moment: datetime, *, tlvs: bool) -> None:
        """Take the moment at which the next receipts are done."""
        self._done = format_receipt_date(moment)
        self._tlvs = tlvs

    def write(self, accepted: Accepted) -> DeliverSm:
        """Make the deliver_sm, from the recipient to the sender."""
        state = accepted.state
        text = (
            f"id:{accepted.receipt_id} sub:001 "
            f"dlvrd:{'001' if state is MessageState.DELIVRD else '000'} "
            f"submit date:{self._minute_of(accepted.submitted)} done date:{self._done} "
            f"stat:{state.name} err:{accepted.err} text:{accepted.text}"
        )
        tlvs: Tlvs = {}
        if self._tlvs:
            tlvs = {
                int(Tag.RECEIPTED_MESSAGE_ID): [accepted.receipt_id.encode() + b"\0"],
                int(Tag.MESSAGE_STATE): [bytes((state,))],
            }
        return DeliverSm(
            "",
            accepted.dest_ton,
            accepted.dest_npi,
            accepted.destination,
            accepted.source_ton,
            accepted.source_npi,
            accepted.source,
            ESM_RECEIPT,
            short_message=text.encode("latin-1", "replace"),
            tlvs=tlvs,
        )

    def _minute_of(self, moment: int) -> str:
        if moment // 60 != self._minute:
            self._minute = moment // 60
            self._minute_text = format_receipt_date(datetime.fromtimestamp(moment, UTC))
        return self._minute_text
