"""Seals the audit log: each entry's SHA-256 covers the entry and the hash before it.

Who edits, removes or inserts an entry afterwards breaks the chain from there on; `verify` finds
where. A cut at the very end shows when the head, kept elsewhere, is compared.
"""

import hashlib
from typing import Final

import asyncpg
import msgspec

from cpaas.audit import queries
from cpaas.audit.types import Entry, Verdict

START: Final = bytes(32)
BATCH: Final = 500
#: control-plane writes wait at most so long for a sealer that waits for another writer.
LOCK_WAIT_MS: Final = 200


def entry_hash(before: bytes, entry: Entry) -> bytes:
    """The hash of an entry that follows the entry with hash `before`."""
    fields = (
        entry.id, entry.at_us, entry.actor, entry.address, entry.action, entry.table_name,
        entry.row_id, entry.account_id, entry.before, entry.after, entry.note,
    )  # fmt: skip
    return hashlib.sha256(before + msgspec.json.encode(fields)).digest()


async def seal(connection: asyncpg.Connection) -> int:
    """Seals up to a batch of entries; returns how many. 0 also when it is not our turn.

    Call it every few seconds from any number of processes, outside a transaction.
    """
    if not await queries.has_unsealed(connection):
        return 0
    try:
        async with connection.transaction():
            if not await queries.lock_sealing(connection, wait_ms=LOCK_WAIT_MS):
                return 0
            last = await queries.last_hash(connection) or START
            ids: list[int] = []
            hashes: list[bytes] = []
            for entry in await queries.unsealed(connection, BATCH):
                last = entry_hash(last, entry)
                ids.append(entry.id)
                hashes.append(last)
            await queries.seal(connection, ids, hashes)
            return len(ids)
    except asyncpg.LockNotAvailableError:
        return 0  # Somebody is in the middle of a change; next time.


async def verify(connection: asyncpg.Connection, *, pinned: str = "") -> Verdict:
    """Computes the whole chain anew, in pages of one consistent view.

    With `pinned`, a head (hex) that an earlier check gave, that entry must still be there.
    """
    last, after_id, sealed, unsealed = START, 0, 0, 0
    pin_found = not pinned
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        while page := await queries.entries_after(connection, after_id, BATCH):
            for entry in page:
                if entry.hash is None:
                    unsealed += 1
                    continue
                reason = ""
                if unsealed:
                    reason = "an entry before it lost its hash"
                elif entry.hash != entry_hash(last, entry):
                    reason = "it, or an entry just before it, was changed, removed or added"
                if reason:
                    return Verdict(
                        ok=False, sealed=sealed, unsealed=unsealed, head=last.hex(),
                        broken_id=entry.id, reason=reason,
                    )  # fmt: skip
                last, sealed = entry.hash, sealed + 1
                pin_found = pin_found or last.hex() == pinned
            after_id = page[-1].id
    if not pin_found:
        reason = "the entry that the given head belongs to is gone"
        return Verdict(ok=False, sealed=sealed, unsealed=unsealed, head=last.hex(), reason=reason)
    return Verdict(ok=True, sealed=sealed, unsealed=unsealed, head=last.hex())
