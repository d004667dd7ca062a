"""Optional parameters (TLVs): their tags, and reading and writing the block that carries them.

Values stay raw bytes, a list per tag, because vendors use their own tags, repeat them and disagree
about types; the typed readers below are for the few that SMPP itself gives a meaning.
"""

import struct
from enum import IntEnum

Tlvs = dict[int, list[bytes]]

STATUS_TEXT_MAX = 255
_HEAD = struct.Struct(">HH")


class Tag(IntEnum):
    """Every TLV tag of SMPP 3.4."""

    DEST_ADDR_SUBUNIT = 0x0005
    DEST_NETWORK_TYPE = 0x0006
    DEST_BEARER_TYPE = 0x0007
    DEST_TELEMATICS_ID = 0x0008
    SOURCE_ADDR_SUBUNIT = 0x000D
    SOURCE_NETWORK_TYPE = 0x000E
    SOURCE_BEARER_TYPE = 0x000F
    SOURCE_TELEMATICS_ID = 0x0010
    QOS_TIME_TO_LIVE = 0x0017
    PAYLOAD_TYPE = 0x0019
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    MS_MSG_WAIT_FACILITIES = 0x0030
    PRIVACY_INDICATOR = 0x0201
    SOURCE_SUBADDRESS = 0x0202
    DEST_SUBADDRESS = 0x0203
    USER_MESSAGE_REFERENCE = 0x0204
    USER_RESPONSE_CODE = 0x0205
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    LANGUAGE_INDICATOR = 0x020D
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    CALLBACK_NUM_PRES_IND = 0x0302
    CALLBACK_NUM_ATAG = 0x0303
    NUMBER_OF_MESSAGES = 0x0304
    CALLBACK_NUM = 0x0381
    DPF_RESULT = 0x0420
    SET_DPF = 0x0421
    MS_AVAILABILITY_STATUS = 0x0422
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    USSD_SERVICE_OP = 0x0501
    DISPLAY_TIME = 0x1201
    SMS_SIGNAL = 0x1203
    MS_VALIDITY = 0x1204
    ALERT_ON_MESSAGE_DELIVERY = 0x130C
    ITS_REPLY_TYPE = 0x1380
    ITS_SESSION_INFO = 0x1383


class TlvError(ValueError):
    """The TLV block ends in the middle of a tag, a length or a value."""


def encode_tlvs(tlvs: Tlvs) -> bytes:
    """Write every value of every tag, in the order of the mapping."""
    parts: list[bytes] = []
    for tag, values in tlvs.items():
        for value in values:
            parts.append(_HEAD.pack(tag, len(value)))
            parts.append(value)
    return b"".join(parts)


def decode_tlvs(data: bytes, start: int) -> Tlvs:
    """Read the TLVs from `start` to the end; raise TlvError if the block is cut off."""
    tlvs: Tlvs = {}
    end = len(data)
    while start < end:
        if end - start < 4:
            # Some SMSCs pad a PDU with a NUL or two; that is not a TLV and not worth an error.
            if not data[start:end].strip(b"\0"):
                break
            raise TlvError(f"{end - start} stray bytes where a TLV should start")
        tag, length = _HEAD.unpack_from(data, start)
        start += 4
        if start + length > end:
            raise TlvError(f"TLV 0x{tag:04X} claims {length} bytes, {end - start} are left")
        value = data[start : start + length]
        if tag in tlvs:
            tlvs[tag].append(value)
        else:
            tlvs[tag] = [value]
        start += length
    return tlvs


def status_text(why: str) -> Tlvs:
    """additional_status_info_text: why a request was refused, in ASCII, cut to 255."""
    text = why.encode("ascii", "replace")[:STATUS_TEXT_MAX]
    return {int(Tag.ADDITIONAL_STATUS_INFO_TEXT): [text + b"\0"]}


def tlv_int(tlvs: Tlvs, tag: int) -> int | None:
    """Return the first value of the tag as an unsigned integer, None if absent or empty."""
    values = tlvs.get(tag)
    return int.from_bytes(values[0], "big") if values and values[0] else None


def tlv_text(tlvs: Tlvs, tag: int) -> str | None:
    """Return the first value of the tag as text, with or without its closing NUL."""
    values = tlvs.get(tag)
    return values[0].split(b"\0", 1)[0].decode("latin-1") if values else None
