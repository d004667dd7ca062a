"""Finds the one open item that cannot be worked: each goes alone, and who fails so is the one."""

from collections.abc import Awaitable, Callable

from cpaas.db.trouble import is_passing
from cpaas.gateway.buffer import Buffer, OpenItem


async def work_apart(
    buffer: Buffer,
    work: Callable[[Buffer], Awaitable[None]],
    bury: Callable[[OpenItem, Exception], Awaitable[None]],
) -> Buffer:
    """Works each open item in a buffer of its own; returns what is left of the others.

    Errors: trouble that passes ends it, and what was not worked comes back when its lease ends.
    """
    kept = Buffer()
    for one in list(buffer):
        alone = Buffer()
        alone.add(one)
        try:
            await work(alone)
        except Exception as error:
            if is_passing(error):
                raise
            await bury(one, error)
            continue
        for left in alone:
            kept.add(left)
    return kept
