"""Requests for balance: what accounts ask for, granted or declined."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Requests for balance.")
Id = Annotated[int, typer.Argument(help="The request's id.", show_default=False)]


@app.command(name="list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Also those decided.")] = False,
    json: output.Json = False,
) -> None:
    """Show the requests that wait, newest first."""
    from cpaas.billing import top_up_queries
    from cpaas.cli import acting

    status = "" if every else "PENDING"
    found = acting.look(lambda c: top_up_queries.of_all(c, status=status, most=500))
    rows = [_row(one) for one in found]
    if json:
        output.emit({"top_ups": rows})
        return
    columns = ("id", "account", "amount", "status", "note", "reason")
    output.table(columns, [[row[column] for column in columns] for row in rows])


@app.command()
def grant(
    request: Id,
    amount: Annotated[str, typer.Option(help="Another amount than was asked for.")] = "",
    note: Annotated[str, typer.Option(help="For the ledger and the account.")] = "",
    json: output.Json = False,
) -> None:
    """Credit what was asked for."""
    from cpaas.billing import check, top_ups
    from cpaas.cli import acting

    micro = check.positive(check.amount(amount)) if amount else None
    made = acting.change(
        lambda c: top_ups.grant(c, request, by=acting.actor(), amount_micro=micro, note=note)
    )
    _tell(_row(made), json=json)


@app.command()
def decline(
    request: Id,
    reason: Annotated[str, typer.Option(help="Why; the account reads it.")],
    json: output.Json = False,
) -> None:
    """Say no, with a reason."""
    from cpaas.billing import top_ups
    from cpaas.cli import acting

    made = acting.change(lambda c: top_ups.decline(c, request, by=acting.actor(), reason=reason))
    _tell(_row(made), json=json)


def _row(one: Any) -> dict[str, Any]:
    from cpaas.kit import money

    return {
        "id": one.id, "account": one.account, "amount": money.show(one.amount_micro),
        "status": one.status, "note": one.note, "asked_by": one.asked_by,
        "granted": money.show(one.granted_micro), "reason": one.reason,
    }  # fmt: skip


def _tell(row: dict[str, Any], *, json: bool) -> None:
    if json:
        output.emit(row)
    else:
        output.text(f"request {row['id']} of {row['account']} is {row['status']}")
