"""Money: the balance, and every movement behind it."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.params import Parameter

from cpaas.api import queries
from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.times import cursor_of, iso, read_cursor
from cpaas.kit.money import show

LIMIT_MAX: Final = 200
_HIGHEST: Final = 2**63 - 1
_CURSOR_BYTES: Final = 8


class Balance(msgspec.Struct, frozen=True):
    """What can be spent: the balance, and what a credit limit adds."""

    balance: str
    credit_limit: str
    currency: str


class LedgerEntry(msgspec.Struct, frozen=True):
    """One movement of money; the sum of all amounts is the balance."""

    id: int
    kind: str
    amount: str
    currency: str
    message_id: str | None
    note: str
    created_at: str | None


class Ledger(msgspec.Struct, frozen=True):
    """One page of the ledger, newest first."""

    data: list[LedgerEntry]
    next_cursor: str | None


@get("/v1/balance", summary="Read the balance", tags=["Money"])
async def get_balance(api: Api, caller: Caller) -> Balance:
    """The account's balance and credit limit."""
    row = await queries.wallet(api.pool, caller.account.id)
    balance, limit = (0, 0) if row is None else row
    return Balance(show(balance), show(limit), api.currency)


@get("/v1/ledger", summary="Read the ledger", tags=["Money"])
async def get_ledger(
    api: Api,
    caller: Caller,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> Ledger:
    """Every movement of money of the account, newest first."""
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else _HIGHEST
    rows = await queries.ledger(
        api.pool, caller.account.id, below=min(below, _HIGHEST), limit=limit + 1
    )
    page = rows[:limit]
    data = [
        LedgerEntry(
            row["id"], row["kind"], show(row["amount_micro"]), api.currency,
            str(UUID(bytes=row["message_id"])) if row["message_id"] else None, row["note"],
            iso(row["created_at"]),
        )
        for row in page
    ]  # fmt: skip
    more = len(rows) > limit
    after = cursor_of(page[-1]["id"].to_bytes(_CURSOR_BYTES, "big")) if more else None
    return Ledger(data, after)


HANDLERS: Final = [get_balance, get_ledger]
