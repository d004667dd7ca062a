"""How long a call was, before the raw bytes of its receipt, which are kept where it has to wait."""

import re
from typing import Final

_SECONDS: Final = re.compile(rb"call-seconds=(\d{1,6})\n")


def with_seconds(seconds: int, raw: bytes) -> bytes:
    """The raw bytes of the receipt of an answered call."""
    return b"call-seconds=%d\n" % seconds + raw


def call_seconds(raw: bytes) -> int | None:
    """How long the call was; None for what is no receipt of an answered call."""
    found = _SECONDS.match(raw)
    return None if found is None else int(found[1])
