"""What passes between the parts of the SMPP server."""

import msgspec


class NewReceipt(msgspec.Struct, frozen=True):
    """A receipt or reply to keep until it is answered. body: JSON of `receipts`."""

    account_id: int
    system_id: str
    kind: str
    body: bytes


class KeptReceipt(msgspec.Struct, frozen=True):
    """One that was taken out to be sent."""

    id: int
    kind: str
    body: bytes


class PartRow(msgspec.Struct, frozen=True):
    """A part that was answered and waits for its siblings. pdu: as it came over the wire."""

    account_id: int
    system_id: str
    message_id: bytes
    number: int
    pdu: bytes


class BindRow(msgspec.Struct, frozen=True):
    """A bind as lists show it; times are Unix microseconds."""

    account_id: int
    system_id: str
    bind_type: str
    address: str
    submitted: int
    refused: int
    delivered: int
    unanswered: int
    bound_us: int
    last_refusal: str = ""


class MessageState(msgspec.Struct, frozen=True):
    """What query_sm tells."""

    status: str
    final_us: int | None
