"""A recipient's own word: STOP blocks one channel of one account, START takes that back.

Called in the transaction that stores the reply, so that both are known or neither is.
"""

from typing import Any, Final

from cpaas.blacklist import check, queries
from cpaas.blacklist.types import NewEntry

_BY: Final = "recipient"


async def opt_out(
    connection: Any, account_id: int, channel: str, number: str, *, keyword: str = "STOP"
) -> bool:
    """Blocks an account's messages of a channel to a number; False when it was blocked already.

    number: E.164, with or without plus. Effective from the commit on.
    """
    entry = NewEntry(
        check.number(number), check.channel(channel), f"The recipient sent {keyword[:40]}."
    )
    made = await queries.insert(
        connection, account_id, [entry], source=check.OPT_OUT, created_by=_BY
    )
    return made > 0


async def opt_in(connection: Any, account_id: int, channel: str, number: str) -> bool:
    """Takes a STOP back; False when there was none. What the account itself blocked stays so."""
    gone = await queries.delete(
        connection, account_id, check.number(number), channel=check.channel(channel),
        source=check.OPT_OUT,
    )  # fmt: skip
    return gone > 0
