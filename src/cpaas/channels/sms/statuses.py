"""Carriers' codes in our words: command_status to the error catalogue, receipts to states.

DLT codes are permanent wherever they arrive: another route would refuse the same text.
"""

from typing import Final

from cpaas.channels.base import ReceiptState
from cpaas.channels.errors import CATALOGUE, CarrierError
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

#: err of Indian operators' receipts -> what it says. Ranges differ below 620; these are common.
DLT_CODES: Final[dict[str, str]] = {
    "600": "DLT: entity (PE) not found", "601": "DLT: entity (PE) not registered",
    "602": "DLT: entity (PE) inactive", "603": "DLT: entity (PE) blacklisted",
    "604": "DLT: PE id missing or wrong", "605": "DLT: PE not allowed for the telemarketer",
    "610": "DLT: telemarketer not registered", "611": "DLT: telemarketer inactive",
    "612": "DLT: telemarketer blacklisted", "613": "DLT: telemarketer not allowed for the PE",
    "614": "DLT: chain hash not received", "615": "DLT: chain hash not registered",
    "616": "DLT: chain inactive", "617": "DLT: chain blacklisted", "618": "DLT: chain suspended",
    "620": "DLT: header not found", "621": "DLT: header inactive",
    "622": "DLT: header blacklisted", "623": "DLT: header belongs to another PE",
    "624": "DLT: header suspended", "625": "DLT: header suspended for lack of use",
    "630": "DLT: template not found", "631": "DLT: template inactive",
    "632": "DLT: template blacklisted", "633": "DLT: text does not match the template",
    "634": "DLT: header not registered for the template", "635": "DLT: a variable is too long",
    "636": "DLT: template cannot be identified", "637": "DLT: template id missing or wrong",
    "642": "DLT: link or number not whitelisted", "650": "DLT: recipient's preference (DND)",
    "651": "DLT: outside promotional hours", "652": "DLT: blocked by the recipient",
    "660": "DLT: consent missing", "666": "DLT: content mismatch",
    "670": "DLT: scrubbing failed", "700": "DLT: URL not whitelisted",
    "701": "DLT: URL not whitelisted", "811": "DLT: chain inactive",
    "812": "DLT: chain hash invalid", "813": "DLT: chain hash does not match",
    "9024": "DLT: telemarketer TLV absent", "9025": "DLT: template TLV absent",
    "9026": "DLT: PE TLV absent",
}  # fmt: skip
_DLT_GROUPS: Final[dict[str, str]] = {
    "51": "DLT: recipient's preference", "52": "DLT: header refused",
    "53": "DLT: content refused", "54": "DLT: category mismatch", "55": "DLT: consent",
    "56": "DLT: chain hash refused", "59": "DLT: URL not whitelisted",
    "70": "DLT: entity refused",
}  # fmt: skip


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


def dlt_text(err: str, codes: dict[str, str]) -> str:
    """What an operator's DLT code says; the route's own table first, "" for any other code."""
    code = err.strip().lstrip("0")
    own = codes.get(err) or codes.get(code)
    if own:
        return own
    if known := DLT_CODES.get(code):
        return known
    return _DLT_GROUPS.get(code[:2], "") if len(code) == 4 and code.isdecimal() else ""
