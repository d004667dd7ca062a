"""What the gateway hands to settle: carriers' answers and receipts."""

from typing import Literal

import msgspec

from cpaas.channels.errors import CarrierError
from cpaas.messages.envelopes import Envelope, Outgoing

ReceiptState = Literal["DELIVERED", "READ", "FAILED", "EXPIRED", "REJECTED", "ENROUTE"]


class Answer(msgspec.Struct):
    """The outcome of handing one message (all its parts) to a carrier.

    error None = the carrier has it (every part); provider_ids: one per part, in order, None where
    a part was not accepted. carrier_code: the carrier's own words, such as "ESME_RTHROTTLED 0x58".
    """

    envelope: Envelope
    message: Outgoing
    route_id: int
    at_us: int
    provider_ids: list[str | None]
    error: CarrierError | None = None
    carrier_code: str = ""


class Receipt(msgspec.Struct):
    """One delivery receipt; `provider_message_id` is normalised by the route's mode.

    token: handed back once the receipt is committed, so that the carrier can be answered.
    message_id: our own id of the message, where the carrier repeats it. category: the carrier's
    price category, where it names one.
    """

    route_id: int
    provider_message_id: str
    state: ReceiptState
    error_code: str
    error: str
    done_us: int
    recipient: str
    sender: str
    raw: bytes
    token: object = None
    message_id: bytes | None = None
    category: str = ""
    #: of a call that was answered and is over: how long it was.
    seconds: int | None = None
