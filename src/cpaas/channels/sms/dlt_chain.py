"""The chain of telemarketers between a Principal Entity and the operator, as a carrier wants it.

An aggregator is told the ids and appends its own; a delivery partner or operator is told the hash.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final

_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")


def chained(dlt: dict[str, str], mode: str, own: str) -> dict[str, str]:
    """A message's DLT fields with `tm_id` as this carrier wants it.

    mode: as_given; ids = the chain with our own id behind it; hash = SHA-256 of that chain, the
    PE ID first. own: our telemarketer id at this carrier, "" = the chain ends before us.
    """
    if mode == "as_given":
        return dlt
    tm_id = _chain(dlt.get("pe_id", ""), dlt.get("tm_id", ""), mode, own)
    return {**dlt, "tm_id": tm_id} if tm_id else dlt


@lru_cache(maxsize=4096)
def _chain(pe_id: str, tm_id: str, mode: str, own: str) -> str:
    if _HASH.fullmatch(tm_id):
        return tm_id
    ids = [one for one in re.split(r"[,;\s]+", tm_id) if one]
    if own and own not in ids:
        ids.append(own)
    if mode == "ids" or not pe_id or not ids:
        return ",".join(ids)
    return hashlib.sha256(",".join([pe_id, *ids]).encode()).hexdigest()
