"""Money: the balance, every movement behind it, and statements by the month."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, put
from litestar.params import Parameter

from cpaas.api.auth import Caller, require_live
from cpaas.api.context import Api, ApiRequest
from cpaas.api.problem import ProblemError, refused
from cpaas.api.times import cursor_of, iso, message_id, micros, read_cursor
from cpaas.billing import check
from cpaas.billing import queries as money_queries
from cpaas.billing import statement_queries as ledger_queries
from cpaas.billing.statement import statement
from cpaas.billing.wallet import set_low_balance
from cpaas.db.actor import acting
from cpaas.kit.ids import milliseconds
from cpaas.kit.money import show

LIMIT_MAX: Final = 200
_HIGHEST: Final = 2**63 - 1
_CURSOR_BYTES: Final = 8
DEFAULT_TIMEZONE: Final = "Asia/Kolkata"


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
    row = await money_queries.wallet(api.pool, caller.account.id)
    balance, limit = (0, 0) if row is None else row
    return Balance(show(balance), show(limit), api.currency)


class LowBalance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The balance below which `balance.low` is posted, once a crossing; "0" = never."""

    low_balance: str


@get("/v1/balance/alert", summary="Read the low-balance mark", tags=["Money"])
async def get_alert(api: Api, caller: Caller) -> LowBalance:
    """The balance below which the event `balance.low` is posted."""
    async with api.pool.acquire() as connection:
        return LowBalance(show(await money_queries.low_balance_mark(connection, caller.account.id)))


@put("/v1/balance/alert", summary="Set the low-balance mark", tags=["Money"])
async def put_alert(api: Api, caller: Caller, request: ApiRequest, data: LowBalance) -> LowBalance:
    """Sets the balance below which the event `balance.low` is posted; "0" switches it off."""
    require_live(caller, "the low-balance mark")
    mark = check.amount(data.low_balance)
    async with (
        api.pool.acquire() as connection,
        acting(connection, f"key:{caller.key.id}", api.client(request)),
    ):
        await set_low_balance(connection, caller.account.id, mark)
    return LowBalance(show(mark))


class StatementLine(msgspec.Struct, frozen=True):
    """All movements of one kind in the month."""

    kind: str
    entries: int
    amount: str


class MonthStatement(msgspec.Struct, frozen=True):
    """A month: opening + the lines = closing. `closed`: the month is over and stays like this."""

    month: str
    since: str | None = msgspec.field(name="from")
    until: str | None
    currency: str
    opening: str
    lines: list[StatementLine]
    closing: str
    closed: bool


@get("/v1/ledger", summary="Read the ledger", tags=["Money"])
async def get_ledger(  # noqa: PLR0917 - query parameters
    api: Api,
    caller: Caller,
    kind: Annotated[
        str | None, Parameter(description="DEBIT, REFUND, RESERVE, CAPTURE, CREDIT or ADJUST")
    ] = None,
    message: Annotated[
        str | None, Parameter(query="message_id", description="Only this message's")
    ] = None,
    since: Annotated[str | None, Parameter(description="Booked at or after")] = None,
    until: Annotated[str | None, Parameter(description="Booked before")] = None,
    limit: Annotated[int, Parameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, Parameter(description="next_cursor of the page before")] = None,
) -> Ledger:
    """Every movement of money of the account, newest first."""
    wanted = check.ledger_kind(kind) if kind else None
    if message is not None:
        try:
            wanted_id = message_id(message)
        except ProblemError:
            raise refused(
                "validation_error", f"{message[:40]!r} is no message's id.", "message_id"
            ) from None
        return Ledger(await _of_message(api, caller.account.id, wanted_id, wanted), None)
    below = int.from_bytes(read_cursor(cursor, _CURSOR_BYTES), "big") if cursor else _HIGHEST
    since_us = micros(since, "since") if since else None
    async with api.pool.acquire() as connection:
        rows = await ledger_queries.entries(
            connection, caller.account.id, below=min(below, _HIGHEST), kind=wanted,
            lowest_id=await ledger_queries.first_id(connection, since_us) if since_us else 0,
            since_us=since_us, until_us=micros(until, "until") if until else None,
            limit=limit + 1,
        )  # fmt: skip
    page = rows[:limit]
    more = len(rows) > limit
    after = cursor_of(page[-1]["id"].to_bytes(_CURSOR_BYTES, "big")) if more else None
    return Ledger([_entry(row, api.currency) for row in page], after)


async def _of_message(api: Api, account_id: int, key: bytes, kind: str | None) -> list[LedgerEntry]:
    accepted_us = milliseconds(UUID(bytes=key)) * 1000
    async with api.pool.acquire() as connection:
        rows = await ledger_queries.entries_of_message(
            connection, account_id, key,
            lowest_id=await ledger_queries.first_id(connection, accepted_us),
            # Both ends lie an hour wide, which is more than a commit ever takes.
            below_id=await ledger_queries.first_id(
                connection, accepted_us + 2 * ledger_queries.DISORDER_US
            ) + 1,
        )  # fmt: skip
    return [_entry(row, api.currency) for row in rows if kind in (None, row["kind"])]


def _entry(row: Any, currency: str) -> LedgerEntry:
    return LedgerEntry(
        row["id"], row["kind"], show(row["amount_micro"]), currency,
        str(UUID(bytes=row["message_id"])) if row["message_id"] else None, row["note"],
        iso(row["created_us"]),
    )  # fmt: skip


@get("/v1/statements/{month:str}", summary="Read a month's statement", tags=["Money"])
async def get_statement(
    api: Api,
    caller: Caller,
    month: Annotated[str, Parameter(description="Such as 2026-11")],
) -> MonthStatement:
    """What stood at the month's start, every kind of movement, what stands at its end."""
    async with api.pool.acquire() as connection:
        made = await statement(
            connection, caller.account.id, month, now_us=api.now_us(),
            timezone=str(api.snapshots.current.settings.get("timezone", DEFAULT_TIMEZONE)),
        )  # fmt: skip
    return MonthStatement(
        made.month, iso(made.from_us), iso(made.until_us), api.currency,
        show(made.opening_micro),
        [StatementLine(one.kind, one.entries, show(one.amount_micro)) for one in made.lines],
        show(made.closing_micro), made.closed,
    )  # fmt: skip


HANDLERS: Final = [get_balance, get_alert, put_alert, get_ledger, get_statement]
