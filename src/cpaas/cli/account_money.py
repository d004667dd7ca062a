"""An account's money on the command line: book, limit, and show every movement of it.

Each booking stands in the ledger and in the audit log with who made it and why.
"""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cpaas.cli import output

Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]
Note = Annotated[str, typer.Option(help="Why; shown in the ledger.")]
LEDGER_MAX = 10_000


def credit(
    name: Name,
    amount: Annotated[str, typer.Argument(help="Amount, such as 50 or 12.50.")],
    note: Annotated[str, typer.Option(help="What for; shown in the ledger.")] = "",
    once: Annotated[bool, typer.Option(help="Do nothing if this note was booked before.")] = False,
    json: output.Json = False,
) -> None:
    """Add money to an account."""
    from cpaas.billing import check, wallet
    from cpaas.cli import acting

    micro = check.positive(check.amount(amount))

    async def work(connection: Any) -> int:
        account = await acting.account_named(connection, name)
        return await wallet.credit(
            connection, account.id, micro, actor=acting.actor(), note=note, once=once
        )

    _balance(name, acting.change(work), json=json)


def debit(
    name: Name,
    amount: Annotated[str, typer.Argument(help="Amount to take away, such as 12.50.")],
    note: Note = "",
    json: output.Json = False,
) -> None:
    """Take money away, with a reason, as far as the credit limit goes."""
    from cpaas.billing import check, wallet
    from cpaas.cli import acting

    micro = check.positive(check.amount(amount))

    async def work(connection: Any) -> int:
        account = await acting.account_named(connection, name)
        new = await wallet.debit(connection, account.id, micro, actor=acting.actor(), note=note)
        await _tell_if_low(connection, account.id, -micro, new)
        return new

    _balance(name, acting.change(work), json=json)


def adjust(
    name: Name,
    amount: Annotated[str, typer.Argument(help="Amount; negative takes money away.")],
    note: Note = "",
    json: output.Json = False,
) -> None:
    """Correct a balance, with a reason."""
    from cpaas.billing import check, wallet
    from cpaas.cli import acting

    micro = check.amount(amount)

    async def work(connection: Any) -> int:
        account = await acting.account_named(connection, name)
        new = await wallet.adjust(connection, account.id, micro, actor=acting.actor(), note=note)
        await _tell_if_low(connection, account.id, micro, new)
        return new

    _balance(name, acting.change(work), json=json)


def limit(
    name: Name,
    amount: Annotated[str, typer.Argument(help="How far below 0 it may go; 0 = prepaid.")],
    json: output.Json = False,
) -> None:
    """Give an account a credit limit, which makes it postpaid; 0 makes it prepaid."""
    from cpaas.billing import check, wallet
    from cpaas.cli import acting
    from cpaas.kit import money

    micro = check.amount(amount)

    async def work(connection: Any) -> None:
        account = await acting.account_named(connection, name)
        await wallet.set_credit_limit(connection, account.id, micro)

    acting.change(work)
    mode = "postpaid" if micro else "prepaid"
    if json:
        output.emit({"name": name, "billing_mode": mode, "credit_limit": money.show(micro)})
    else:
        output.text(f"{name} is {mode}, credit limit {money.show(micro)} {_currency()}")


def low_balance(
    name: Name,
    amount: Annotated[str, typer.Argument(help="Tell below this balance; 0 = never.")],
    json: output.Json = False,
) -> None:
    """Set the balance below which the webhook balance.low is sent, once a crossing."""
    from cpaas.billing import check, wallet
    from cpaas.cli import acting
    from cpaas.kit import money

    micro = check.amount(amount)

    async def work(connection: Any) -> None:
        account = await acting.account_named(connection, name)
        await wallet.set_low_balance(connection, account.id, micro)

    acting.change(work)
    if json:
        output.emit({"name": name, "low_balance": money.show(micro)})
    else:
        output.text(f"{name} is told below {money.show(micro)} {_currency()}")


def ledger(
    name: Name,
    *,
    kind: Annotated[str, typer.Option(help="DEBIT, REFUND, CREDIT, ADJUST …")] = "",
    days: Annotated[int, typer.Option(help="How far back.", min=1, max=3660)] = 1,
    most: Annotated[int, typer.Option("--limit", help="How many.", min=1, max=LEDGER_MAX)] = 50,
    json: output.Json = False,
) -> None:
    """Show the newest movements of an account's money."""
    from cpaas.billing import check
    from cpaas.billing import statement_queries as queries
    from cpaas.cli import acting
    from cpaas.kit import money

    wanted = check.ledger_kind(kind) if kind else None
    since_us = time.time_ns() // 1000 - days * 86_400_000_000

    async def work(connection: Any) -> list[Any]:
        account = await acting.account_named(connection, name)
        return await queries.entries(
            connection, account.id, below=2**63 - 1, since_us=since_us, until_us=None,
            lowest_id=await queries.first_id(connection, since_us), kind=wanted, limit=most,
        )  # fmt: skip

    rows = [
        {"id": row["id"], "at": _iso(row["created_us"]), "kind": row["kind"],
         "amount": money.show(row["amount_micro"]),
         "message_id": str(row["message_id"] or ""), "note": row["note"], "actor": row["actor"]}
        for row in acting.look(work)
    ]  # fmt: skip
    if json:
        output.emit({"name": name, "entries": rows})
        return
    columns = ("at", "kind", "amount", "message_id", "note", "actor")
    output.table(columns, [[row[column] for column in columns] for row in rows])


def statement(
    name: Name,
    month: Annotated[str, typer.Argument(help="Such as 2026-11; this month if left out.")] = "",
    json: output.Json = False,
) -> None:
    """Show a month: opening balance, every kind of movement, closing balance."""
    from zoneinfo import ZoneInfo

    from cpaas.billing.statement import statement as made
    from cpaas.billing.types import Statement
    from cpaas.cli import acting
    from cpaas.kit import money

    zone = output.settings().timezone
    wanted = month or f"{datetime.now(ZoneInfo(zone)):%Y-%m}"

    async def work(connection: Any) -> Statement:
        account = await acting.account_named(connection, name)
        return await made(
            connection, account.id, wanted, timezone=zone, now_us=time.time_ns() // 1000
        )

    found = acting.look(work)
    lines = [
        {"kind": line.kind, "entries": line.entries, "amount": money.show(line.amount_micro)}
        for line in found.lines
    ]
    if json:
        output.emit(
            {"name": name, "month": found.month, "from": _iso(found.from_us),
             "until": _iso(found.until_us), "currency": _currency(), "closed": found.closed,
             "opening": money.show(found.opening_micro), "lines": lines,
             "closing": money.show(found.closing_micro)}
        )  # fmt: skip
        return
    output.table(
        ("what", "entries", "amount"),
        [
            ("opening", "", money.show(found.opening_micro)),
            *((line["kind"], line["entries"], line["amount"]) for line in lines),
            ("closing" if found.closed else "now", "", money.show(found.closing_micro)),
        ],
    )


async def _tell_if_low(connection: Any, account_id: int, amount: int, balance: int) -> None:
    from cpaas.pipeline.low_balance import tell_of_booking

    defaults: dict[str, object] = {"currency": _currency()}
    now_us = time.time_ns() // 1000
    await tell_of_booking(connection, account_id, amount, balance, defaults, now_us)


def _currency() -> str:
    return output.settings().currency


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")


def _balance(name: str, micro: int, *, json: bool) -> None:
    from cpaas.kit import money

    if json:
        output.emit({"name": name, "balance": money.show(micro)})
    else:
        output.text(f"{name} now has {money.show(micro)} {_currency()}")
