"""What travels through a broker: the items of one take as one message.

An item alone costs a message as much as a hundred of them do, so they go together.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

VERSION: Final = 1
#: of one bundle's payloads; a single item may be larger and goes alone.
BYTES_MAX: Final = 512 * 1024


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """One queue item as it travels; what may change on the way stays in its row."""

    id: int
    lane: int
    account_id: int
    messages: int
    payload: bytes


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """The body of one message; `relayed_us` is the moment that its rows are marked with."""

    version: int
    relayed_us: int
    items: tuple[Carried, ...]


EMPTY: Final = Bundle(VERSION, 0, ())


class UnreadableBundleError(Exception):
    """A message is none of ours."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Bundle)


def pack(items: Iterable[Carried], relayed_us: int) -> bytes:
    """The body that carries these items."""
    return _ENCODER.encode(Bundle(VERSION, relayed_us, tuple(items)))


def unpack(body: bytes) -> Bundle:
    """What a body carries; raises UnreadableBundleError."""
    try:
        bundle = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise UnreadableBundleError(str(error)) from error
    if bundle.version != VERSION:
        raise UnreadableBundleError(f"version {bundle.version}")
    return bundle


def grouped(rows: Sequence[Sequence[Any]]) -> Iterator[list[Carried]]:
    """Rows of `embedded_queries.take` in groups that fit a message each, in their order."""
    group: list[Carried] = []
    size = 0
    for row in rows:
        one = Carried(row[0], row[2], row[3], row[4], bytes(row[6]))
        if group and size + len(one.payload) > BYTES_MAX:
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one.payload)
    if group:
        yield group
