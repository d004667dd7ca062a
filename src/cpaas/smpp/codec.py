"""Bytes to PDUs and back, and the splitting of a byte stream into PDUs; nothing here does I/O.

Requests are read strictly, so that a peer learns which field it got wrong. Answers are read
leniently: an answer that cannot be understood would leave a message's outcome unknown for good.
"""

import struct
from typing import Any

from cpaas.smpp.errors import DecodeError, EncodeError
from cpaas.smpp.layout import RESPONSE, Destination, Field, Pdu, Unsuccessful
from cpaas.smpp.message_codec import decode_message, encode_message
from cpaas.smpp.pdu import (
    PDU_CLASSES,
    DeliverSm,
    GenericNack,
    MessageIdResponse,
    ShortMessage,
    SubmitSm,
)
from cpaas.smpp.status import CommandStatus
from cpaas.smpp.tlv import TlvError, Tlvs, decode_tlvs, encode_tlvs

HEADER_BYTES = 16
PDU_BYTES_MAX = 64 * 1024

_HEADER = struct.Struct(">IIII")
_LENGTH = struct.Struct(">I")
_DESTINATION_ADDRESS, _DESTINATION_LIST = 1, 2

Value = Any  # int, str, bytes or a tuple of addresses: the field's kind says which


class _MalformedError(Exception):
    """A field's bytes are wrong; the caller knows whose status that deserves."""


def encode(pdu: Pdu, sequence: int | None = None) -> bytes:
    """Write any PDU; `sequence`, when given, replaces the PDU's own number."""
    number = pdu.sequence if sequence is None else sequence
    if isinstance(pdu, ShortMessage):
        return encode_message(pdu.command_id, pdu, number)
    parts = [_encode_field(field, getattr(pdu, field.name)) for field in pdu.layout]
    try:
        body = b"".join(parts) + encode_tlvs(pdu.tlvs)
        length = HEADER_BYTES + len(body)
        head = _HEADER.pack(length, pdu.command_id, pdu.status, number)
    except struct.error as error:
        raise EncodeError(f"a number does not fit into its field: {error}") from None
    if length > PDU_BYTES_MAX:
        raise EncodeError(f"the PDU has {length} bytes, the most is {PDU_BYTES_MAX}")
    return head + body


def encode_header(command_id: int, status: int, sequence: int) -> bytes:
    """Write a PDU without a body, which most control PDUs and error answers are."""
    return _HEADER.pack(HEADER_BYTES, command_id, status, sequence)


def encode_error(command_id: int, status: int, sequence: int) -> bytes:
    """Write an answer that says only what went wrong."""
    cls = PDU_CLASSES[command_id]
    if issubclass(cls, MessageIdResponse):
        return encode(cls(sequence=sequence, status=status))
    return encode_header(command_id, status, sequence)


def decode(frame: bytes) -> Pdu:
    """Read one whole PDU; raise DecodeError with the command_status that it deserves."""
    if len(frame) < HEADER_BYTES or _LENGTH.unpack_from(frame)[0] != len(frame):
        raise DecodeError(
            "command_length is not the length of the PDU",
            command_status=CommandStatus.ESME_RINVCMDLEN,
        )
    _, command_id, status, sequence = _HEADER.unpack_from(frame)
    if command_id in (SubmitSm.command_id, DeliverSm.command_id):
        message = decode_message(
            frame, SubmitSm if command_id == SubmitSm.command_id else DeliverSm, sequence
        )
        if message is not None:
            return message
    cls = PDU_CLASSES.get(command_id)
    if cls is None:
        raise DecodeError(
            f"unknown command_id 0x{command_id:08X}",
            command_status=CommandStatus.ESME_RINVCMDID,
            sequence=sequence,
            command_id=command_id,
        )
    if command_id & RESPONSE or cls is GenericNack:
        return _decode_response(frame, cls, status, sequence)
    return _decode_request(frame, cls, sequence)


def _decode_request(frame: bytes, cls: type[Pdu], sequence: int) -> Pdu:
    values: dict[str, Value] = {}
    at = HEADER_BYTES
    for field in cls.layout:
        try:
            values[field.name], at = _decode_field(frame, at, field, strict=True)
        except _MalformedError as error:
            raise DecodeError(
                f"{cls.__name__}.{field.name}: {error}",
                command_status=field.status,
                sequence=sequence,
                command_id=cls.command_id,
            ) from None
    tlvs: Tlvs = {}
    try:
        tlvs = decode_tlvs(frame, at)
    except TlvError as error:
        if cls.layout:
            raise DecodeError(
                f"{cls.__name__}: {error}",
                command_status=CommandStatus.ESME_RINVOPTPARSTREAM,
                sequence=sequence,
                command_id=cls.command_id,
            ) from None
    return cls(**values, sequence=sequence, tlvs=tlvs)


def _decode_response(frame: bytes, cls: type[Pdu], status: int, sequence: int) -> Pdu:
    values: dict[str, Value] = {}
    at = HEADER_BYTES
    tlvs: Tlvs = {}
    try:
        for field in cls.layout:
            # Many SMSCs leave the body out of an error answer, some even of a good one.
            if at >= len(frame):
                break
            values[field.name], at = _decode_field(frame, at, field, strict=False)
        tlvs = decode_tlvs(frame, at)
    except (_MalformedError, TlvError):
        pass
    return cls(**values, sequence=sequence, status=status, tlvs=tlvs)


def _encode_field(field: Field, value: Value) -> bytes:
    if isinstance(value, int):
        if not 0 <= value <= 255:
            raise EncodeError(f"{field.name} is {value}, outside 0..255")
        return bytes((value,))
    if isinstance(value, str):
        return _encode_text(value, field.name, field.size)
    if len(value) > field.size:
        raise EncodeError(f"{field.name} has {len(value)} entries, the most is {field.size}")
    if isinstance(value, bytes):
        return bytes((len(value),)) + value
    parts = [bytes((len(value),))]
    for entry in value:
        if isinstance(entry, Destination):
            parts.append(_encode_destination(entry))
        else:
            parts.append(_encode_address(entry.ton, entry.npi, entry.address))
            parts.append(_LENGTH.pack(entry.error_status))
    return b"".join(parts)


def _encode_text(value: str, name: str, size: int) -> bytes:
    if len(value) >= size:
        raise EncodeError(f"{name} is longer than {size - 1} characters")
    if "\0" in value:
        raise EncodeError(f"{name} contains a NUL")
    try:
        return value.encode("latin-1") + b"\0"
    except UnicodeEncodeError:
        raise EncodeError(f"{name} has characters outside Latin-1") from None


def _encode_address(ton: int, npi: int, address: str) -> bytes:
    if not (0 <= ton <= 255 and 0 <= npi <= 255):
        raise EncodeError("ton or npi is outside 0..255")
    return bytes((ton, npi)) + _encode_text(address, "destination_addr", 21)


def _encode_destination(entry: Destination) -> bytes:
    if entry.list_name:
        name = _encode_text(entry.list_name, "dl_name", 21)
        return bytes((_DESTINATION_LIST,)) + name
    address = _encode_address(entry.ton, entry.npi, entry.address)
    return bytes((_DESTINATION_ADDRESS,)) + address


def _decode_field(frame: bytes, at: int, field: Field, *, strict: bool) -> tuple[Value, int]:
    if field.kind == "cstring":
        return _decode_text(frame, at, field.size, strict=strict)
    if at >= len(frame):
        raise _MalformedError("missing")
    count = frame[at]
    at += 1
    if field.kind == "byte":
        return count, at
    if field.kind == "octets":
        if at + count > len(frame):
            raise _MalformedError(f"sm_length is {count}, {len(frame) - at} bytes are left")
        return frame[at : at + count], at + count
    if field.kind == "destinations":
        return _decode_destinations(frame, at, count)
    return _decode_unsuccessful(frame, at, count)


def _decode_text(frame: bytes, at: int, size: int, *, strict: bool) -> tuple[str, int]:
    end = frame.find(0, at)
    if end < 0:
        if strict:
            raise _MalformedError("not closed by a NUL")
        end = len(frame)
    if strict and end - at >= size:
        raise _MalformedError(f"{end - at} characters, the most is {size - 1}")
    return frame[at:end].decode("latin-1"), end + 1


def _decode_address(frame: bytes, at: int) -> tuple[int, int, str, int]:
    if at + 2 > len(frame):
        raise _MalformedError("address cut off")
    text, after = _decode_text(frame, at + 2, 21, strict=True)
    return frame[at], frame[at + 1], text, after


def _decode_destinations(frame: bytes, at: int, count: int) -> tuple[tuple[Destination, ...], int]:
    found: list[Destination] = []
    for _ in range(count):
        flag = frame[at] if at < len(frame) else 0
        if flag == _DESTINATION_LIST:
            name, at = _decode_text(frame, at + 1, 21, strict=True)
            found.append(Destination(list_name=name))
        elif flag == _DESTINATION_ADDRESS:
            ton, npi, address, at = _decode_address(frame, at + 1)
            found.append(Destination(ton, npi, address))
        else:
            raise _MalformedError(f"dest_flag {flag}")
    return tuple(found), at


def _decode_unsuccessful(frame: bytes, at: int, count: int) -> tuple[tuple[Unsuccessful, ...], int]:
    found: list[Unsuccessful] = []
    for _ in range(count):
        ton, npi, address, at = _decode_address(frame, at)
        if at + 4 > len(frame):
            raise _MalformedError("error_status_code cut off")
        found.append(Unsuccessful(ton, npi, address, _LENGTH.unpack_from(frame, at)[0]))
        at += 4
    return tuple(found), at


class PduBuffer:
    """Splits what arrives on a connection into whole PDUs.

    A wrong length makes everything after it unreadable. The PDUs before it are still handed
    over; then `broken` is set, and feeding more raises it.
    """

    def __init__(self, pdu_bytes_max: int = PDU_BYTES_MAX) -> None:
        self._pending = b""
        self._pdu_bytes_max = pdu_bytes_max
        self.broken: DecodeError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and return every PDU that is now whole."""
        if self.broken is not None:
            raise self.broken
        if self._pending:
            data = self._pending + data
        frames: list[bytes] = []
        at, end = 0, len(data)
        unpack_length = _LENGTH.unpack_from
        while end - at >= 4:
            length = unpack_length(data, at)[0]
            if length < HEADER_BYTES or length > self._pdu_bytes_max:
                self._break(data[at : at + HEADER_BYTES], length)
                return frames
            if at + length > end:
                break
            frames.append(data[at : at + length])
            at += length
        self._pending = data[at:] if at else data
        return frames

    def _break(self, head: bytes, length: int) -> None:
        self._pending = b""
        whole = len(head) == HEADER_BYTES
        _, command_id, _, sequence = _HEADER.unpack(head) if whole else (0, 0, 0, 0)
        self.broken = DecodeError(
            f"command_length {length} is outside {HEADER_BYTES}..{self._pdu_bytes_max}",
            command_status=CommandStatus.ESME_RINVCMDLEN,
            sequence=sequence,
            command_id=command_id,
        )
