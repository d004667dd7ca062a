"""Money for what costs more the longer it takes: reserved for the longest, settled at the end.

RESERVE takes the most it can cost; CAPTURE gives back what was not used. A reservation is settled
once, by a capture or by a refund; asked again, nothing moves.
"""

from typing import Any

import msgspec

from cpaas.billing import reserve_queries as queries
from cpaas.kit import money


class Reserved(msgspec.Struct, frozen=True):
    """ok: the money is set aside. low: the balance if it fell below its mark, else None."""

    ok: bool
    low: tuple[int, int] | None = None


async def reserve(
    connection: Any, account_id: int, message_id: Any, most_micro: int, *, actor: str
) -> Reserved:
    """Sets money aside in the caller's transaction, if balance and credit limit allow it.

    A second call for the same message sets nothing aside again.
    """
    if most_micro <= 0:
        raise ValueError("a reservation is above 0")
    wallet = await queries.lock(connection, account_id)
    if wallet is None:
        return Reserved(ok=False)
    if "RESERVE" in await queries.booked(connection, account_id, message_id):
        return Reserved(ok=True)
    balance, limit, mark = wallet
    after = balance - most_micro
    if after < -limit:
        return Reserved(ok=False)
    await queries.book(
        connection, account_id, "RESERVE", -most_micro, message_id, 1, note="", actor=actor
    )
    return Reserved(ok=True, low=(after, mark) if after < mark <= balance else None)


async def capture(
    connection: Any, account_id: int, message_id: Any, used_micro: int, *, actor: str
) -> int:
    """Settles a reservation in the caller's transaction; returns the micro-units given back.

    More than was reserved is never taken. A message that is settled already gets nothing.
    """
    if used_micro < 0:
        raise ValueError("what was used cannot be negative")
    await queries.lock(connection, account_id)
    booked = await queries.booked(connection, account_id, message_id)
    reserved = -booked.get("RESERVE", 0)
    if not reserved or "CAPTURE" in booked or "REFUND" in booked:
        return 0
    used = min(used_micro, reserved)
    note = f"used {money.show(used)} of {money.show(reserved)} reserved"
    if used_micro > reserved:
        note += f"; it would have cost {money.show(used_micro)}"
    await queries.book(
        connection, account_id, "CAPTURE", reserved - used, message_id, 1, note=note, actor=actor
    )
    await queries.set_price(connection, account_id, message_id, used)
    return reserved - used


async def release(
    connection: Any, account_id: int, message_id: Any, *, note: str, actor: str
) -> int:
    """Gives a whole reservation back in the caller's transaction; returns the micro-units."""
    await queries.lock(connection, account_id)
    booked = await queries.booked(connection, account_id, message_id)
    reserved = -booked.get("RESERVE", 0)
    if not reserved or "CAPTURE" in booked or "REFUND" in booked:
        return 0
    await queries.book(
        connection, account_id, "REFUND", reserved, message_id, 1, note=note, actor=actor
    )
    return reserved
