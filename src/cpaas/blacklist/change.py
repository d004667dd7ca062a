"""Blocks and unblocks numbers; the caller holds the transaction and names who acts."""

from typing import Any

from cpaas.blacklist import check, queries
from cpaas.blacklist.types import Entry, NewEntry


async def add(
    connection: Any,
    account_id: int,
    number: str,
    *,
    channel: str = "",
    reason: str = "",
    source: str,
    created_by: str,
) -> tuple[Entry, bool]:
    """Blocks a number for an account (0 = for all).

    Returns its entry and whether it is new; one that stood there already stays as it was.
    """
    entry = NewEntry(check.number(number), check.channel(channel), check.reason(reason))
    made = await queries.insert(
        connection, account_id, [entry], source=source, created_by=created_by
    )
    found = await queries.find(connection, account_id, entry.number, entry.channel)
    if found is None:
        raise AssertionError("an entry vanished in its own transaction")
    return found, made > 0


async def remove(
    connection: Any, account_id: int, number: str, *, channel: str | None = None
) -> int:
    """Unblocks a number on one channel, None = wherever; returns how many entries went."""
    if channel is not None:
        channel = check.channel(channel)
    return await queries.delete(connection, account_id, check.number(number), channel=channel)
