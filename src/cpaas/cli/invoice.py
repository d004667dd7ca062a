"""Issues invoices, writes them as PDF, and says who sells and who buys."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cpaas.cli import output
from cpaas.kit.errors import InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Invoices and their parties.")
Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]
Legal = Annotated[str | None, typer.Option("--legal-name", help="Registered name.")]
Address = Annotated[str | None, typer.Option(help=r"Address; \n begins a new line.")]
Country = Annotated[str | None, typer.Option(help="Two letters, such as IN.")]
TaxId = Annotated[str | None, typer.Option(help="GSTIN, VAT number or the like.")]
_CHUNK = 500


@app.command()
def seller(  # noqa: PLR0913 - options
    *,
    legal_name: Legal = None,
    address: Address = None,
    country: Country = None,
    tax_id: TaxId = None,
    tax: Annotated[str | None, typer.Option(help="Name of the tax: GST, VAT …")] = None,
    rate: Annotated[str | None, typer.Option(help="Percent, such as 18 or 7.5.")] = None,
    included: Annotated[
        bool | None,
        typer.Option("--included/--on-top", help="Whether prices hold the tax already."),
    ] = None,
    service_code: Annotated[str | None, typer.Option(help="HSN or SAC code.")] = None,
    prefix: Annotated[str | None, typer.Option(help="How invoice numbers begin.")] = None,
    json: output.Json = False,
) -> None:
    """Show or set who invoices, and the tax; what is left out stays."""
    from cpaas.billing import parties
    from cpaas.billing.invoice_types import Seller
    from cpaas.cli import acting

    given: dict[str, Any] = {
        "tax_label": tax, "tax_rate_bp": None if rate is None else _rate(rate),
        "tax_included": included, "service_code": service_code, "prefix": prefix,
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    party = _party(legal_name, address, country, tax_id)

    async def work(connection: Any) -> Seller:
        now = await parties.get_seller(connection)
        if not changes and not party:
            return now
        wanted = msgspec.structs.replace(
            now, party=msgspec.structs.replace(now.party, **party), **changes
        )
        return await parties.put_seller(connection, wanted)

    _show(msgspec.to_builtins(acting.change(work)), json=json)


@app.command()
def buyer(
    name: Name,
    *,
    legal_name: Legal = None,
    address: Address = None,
    country: Country = None,
    tax_id: TaxId = None,
    json: output.Json = False,
) -> None:
    """Show or set what an account's invoices say about it; what is left out stays."""
    from cpaas.billing import parties
    from cpaas.billing.invoice_types import Party
    from cpaas.cli import acting

    changes = _party(legal_name, address, country, tax_id)

    async def work(connection: Any) -> Party:
        account = await acting.account_named(connection, name)
        now = await parties.get_buyer(connection, account.id)
        if not changes:
            return now
        wanted = msgspec.structs.replace(now, **changes)
        return await parties.put_buyer(connection, account.id, wanted)

    _show(msgspec.to_builtins(acting.change(work)), json=json)


@app.command()
def issue(
    month: Annotated[str, typer.Argument(help="Such as 2026-11.", show_default=False)],
    account: Annotated[str, typer.Option(help="Only this account's.")] = "",
    json: output.Json = False,
) -> None:
    """Issue a closed month's invoices; what is issued already stays as it is."""
    from cpaas.billing import invoices
    from cpaas.cli import acting

    here = output.settings()

    async def work(connection: Any) -> tuple[list[Any], list[tuple[str, str]]]:
        made, left = [], []
        for account_id, name in await _of(connection, month, account):
            try:
                made.append(
                    await invoices.issue(
                        connection, account_id, month, timezone=here.timezone,
                        currency=here.currency, by=acting.actor(),
                    )
                )  # fmt: skip
            except InputError as error:
                if account or error.field == "seller":
                    raise
                left.append((name, error.what))
        return made, left

    made, left = acting.look(work)
    rows = [_row(one) for one in made]
    if json:
        output.emit({"invoices": rows, "left_out": [{"account": a, "why": w} for a, w in left]})
        return
    output.table(("number", "month", "total", "tax"), [_cells(one) for one in rows])
    for name, why in left:
        output.step(f"{name}: {why}")


@app.command(name="list")
def list_(name: Name, json: output.Json = False) -> None:
    """Show an account's invoices, newest first."""
    from cpaas.billing import invoice_queries
    from cpaas.cli import acting

    async def work(connection: Any) -> list[Any]:
        account = await acting.account_named(connection, name)
        return await invoice_queries.invoices(connection, account.id)

    rows = [_row(one) for one in acting.look(work)]
    if json:
        output.emit({"account": name, "invoices": rows})
    else:
        output.table(("number", "month", "total", "tax"), [_cells(one) for one in rows])


@app.command()
def pdf(
    number: Annotated[str, typer.Argument(help="The invoice's number.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The file; NUMBER.pdf if left out.")] = None,
    json: output.Json = False,
) -> None:
    """Write an invoice as PDF, the same bytes each time."""
    from cpaas.billing import invoice_queries, invoices
    from cpaas.billing.paper import invoice_pdf
    from cpaas.cli import acting

    async def work(connection: Any) -> Any:
        found = await invoice_queries.by_number(connection, number)
        return None if found is None else await invoices.content(connection, *found)

    found = acting.look(work)
    if found is None:
        raise output.CliError(f"there is no invoice {number!r}", "list them: cpaas invoice list")
    path = out or Path(f"{found.number}.pdf")
    path.write_bytes(invoice_pdf(found))
    if json:
        output.emit({"number": found.number, "file": str(path)})
    else:
        output.text(f"{found.number} is in {path}")


async def _of(connection: Any, month: str, account: str) -> list[tuple[int, str]]:
    from cpaas.billing import check, invoice_queries
    from cpaas.cli import acting

    check.month(month)
    if account:
        return [((await acting.account_named(connection, account)).id, account)]
    found: list[tuple[int, str]] = []
    while True:
        after = found[-1][0] if found else 0
        page = await invoice_queries.accounts_without(connection, month, after=after, most=_CHUNK)
        found += page
        if len(page) < _CHUNK:
            return found


def _party(
    legal_name: str | None, address: str | None, country: str | None, tax_id: str | None
) -> dict[str, Any]:
    given = {
        "legal_name": legal_name, "country": country, "tax_id": tax_id,
        "address": None if address is None else address.replace("\\n", "\n"),
    }  # fmt: skip
    return {key: value for key, value in given.items() if value is not None}


def _rate(text: str) -> int:
    try:
        value = Decimal(text.strip().removesuffix("%")) * 100
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value != value.to_integral_value() or value < 0:
        raise InputError(f"{text!r} is no tax rate", "write it like 18 or 7.5", "rate")
    return int(value)


def _row(one: Any) -> dict[str, Any]:
    from cpaas.kit import money

    return {
        "number": one.number, "month": one.month, "total": money.show(one.total_micro),
        "tax": money.show(one.tax_micro), "currency": one.currency,
    }  # fmt: skip


def _cells(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in ("number", "month", "total", "tax")]


def _show(values: dict[str, Any], *, json: bool) -> None:
    if json:
        output.emit(values)
        return
    flat = {**values.pop("party", {}), **values}
    output.table(("what", "value"), list(flat.items()))
