"""Every PDU of SMPP 3.4 as an immutable value, with the layout of its mandatory fields.

The layout stands beside the fields so that one generic codec serves all of them.
"""

from typing import ClassVar

from cpaas.smpp.layout import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    CANCEL_SM,
    DATA_SM,
    DELIVER_SM,
    DELIVERY,
    DEST,
    ENQUIRE_LINK,
    GENERIC_NACK,
    LONG_DEST,
    LONG_SOURCE,
    MESSAGE_ID,
    OUTBIND,
    PASSWORD,
    QUERY_SM,
    REPLACE_SM,
    RESPONSE,
    SERVICE_TYPE,
    SHORT_MESSAGE,
    SOURCE,
    SUBMIT_MULTI,
    SUBMIT_SM,
    SYSTEM_ID,
    TIMES,
    UNBIND,
    Destination,
    Field,
    Pdu,
    Unsuccessful,
    byte_fields,
    cstring,
)
from cpaas.smpp.status import CommandStatus as St


class BindRequest(Pdu, frozen=True):
    """The body shared by the three bind requests."""

    layout: ClassVar[tuple[Field, ...]] = (
        SYSTEM_ID,
        PASSWORD,
        cstring("system_type", 13, St.ESME_RINVSYSTYP),
        *byte_fields("interface_version", "addr_ton", "addr_npi"),
        cstring("address_range", 41),
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

    layout: ClassVar[tuple[Field, ...]] = (SYSTEM_ID,)

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
    layout: ClassVar[tuple[Field, ...]] = (SYSTEM_ID, PASSWORD)

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

    layout: ClassVar[tuple[Field, ...]] = (SERVICE_TYPE, *SOURCE, *DEST, *DELIVERY)

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

    layout: ClassVar[tuple[Field, ...]] = (MESSAGE_ID,)

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
        SERVICE_TYPE,
        *LONG_SOURCE,
        *LONG_DEST,
        *byte_fields("esm_class", "registered_delivery", "data_coding"),
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


class SubmitMulti(Pdu, frozen=True):
    """submit_multi: one message to at most 254 addresses or lists."""

    command_id: ClassVar[int] = SUBMIT_MULTI
    layout: ClassVar[tuple[Field, ...]] = (
        SERVICE_TYPE,
        *SOURCE,
        Field("destinations", "destinations", 254, St.ESME_RINVNUMDESTS),
        *DELIVERY,
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
        MESSAGE_ID,
        Field("unsuccessful", "unsuccessful", 254, St.ESME_RINVNUMDESTS),
    )

    message_id: str = ""
    unsuccessful: tuple[Unsuccessful, ...] = ()


class QuerySm(Pdu, frozen=True):
    """query_sm."""

    command_id: ClassVar[int] = QUERY_SM
    layout: ClassVar[tuple[Field, ...]] = (MESSAGE_ID, *SOURCE)

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


class QuerySmResp(Pdu, frozen=True):
    """query_sm_resp."""

    command_id: ClassVar[int] = QUERY_SM | RESPONSE
    layout: ClassVar[tuple[Field, ...]] = (
        MESSAGE_ID,
        cstring("final_date", 17),
        *byte_fields("message_state", "error_code"),
    )

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class CancelSm(Pdu, frozen=True):
    """cancel_sm."""

    command_id: ClassVar[int] = CANCEL_SM
    layout: ClassVar[tuple[Field, ...]] = (SERVICE_TYPE, MESSAGE_ID, *SOURCE, *DEST)

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
        MESSAGE_ID,
        *SOURCE,
        *TIMES,
        *byte_fields("registered_delivery", "sm_default_msg_id"),
        SHORT_MESSAGE,
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
        *LONG_SOURCE,
        *byte_fields("esme_addr_ton", "esme_addr_npi"),
        cstring("esme_addr", 65),
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
