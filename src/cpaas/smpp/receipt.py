"""Delivery receipts: reading the many forms carriers give them, writing one, matching their ids.

SMPP leaves the receipt's text to each vendor. The common form has a fast path; anything else is
searched key by key, in any order and case, and TLVs win over the text.
"""

import re
from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec

from cpaas.smpp.layout import ESM_INTERMEDIATE, ESM_RECEIPT
from cpaas.smpp.pdu import DataSm, DeliverSm
from cpaas.smpp.times import format_receipt_date, parse_receipt_date
from cpaas.smpp.tlv import Tag, Tlvs, tlv_int, tlv_text


class MessageState(IntEnum):
    """message_state, named as receipts write it in `stat:`."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVRD = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIV = 5
    ACCEPTD = 6
    UNKNOWN = 7
    REJECTD = 8
    SKIPPED = 9


FINAL_STATES = frozenset(MessageState) - {
    MessageState.SCHEDULED,
    MessageState.ENROUTE,
    MessageState.ACCEPTD,
}

# Bits 2 to 5 of esm_class name the type; these two mark receipts, the others acknowledgements.
_REPORT = ESM_RECEIPT | ESM_INTERMEDIATE
_BY_CODE: dict[int, MessageState] = {int(state): state for state in MessageState}
_STATES: dict[str, MessageState] = {state.name: state for state in MessageState} | {
    "DELIVERED": MessageState.DELIVRD,
    "DELIVERD": MessageState.DELIVRD,
    "UNDELIVERABLE": MessageState.UNDELIV,
    "UNDELIVERED": MessageState.UNDELIV,
    "UNDELIVRD": MessageState.UNDELIV,
    "FAILED": MessageState.UNDELIV,
    "ACCEPTED": MessageState.ACCEPTD,
    "REJECTED": MessageState.REJECTD,
    "REJECT": MessageState.REJECTD,
    "CANCELED": MessageState.DELETED,
}

_COMMON = re.compile(
    r"id:(\S+) sub:(\S*) dlvrd:(\S*) submit date:(\S*) done date:(\S*) "
    r"stat:(\S+) err:(\S*)(?: [Tt]ext:(.*))?",
    re.DOTALL,
)
_KEY = re.compile(
    r"\b(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)\s*[:=]\s*", re.IGNORECASE
)


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """A delivery receipt; `err` is text, since operators put alphanumeric codes there."""

    message_id: str
    state: MessageState
    err: str = ""
    stat: str = ""
    submit_date: str = ""
    done_date: str = ""
    sub: str = ""
    dlvrd: str = ""
    text: str = ""
    intermediate: bool = False

    @property
    def final(self) -> bool:
        """Tell whether nothing can follow this receipt."""
        return self.state in FINAL_STATES and not self.intermediate

    def done_at(self) -> datetime | None:
        """Return `done date` taken as UTC, None when it cannot be read."""
        return parse_receipt_date(self.done_date)


def is_receipt(pdu: DeliverSm | DataSm) -> bool:
    """Tell whether the PDU reports on a message (else it is a message from a handset)."""
    if pdu.esm_class & _REPORT:
        return True
    return Tag.RECEIPTED_MESSAGE_ID in pdu.tlvs and Tag.MESSAGE_STATE in pdu.tlvs


def parse_receipt(pdu: DeliverSm | DataSm) -> Receipt | None:
    """Read the receipt out of the PDU; None if it is none, or names no message id."""
    tlvs, esm_class = pdu.tlvs, pdu.esm_class
    if not esm_class & _REPORT and not is_receipt(pdu):
        return None
    body = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    if tlvs and not body and tlvs.get(Tag.MESSAGE_PAYLOAD):
        body = tlvs[Tag.MESSAGE_PAYLOAD][0]
    intermediate = esm_class & ESM_INTERMEDIATE != 0
    text = body.decode("utf-16-be", "replace") if pdu.data_coding == 8 else body.decode("latin-1")
    receipt = _common(text, intermediate=intermediate) or _searched(text, intermediate=intermediate)
    if tlvs:
        receipt = _by_tlvs(receipt, tlvs)
    return receipt if receipt.message_id else None


def read_text(text: str) -> Receipt | None:
    """Read a receipt that came as text alone; None if its `stat` says nothing that is known."""
    receipt = _common(text, intermediate=False) or _searched(text, intermediate=False)
    return receipt if receipt.stat.upper() in _STATES else None


def _by_tlvs(receipt: Receipt, tlvs: Tlvs) -> Receipt:
    """What the TLVs say wins over the text."""
    return Receipt(
        tlv_text(tlvs, Tag.RECEIPTED_MESSAGE_ID) or receipt.message_id,
        _BY_CODE.get(_state_code(tlvs), receipt.state),
        _network_error(tlvs) or receipt.err,
        receipt.stat,
        receipt.submit_date,
        receipt.done_date,
        receipt.sub,
        receipt.dlvrd,
        receipt.text,
        receipt.intermediate,
    )


def _state_code(tlvs: Tlvs) -> int:
    code = tlv_int(tlvs, Tag.MESSAGE_STATE)
    return -1 if code is None else code


def _common(text: str, *, intermediate: bool) -> Receipt | None:
    """Read the form that nearly every SMSC uses; None if it is another one."""
    match = _COMMON.fullmatch(text)
    if match is None:
        return None
    message_id, sub, dlvrd, submitted, done, stat, err, rest = match.groups("")
    state = _STATES.get(stat)
    if state is None:
        return None
    return Receipt(message_id, state, err, stat, submitted, done, sub, dlvrd, rest, intermediate)


def _searched(text: str, *, intermediate: bool) -> Receipt:
    fields = _search(text)
    stat = fields.get("stat", "")
    return Receipt(
        fields.get("id", ""),
        _STATES.get(stat.upper(), MessageState.UNKNOWN),
        fields.get("err", ""),
        stat,
        fields.get("submitdate", ""),
        fields.get("donedate", ""),
        fields.get("sub", ""),
        fields.get("dlvrd", ""),
        fields.get("text", ""),
        intermediate,
    )


def _search(text: str) -> dict[str, str]:
    """Find key:value pairs anywhere; what follows `text:` belongs to the message, not to us."""
    fields: dict[str, str] = {}
    matches: list[re.Match[str]] = []
    for match in _KEY.finditer(text):
        matches.append(match)
        if match[1].lower() == "text" and len(matches) >= 3:
            break
    for number, match in enumerate(matches):
        last = number + 1 == len(matches)
        end = len(text) if last else matches[number + 1].start()
        key = match[1].lower().replace(" ", "").replace("_", "")
        fields.setdefault(key, text[match.end() : end].strip(" ,;\r\n\0"))
    return fields


def _network_error(tlvs: Tlvs) -> str:
    values = tlvs.get(Tag.NETWORK_ERROR_CODE)
    if not values or len(values[0]) != 3:
        return ""
    code = int.from_bytes(values[0][1:], "big")
    return f"{code:03}" if code else ""


def receipt_text(
    message_id: str,
    state: MessageState,
    *,
    submitted: datetime,
    done: datetime,
    err: str = "000",
    text: str = "",
    parts: int = 1,
) -> bytes:
    """Write the common text form; `text` is cut to its first 20 characters."""
    delivered = parts if state is MessageState.DELIVRD else 0
    line = (
        f"id:{message_id} sub:{parts:03} dlvrd:{delivered:03} "
        f"submit date:{format_receipt_date(submitted)} done date:{format_receipt_date(done)} "
        f"stat:{state.name} err:{err} text:{text[:20]}"
    )
    return line.encode("latin-1", "replace")


class MessageIdMode(StrEnum):
    """How a carrier's ids in submit_sm_resp and in receipts relate."""

    SAME = "same"
    RESP_HEX_DLR_DEC = "resp-hex-dlr-dec"
    RESP_DEC_DLR_HEX = "resp-dec-dlr-hex"


def normalise_resp_id(message_id: str, mode: MessageIdMode) -> str:
    """Return the key under which a submit_sm_resp's id and its receipt's id are equal."""
    if mode is MessageIdMode.SAME:
        return message_id
    return _number(message_id, 16 if mode is MessageIdMode.RESP_HEX_DLR_DEC else 10)


def normalise_receipt_id(message_id: str, mode: MessageIdMode) -> str:
    """Return the same key from the id in the receipt."""
    if mode is MessageIdMode.SAME:
        return message_id
    return _number(message_id, 10 if mode is MessageIdMode.RESP_HEX_DLR_DEC else 16)


def _number(message_id: str, base: int) -> str:
    digits = message_id.strip().lower()
    if digits.isascii() and digits.isalnum() and len(digits) <= 64:
        try:
            return str(int(digits, base))
        except ValueError:
            pass
    # Not a number after all: the plain id still matches a carrier that is inconsistent.
    return digits.lstrip("0") or "0"
