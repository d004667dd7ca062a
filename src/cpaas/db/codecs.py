"""How values cross the wire between PostgreSQL and the data plane: as plain as they are stored.

Ids stay the 16 bytes that envelopes carry, times stay integers and JSON goes through msgspec, so
that a batch of a thousand rows makes no UUID, datetime or parser objects on its way.
"""

from collections import deque
from typing import Any, Final

import asyncpg
import msgspec
from asyncpg.protocol import protocol

#: Unix microseconds of 2000-01-01, from which PostgreSQL counts.
EPOCH_2000_MICROS: Final = 946_684_800_000_000
_JSONB_LAYOUT: Final = b"\x01"
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


# The driver asks each element of an array whether it is one itself, by an abstract class, which
# costs half of sending it; so it asks for the classes that are one.
_ARRAYS: Final[tuple[type, ...]] = (
    *(list, tuple, set, frozenset, range, deque),
    *(type({}.keys()), type({}.values())),
)
protocol.IterableABC = _ARRAYS


async def set_codecs(connection: asyncpg.Connection) -> None:
    """uuid as 16 bytes, timestamptz as int Unix microseconds, json and jsonb as Python values."""
    await _set(connection, "uuid", "binary", bytes, bytes)
    await _set(connection, "timestamptz", "tuple", _encode_micros, _decode_micros)
    await _set(connection, "jsonb", "binary", _encode_jsonb, _decode_jsonb)
    await _set(connection, "json", "binary", _encode_json, _decode_json)


async def _set(
    connection: asyncpg.Connection, name: str, layout: str, encoder: Any, decoder: Any
) -> None:
    await connection.set_type_codec(
        name, schema="pg_catalog", format=layout, encoder=encoder, decoder=decoder
    )


def _encode_micros(micros: int) -> tuple[int]:
    return (micros - EPOCH_2000_MICROS,)


def _decode_micros(value: tuple[int]) -> int:
    return value[0] + EPOCH_2000_MICROS


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB_LAYOUT + _encode_json(value)


def _decode_jsonb(data: bytes) -> Any:
    return _decode_json(data[1:])
