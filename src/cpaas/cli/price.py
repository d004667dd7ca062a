"""Sets and shows prices: an account's, and the defaults that new accounts get a copy of."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Set and show prices.")
Account = Annotated[str, typer.Option(help="Account; left out: the default of new accounts.")]

Category = Annotated[
    str, typer.Option(help="WhatsApp: UIC, MIC, SIC, AUTH, AUTH_INT; voice: minute, call.")
]
Country = Annotated[str, typer.Option(help="Only numbers of this country, such as IN.")]
Prefix = Annotated[str, typer.Option(help="Only numbers that start so, such as 91.")]


@app.command(name="set")
def set_(
    amount: Annotated[str, typer.Argument(help="Price of a unit, such as 0.12; 0 is free.")],
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    account: Account = "",
    *,
    category: Category = "",
    country: Country = "",
    prefix: Prefix = "",
    json: output.Json = False,
) -> None:
    """Set a price; messages accepted from now on pay it. The longest prefix wins, then country."""
    from cpaas.billing import check, prices
    from cpaas.cli import acting
    from cpaas.kit import money

    micro = check.price(check.amount(amount))

    async def work(connection: Any) -> None:
        await prices.set_price(
            connection,
            await acting.account_id(connection, account),
            channel,
            micro,
            category=category,
            country=country,
            prefix=prefix,
        )

    acting.change(work)
    if json:
        output.emit(
            {"account": account, "channel": channel, "category": check.category(channel, category),
             "country": check.country(country), "prefix": check.prefix(prefix),
             "amount": money.show(micro)}
        )  # fmt: skip
    else:
        what = " ".join(filter(None, (channel, category, country, prefix)))
        whose = account or "new accounts"
        output.text(f"{what} costs {whose} {money.show(micro)} {output.settings().currency}")


@app.command()
def delete(
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    account: Account = "",
    category: Category = "",
    country: Country = "",
    prefix: Prefix = "",
    json: output.Json = False,
) -> None:
    """Take a price away; its numbers pay the next one that fits, or cannot be sent to."""
    from cpaas.billing import prices
    from cpaas.cli import acting

    async def work(connection: Any) -> None:
        await prices.delete_price(
            connection, await acting.account_id(connection, account), channel,
            category=category, country=country, prefix=prefix,
        )  # fmt: skip

    acting.change(work)
    if json:
        output.emit({"account": account, "channel": channel, "deleted": True})
    else:
        output.text("the price is gone")


@app.command(name="list")
def list_(account: Account = "", json: output.Json = False) -> None:
    """Show the prices of an account, or the defaults."""
    from cpaas.billing import queries
    from cpaas.billing.types import PriceRow
    from cpaas.cli import acting
    from cpaas.kit import money

    async def work(connection: Any) -> list[PriceRow]:
        return await queries.prices(connection, await acting.account_id(connection, account))

    rows = [
        {"account": r.account, "channel": r.channel, "category": r.category,
         "country": r.country, "prefix": r.prefix,
         "amount": money.show(r.amount_micro)}
        for r in acting.look(work)
    ]  # fmt: skip
    if json:
        output.emit({"prices": rows, "currency": output.settings().currency})
        return
    output.table(
        ("channel", "category", "country", "prefix", "price"),
        [(r["channel"], r["category"], r["country"], r["prefix"], r["amount"]) for r in rows],
    )
