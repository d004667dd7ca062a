"""Every PDU of SMPP 3.4 as an immutable value, with the layout of its mandatory fields.

The layout stands beside the fields so that one generic codec serves all of them and a field's
maximum and the command_status that a bad one deserves are written once.
"""

from typing import ClassVar, Literal, NamedTuple

import msgspec

from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.tlv import Tlvs

BIND_RECEIVER = 0x01
BIND_TRANSMITTER = 0x02
QUERY_SM = 0x03
SUBMIT_SM = 0x04
DELIVER_SM = 0x05
UNBIND = 0x06
REPLACE_SM = 0x07
CANCEL_SM = 0x08
BIND_TRANSCEIVER = 0x09
OUTBIND = 0x0B
ENQUIRE_LINK = 0x15
SUBMIT_MULTI = 0x21
ALERT_NOTIFICATION = 0x102
DATA_SM = 0x103
GENERIC_NACK = 0x80000000
RESPONSE = 0x80000000

ESM_RECEIPT = 0x04
ESM_INTERMEDIATE = 0x20
ESM_TYPE_MASK = 0x3C
ESM_UDHI = 0x40

Kind = Literal["cstring", "byte", "octets", "destinations", "unsuccessful"]


class Field(NamedTuple):
    """One mandatory field on the wire: cstring sizes count the closing NUL."""

    name: str
    kind: Kind
    size: int
    status: int


def _text(name: str, size: int, status: int = St.ESME_RINVCMDLEN) -> Field:
    return Field(name, "cstring", size, status)


def _bytes(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "byte", 1, St.ESME_RINVCMDLEN) for name in names)


_SERVICE_TYPE = _text("service_type", 6, St.ESME_RINVSERTYP)
_SYSTEM_ID = _text("system_id", 16, St.ESME_RINVSYSID)
_PASSWORD = _text("password", 9, St.ESME_RINVPASWD)
_MESSAGE_ID = _text("message_id", 65, St.ESME_RINVMSGID)
_SOURCE = (
    *_bytes("source_addr_ton", "source_addr_npi"),
    _text("source_addr", 21, St.ESME_RINVSRCADR),
)
_LONG_SOURCE = (*_SOURCE[:2], _text("source_addr", 65, St.ESME_RINVSRCADR))
_DEST = (
    *_bytes("dest_addr_ton", "dest_addr_npi"),
    _text("destination_addr", 21, St.ESME_RINVDSTADR),
)
_LONG_DEST = (*_DEST[:2], _text("destination_addr", 65, St.ESME_RINVDSTADR))
_TIMES = (
    _text("schedule_delivery_time", 17, St.ESME_RINVSCHED),
    _text("validity_period", 17, St.ESME_RINVEXPIRY),
)
_SHORT_MESSAGE = Field("short_message", "octets", 254, St.ESME_RINVMSGLEN)
_DELIVERY = (
    *_bytes("esm_class", "protocol_id", "priority_flag"),
    *_TIMES,
    *_bytes("registered_delivery", "replace_if_present_flag", "data_coding"),
    *_bytes("sm_default_msg_id"),
    _SHORT_MESSAGE,
)


class Pdu(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every PDU has; `sequence` 0 lets the session choose the number."""

    command_id: ClassVar[int] = 0
    layout: ClassVar[tuple[Field, ...]] = ()

    sequence: int = 0
    status: int = 0
    tlvs: Tlvs = {}


class BindRequest(Pdu, frozen=True):
    """The body shared by the three bind requests."""

    layout: ClassVar[tuple[Field, ...]] = (
        _SYSTEM_ID,
        _PASSWORD,
        _text("system_type", 13, St.ESME_RINVSYSTYP),
        *_bytes("interface_version", "addr_ton", "addr_npi"),
        _text("address_range", 41),
    )

    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""

    def __repr__(self) -> str:
        # The password must never reach a log through a formatted PDU.
        return f"{type(self).__name__}(system_id={self.system_id!r}, password=…)"


class BindReceiver(BindRequest, frozen=True):
    """bind_receiver."""

    command_id: ClassVar[int] = BIND_RECEIVER


class BindTransmitter(BindRequest, frozen=True):
    """bind_transmitter."""

    command_id: ClassVar[int] = BIND_TRANSMITTER


class BindTransceiver(BindRequest, frozen=True):
    """bind_transceiver."""

    command_id: ClassVar[int] = BIND_TRANSCEIVER


class BindResponse(Pdu, frozen=True):
    """The body shared by the three bind answers."""

    layout: ClassVar[tuple[Field, ...]] = (_SYSTEM_ID,)

    system_id: str = ""


class BindReceiverResp(BindResponse, frozen=True):
    """bind_receiver_resp."""

    command_id: ClassVar[int] = BIND_RECEIVER | RESPONSE


class BindTransmitterResp(BindResponse, frozen=True):
    """bind_transmitter_resp."""

    command_id: ClassVar[int] = BIND_TRANSMITTER | RESPONSE


class BindTransceiverResp(BindResponse, frozen=True):
    """bind_transceiver_resp."""

    command_id: ClassVar[int] = BIND_TRANSCEIVER | RESPONSE


class Outbind(Pdu, frozen=True):
    """outbind: the SMSC asks the ESME to bind as receiver."""

    command_id: ClassVar[int] = OUTBIND
    layout: ClassVar[tuple[Field, ...]] = (_SYSTEM_ID, _PASSWORD)

    system_id: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Outbind(system_id={self.system_id!r}, password=…)"


class Unbind(Pdu, frozen=True):
    """unbind."""

    command_id: ClassVar[int] = UNBIND


class UnbindResp(Pdu, frozen=True):
    """unbind_resp."""

    command_id: ClassVar[int] = UNBIND | RESPONSE


class EnquireLink(Pdu, frozen=True):
    """enquire_link."""

    command_id: ClassVar[int] = ENQUIRE_LINK


class EnquireLinkResp(Pdu, frozen=True):
    """enquire_link_resp."""

    command_id: ClassVar[int] = ENQUIRE_LINK | RESPONSE


class GenericNack(Pdu, frozen=True):
    """generic_nack."""

    command_id: ClassVar[int] = GENERIC_NACK


class ShortMessage(Pdu, frozen=True):
    """The body that submit_sm and deliver_sm have in common, in the order of the wire."""

    layout: ClassVar[tuple[Field, ...]] = (_SERVICE_TYPE, *_SOURCE, *_DEST, *_DELIVERY)

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class SubmitSm(ShortMessage, frozen=True):
    """submit_sm."""

    command_id: ClassVar[int] = SUBMIT_SM


class DeliverSm(ShortMessage, frozen=True):
    """deliver_sm."""

    command_id: ClassVar[int] = DELIVER_SM


class MessageIdResponse(Pdu, frozen=True):
    """The body of every answer that carries a message_id and nothing else."""

    layout: ClassVar[tuple[Field, ...]] = (_MESSAGE_ID,)

    message_id: str = ""


class SubmitSmResp(MessageIdResponse, frozen=True):
    """submit_sm_resp."""

    command_id: ClassVar[int] = SUBMIT_SM | RESPONSE


class DeliverSmResp(MessageIdResponse, frozen=True):
    """deliver_sm_resp; its message_id is unused and empty."""

    command_id: ClassVar[int] = DELIVER_SM | RESPONSE


class DataSm(Pdu, frozen=True):
    """data_sm; the message itself is in the TLV message_payload."""

    command_id: ClassVar[int] = DATA_SM
    layout: ClassVar[tuple[Field, ...]] = (
        _SERVICE_TYPE,
        *_LONG_SOURCE,
        *_LONG_DEST,
        *_bytes("esm_class", "registered_delivery", "data_coding"),
    )

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


class DataSmResp(MessageIdResponse, frozen=True):
    """data_sm_resp."""

    command_id: ClassVar[int] = DATA_SM | RESPONSE


class Destination(NamedTuple):
    """One address of submit_multi; a distribution list when `list_name` is set."""

    ton: int = 0
    npi: int = 0
    address: str = ""
    list_name: str = ""


class Unsuccessful(NamedTuple):
    """One address that submit_multi could not take, with its own status."""

    ton: int
    npi: int
    address: str
    error_status: int


class SubmitMulti(Pdu, frozen=True):
    """submit_multi: one message to at most 254 addresses or lists."""

    command_id: ClassVar[int] = SUBMIT_MULTI
    layout: ClassVar[tuple[Field, ...]] = (
        _SERVICE_TYPE,
        *_SOURCE,
        Field("destinations", "destinations", 254, St.ESME_RINVNUMDESTS),
        *_DELIVERY,
    )

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    destinations: tuple[Destination, ...] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class SubmitMultiResp(Pdu, frozen=True):
    """submit_multi_resp."""

    command_id: ClassVar[int] = SUBMIT_MULTI | RESPONSE
    layout: ClassVar[tuple[Field, ...]] = (
        _MESSAGE_ID,
        Field("unsuccessful", "unsuccessful", 254, St.ESME_RINVNUMDESTS),
    )

    message_id: str = ""
    unsuccessful: tuple[Unsuccessful, ...] = ()


class QuerySm(Pdu, frozen=True):
    """query_sm."""

    command_id: ClassVar[int] = QUERY_SM
    layout: ClassVar[tuple[Field, ...]] = (_MESSAGE_ID, *_SOURCE)

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


class QuerySmResp(Pdu, frozen=True):
    """query_sm_resp."""

    command_id: ClassVar[int] = QUERY_SM | RESPONSE
    layout: ClassVar[tuple[Field, ...]] = (
        _MESSAGE_ID,
        _text("final_date", 17),
        *_bytes("message_state", "error_code"),
    )

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class CancelSm(Pdu, frozen=True):
    """cancel_sm."""

    command_id: ClassVar[int] = CANCEL_SM
    layout: ClassVar[tuple[Field, ...]] = (_SERVICE_TYPE, _MESSAGE_ID, *_SOURCE, *_DEST)

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


class CancelSmResp(Pdu, frozen=True):
    """cancel_sm_resp."""

    command_id: ClassVar[int] = CANCEL_SM | RESPONSE


class ReplaceSm(Pdu, frozen=True):
    """replace_sm."""

    command_id: ClassVar[int] = REPLACE_SM
    layout: ClassVar[tuple[Field, ...]] = (
        _MESSAGE_ID,
        *_SOURCE,
        *_TIMES,
        *_bytes("registered_delivery", "sm_default_msg_id"),
        _SHORT_MESSAGE,
    )

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class ReplaceSmResp(Pdu, frozen=True):
    """replace_sm_resp."""

    command_id: ClassVar[int] = REPLACE_SM | RESPONSE


class AlertNotification(Pdu, frozen=True):
    """alert_notification: a handset is reachable again; it has no answer."""

    command_id: ClassVar[int] = ALERT_NOTIFICATION
    layout: ClassVar[tuple[Field, ...]] = (
        *_LONG_SOURCE,
        *_bytes("esme_addr_ton", "esme_addr_npi"),
        _text("esme_addr", 65),
    )

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


def _concrete(base: type[Pdu]) -> dict[int, type[Pdu]]:
    found: dict[int, type[Pdu]] = {}
    pending = [base]
    while pending:
        cls = pending.pop()
        pending.extend(cls.__subclasses__())
        if cls.command_id:
            found[cls.command_id] = cls
    return found


PDU_CLASSES: dict[int, type[Pdu]] = _concrete(Pdu)
