"""Requests senders and decides on them; the caller holds the transaction."""

import asyncpg

from cpaas.kit.errors import InputError
from cpaas.senders import check, queries
from cpaas.senders.types import SenderRow


async def request(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str, *, pe_id: str = ""
) -> int:
    """Asks for a sender, PENDING until decided; returns its id."""
    try:
        return await queries.insert_sender(
            connection,
            account_id,
            check.channel(channel),
            check.sender(value),
            pe_id=check.pe_id(pe_id),
        )
    except asyncpg.UniqueViolationError as error:
        raise InputError(
            f"the account has a {channel} sender {value} already", "approve or use that one",
            "value",
        ) from error  # fmt: skip


async def approve(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str
) -> None:
    """Lets the account use the sender, within a second."""
    found = await _find(connection, account_id, channel, value)
    await queries.set_status(connection, account_id, found.id, "APPROVED", "")


async def reject(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str, *, reason: str
) -> None:
    """Refuses the sender with a reason that the account sees."""
    if not 1 <= len(reason.strip()) <= check.REASON_MAX or "\0" in reason:
        raise InputError(
            "a rejection needs a reason", f"say why in at most {check.REASON_MAX} characters",
            "reason",
        )  # fmt: skip
    found = await _find(connection, account_id, channel, value)
    await queries.set_status(connection, account_id, found.id, "REJECTED", reason.strip())


async def make_default(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str
) -> None:
    """Takes this sender where a message names none."""
    found = await _find(connection, account_id, channel, value)
    if found.status != "APPROVED":
        raise InputError(f"{value} is {found.status}", "approve it first", "value")
    await queries.set_default(connection, account_id, channel, found.id)


async def set_pe_id(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str, *, pe_id: str
) -> None:
    """Says which Principal Entity has registered the sender as its header ("" = the account's)."""
    found = await _find(connection, account_id, channel, value)
    await queries.set_pe_id(connection, account_id, found.id, check.pe_id(pe_id))


async def remove(connection: asyncpg.Connection, account_id: int, channel: str, value: str) -> None:
    """Takes a sender away; what was accepted with it still goes."""
    found = await _find(connection, account_id, channel, value)
    await queries.delete_sender(connection, account_id, found.id)


async def _find(
    connection: asyncpg.Connection, account_id: int, channel: str, value: str
) -> SenderRow:
    found = await queries.find_sender(connection, account_id, channel, value)
    if found is None:
        raise InputError(
            f"the account has no {channel} sender {value!r}", "list them: cpaas sender list",
            "value",
        )  # fmt: skip
    return found
