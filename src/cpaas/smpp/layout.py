"""What all PDUs are made of: command ids, the kinds of mandatory fields, the base of every PDU.

A field's maximum and the command_status that a bad one deserves are written once, here.
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
ESM_UDHI = 0x40

Kind = Literal["cstring", "byte", "octets", "destinations", "unsuccessful"]


class Field(NamedTuple):
    """One mandatory field on the wire: cstring sizes count the closing NUL."""

    name: str
    kind: Kind
    size: int
    status: int


def cstring(name: str, size: int, status: int = St.ESME_RINVCMDLEN) -> Field:
    """Describe a NUL-terminated text of at most `size` bytes with its NUL."""
    return Field(name, "cstring", size, status)


def byte_fields(*names: str) -> tuple[Field, ...]:
    """Describe one-byte numbers."""
    return tuple(Field(name, "byte", 1, St.ESME_RINVCMDLEN) for name in names)


SERVICE_TYPE = cstring("service_type", 6, St.ESME_RINVSERTYP)
SYSTEM_ID = cstring("system_id", 16, St.ESME_RINVSYSID)
PASSWORD = cstring("password", 9, St.ESME_RINVPASWD)
MESSAGE_ID = cstring("message_id", 65, St.ESME_RINVMSGID)
SOURCE = (
    *byte_fields("source_addr_ton", "source_addr_npi"),
    cstring("source_addr", 21, St.ESME_RINVSRCADR),
)
LONG_SOURCE = (*SOURCE[:2], cstring("source_addr", 65, St.ESME_RINVSRCADR))
DEST = (
    *byte_fields("dest_addr_ton", "dest_addr_npi"),
    cstring("destination_addr", 21, St.ESME_RINVDSTADR),
)
LONG_DEST = (*DEST[:2], cstring("destination_addr", 65, St.ESME_RINVDSTADR))
TIMES = (
    cstring("schedule_delivery_time", 17, St.ESME_RINVSCHED),
    cstring("validity_period", 17, St.ESME_RINVEXPIRY),
)
SHORT_MESSAGE = Field("short_message", "octets", 254, St.ESME_RINVMSGLEN)
DELIVERY = (
    *byte_fields("esm_class", "protocol_id", "priority_flag"),
    *TIMES,
    *byte_fields("registered_delivery", "replace_if_present_flag", "data_coding"),
    *byte_fields("sm_default_msg_id"),
    SHORT_MESSAGE,
)


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


class Pdu(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every PDU has; `sequence` 0 lets the session choose the number."""

    command_id: ClassVar[int] = 0
    layout: ClassVar[tuple[Field, ...]] = ()

    sequence: int = 0
    status: int = 0
    tlvs: Tlvs = {}
