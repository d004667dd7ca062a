"""Seals the audit log: each entry's SHA-256 covers the entry and the hash before it.

Who edits, removes or inserts an entry afterwards breaks the chain from there on; `verify` finds
where. A cut at the very end shows when the head, kept elsewhere, is compared.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.audit import queries
from cpaas.audit.types import Checked, Entry, Verdict
from cpaas.db.trouble import is_passing
from cpaas.kit.log import get_logger

_log = get_logger(__name__)

START: Final = bytes(32)
BATCH: Final = 500
#: an entry waits at most about so long for its hash.
EVERY_SECONDS: Final = 5.0
#: pages that one part of a check in parts reads: well under a second.
PART_BATCHES: Final = 40
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


async def run_sealing(pool: Any, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Seals for ever, whatever many processes do the same; cancel it to end."""
    while True:
        try:
            async with pool.acquire() as connection:
                while await seal(connection) == BATCH:
                    pass
        except Exception as error:  # noqa: BLE001 - a failed round must not end the sealing
            if is_passing(error):
                _log.warning("sealing_waits_for_the_database", error=repr(error))
            else:
                _log.exception("sealing_failed")
        await asyncio.sleep(every_seconds)


async def verify(connection: asyncpg.Connection, *, pinned: str = "") -> Verdict:
    """Computes the whole chain anew, in pages of one consistent view.

    With `pinned`, a head (hex) that an earlier check gave, that entry must still be there.
    """
    so_far = Checked(last=START.hex())
    pin_found = not pinned
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        while page := await queries.entries_after(connection, so_far.after_id, BATCH):
            heads: list[str] = []
            found = _go_on(so_far, page, heads)
            pin_found = pin_found or pinned in heads
            if isinstance(found, Verdict):
                return found
            so_far = found
    if not pin_found:
        reason = "the entry that the given head belongs to is gone"
        return msgspec.structs.replace(_whole(so_far), ok=False, reason=reason)
    return _whole(so_far)


async def verify_some(connection: asyncpg.Connection, so_far: Checked) -> Checked | Verdict:
    """The next part of a check that goes on from call to call; a verdict when it is over.

    Begin with `Checked()`. It ends where the seal stood then: entries sealed meanwhile are left.
    """
    if not so_far.last:
        so_far = Checked(until_id=await queries.last_sealed(connection), last=START.hex())
    for _ in range(PART_BATCHES):
        read = await queries.entries_after(connection, so_far.after_id, BATCH)
        page = [entry for entry in read if entry.id <= so_far.until_id]
        found = _go_on(so_far, page, []) if page else _whole(so_far)
        if isinstance(found, Verdict):
            return found
        so_far = found
    return so_far


def _go_on(so_far: Checked, page: Sequence[Entry], heads: list[str]) -> Checked | Verdict:
    """The state behind a page, or the verdict at its first bad entry; adds each entry's head."""
    last, sealed, unsealed = bytes.fromhex(so_far.last), so_far.sealed, so_far.unsealed
    for entry in page:
        reason = ""
        if entry.hash is None:
            unsealed += 1
            if entry.id > so_far.until_id:
                continue
            reason = "it lost its hash"
        elif unsealed:
            reason = "an entry before it lost its hash"
        elif entry.hash != entry_hash(last, entry):
            reason = "it, or an entry just before it, was changed, removed or added"
        if reason:
            return Verdict(
                ok=False, sealed=sealed, unsealed=unsealed, head=last.hex(),
                broken_id=entry.id, reason=reason,
            )  # fmt: skip
        last, sealed = bytes(entry.hash or b""), sealed + 1
        heads.append(last.hex())
    return Checked(page[-1].id, so_far.until_id, last.hex(), sealed, unsealed)


def _whole(so_far: Checked) -> Verdict:
    return Verdict(
        ok=True, sealed=so_far.sealed, unsealed=so_far.unsealed, head=so_far.last
    )  # fmt: skip
