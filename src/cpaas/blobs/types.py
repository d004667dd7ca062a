"""A stored file, without its bytes."""

import msgspec

CHUNK_BYTES = 1024 * 1024


class Blob(msgspec.Struct, frozen=True):
    """A file in chunks of at most CHUNK_BYTES; account 0 = the operator's."""

    id: int
    account_id: int
    name: str
    media_type: str
    bytes: int
    chunks: int
