"""Carriers' codes in our words: command_status to the error catalogue, receipts to states.

DLT codes are permanent wherever they arrive: another route would refuse the same text.
"""

from typing import Final

from cpaas.channels.base import ReceiptState
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.channels.sms.dlt_codes import dlt_text
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.status import status_name

VENDOR_FIRST, VENDOR_LAST = 0x400, 0x4FF

_BY_STATUS: Final[dict[int, str]] = {
    St.ESME_RTHROTTLED: "carrier_throttled",
    St.ESME_RMSGQFUL: "carrier_queue_full",
    St.ESME_RSYSERR: "carrier_temporary",
    St.ESME_RUNKNOWNERR: "carrier_temporary",
    St.ESME_RSERTYPUNAVAIL: "carrier_temporary",
    St.ESME_RX_T_APPN: "carrier_temporary",
    St.ESME_RINVBNDSTS: "route_down",
    St.ESME_RINVSERTYP: "carrier_refused_route",
    St.ESME_RSERTYPUNAUTH: "carrier_refused_route",
    St.ESME_RSERTYPDENIED: "carrier_refused_route",
    St.ESME_RPROHIBITED: "carrier_refused_route",
    St.ESME_RINVDSTADR: "invalid_destination",
    St.ESME_RINVDSTTON: "invalid_destination",
    St.ESME_RINVDSTNPI: "invalid_destination",
    St.ESME_RINVSRCADR: "invalid_sender",
    St.ESME_RINVSRCTON: "invalid_sender",
    St.ESME_RINVSRCNPI: "invalid_sender",
    St.ESME_RINVMSGLEN: "not_encodable",
    St.ESME_RINVDCS: "not_encodable",
    St.ESME_RINVESMCLASS: "not_encodable",
    St.ESME_RINVPARLEN: "not_encodable",
    # India: "expected TLV missing" is what an operator without our PE id or template id answers.
    St.ESME_RMISSINGOPTPARAM: "dlt_refused",
    St.ESME_RDELIVERYFAILURE: "undeliverable",
}

_STATES: Final[dict[MessageState, ReceiptState]] = {
    MessageState.SCHEDULED: "ENROUTE",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.ACCEPTD: "ENROUTE",
    MessageState.DELIVRD: "DELIVERED",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "FAILED",
    MessageState.UNDELIV: "FAILED",
    MessageState.UNKNOWN: "FAILED",
    MessageState.SKIPPED: "FAILED",
    MessageState.REJECTD: "REJECTED",
}
_STATE_WORDS: Final[dict[MessageState, str]] = {
    MessageState.EXPIRED: "It expired before the handset could be reached.",
    MessageState.DELETED: "The carrier deleted the message.",
    MessageState.UNDELIV: "The carrier could not deliver it.",
    MessageState.UNKNOWN: "The carrier does not know what became of it.",
    MessageState.SKIPPED: "The carrier skipped the message.",
    MessageState.REJECTD: "The carrier or its network rejected it.",
}


def carrier_error(command_status: int, codes: dict[str, str]) -> CarrierError | None:
    """What an answer means; None for ESME_ROK. `codes`: the route's own DLT codes."""
    if command_status == St.ESME_ROK:
        return None
    code = _BY_STATUS.get(command_status)
    if code is None:
        dlt = str(command_status) in codes or VENDOR_FIRST <= command_status <= VENDOR_LAST
        code = "dlt_refused" if dlt or dlt_text(str(command_status), codes) else "message_refused"
    return CATALOGUE[code]


def carrier_code(command_status: int) -> str:
    """The carrier's own words: "ESME_RTHROTTLED 0x58"."""
    name = status_name(command_status)
    return name if name.startswith("0x") else f"{name} 0x{command_status:02X}"


def receipt_state(state: MessageState, *, intermediate: bool) -> ReceiptState:
    """The state that a receipt tells."""
    return "ENROUTE" if intermediate else _STATES[state]


def receipt_error(state: MessageState, err: str, codes: dict[str, str]) -> str:
    """What a customer reads about a receipt that is no delivery; empty for one that is."""
    if _STATES[state] in {"DELIVERED", "ENROUTE"}:
        return ""
    return dlt_text(err, codes) or _STATE_WORDS[state]
