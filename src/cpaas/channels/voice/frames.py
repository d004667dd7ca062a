"""What the service and its SIP worker say to each other: msgpack frames on a socket pair.

A frame is four octets of length (big-endian) and a tagged struct. Audio travels once and is named
by a number afterwards.
"""

import struct
from typing import Final, Literal

import msgspec

Transport = Literal["udp", "tcp", "tls"]
Srtp = Literal["off", "offer", "require"]
FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")


class Trunk(msgspec.Struct, frozen=True, tag="trunk"):
    """The first frame to a worker: how it reaches its carrier.

    user: who calls if no caller is named; auth_user, password: for the carrier's digest challenge.
    interface: local address or network interface, "" = found by itself. listen: "address:port" of
    SIP's own socket, "" = any. ca_file: whom TLS believes, "" = the carrier's certificate is not
    looked at.
    """

    host: str
    port: int
    transport: Transport
    domain: str
    user: str
    auth_user: str
    password: str
    codecs: tuple[str, ...]
    register: bool
    interface: str = ""
    listen: str = ""
    srtp: Srtp = "off"
    ca_file: str = ""


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """Sound to be played: 8 kHz mono, 16 bit, native byte order."""

    number: int
    pcm: bytes


class Forget(msgspec.Struct, frozen=True, tag="forget"):
    """That sound is not used any more."""

    number: int


class Place(msgspec.Struct, frozen=True, tag="place"):
    """Dial. digits_max 0 = what is pressed is told, but nothing waits for it."""

    call: int
    uri: str
    caller: str
    audio: int
    repeat: int
    ring_seconds: float
    limit_seconds: float
    digits_max: int = 0
    digits_seconds: float = 0.0
    finish_on: str = ""


class HangUp(msgspec.Struct, frozen=True, tag="hang_up"):
    """End a call."""

    call: int


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """End the worker; calls that are left are hung up."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The stack is up, and registered if it shall be."""


class Trouble(msgspec.Struct, frozen=True, tag="trouble"):
    """The trunk cannot be used now, in words."""

    text: str


class Ringing(msgspec.Struct, frozen=True, tag="ringing"):
    """The network has the call; call_id is SIP's own."""

    call: int
    call_id: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """Somebody or something picked up."""

    call: int
    call_id: str


class Digit(msgspec.Struct, frozen=True, tag="digit"):
    """A key was pressed."""

    call: int
    digit: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The call is over, or was never made (placed False: not an octet was sent).

    by: us (all was said), them, stop (before that, from here), ring (nobody answered in time),
    limit (it took too long). status: SIP's final
    answer, 0 = none came. milliseconds: from the answer to the end, None = never answered.
    packets: RTP packets sent.
    """

    call: int
    call_id: str
    placed: bool
    by: str
    status: int
    reason: str
    milliseconds: int | None
    digits: str
    packets: int = 0


ToWorker = Trunk | Audio | Forget | Place | HangUp | Leave
FromWorker = Ready | Trouble | Ringing | Answered | Digit | Ended
_encode = msgspec.msgpack.Encoder().encode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode


def framed(message: ToWorker | FromWorker) -> bytes:
    """A message with its length."""
    body = _encode(message)
    return _LENGTH.pack(len(body)) + body


class Splitter:
    """Bytes as they come, taken apart into frames. Errors: ValueError for one that is too long."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are complete now."""
        self._left += data
        frames: list[bytes] = []
        while len(self._left) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._left)
            if length > FRAME_BYTES_MAX:
                raise ValueError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._left) < end:
                break
            frames.append(bytes(self._left[_LENGTH.size : end]))
            del self._left[:end]
        return frames
