"""Sets and shows what carriers take for a unit, by route and the number's start."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Say what carriers take.")
Route = Annotated[str, typer.Argument(help="The route's name.", show_default=False)]
Prefix = Annotated[str, typer.Option(help="Number's start, such as 91; left out: every number.")]


@app.command(name="set")
def set_(
    route: Route,
    amount: Annotated[str, typer.Argument(help="Carrier's price of a unit, such as 0.03.")],
    prefix: Prefix = "",
    json: output.Json = False,
) -> None:
    """Set the carrier's price; the longest prefix wins, then the route's own cost."""
    from cpaas.billing import check
    from cpaas.cli import acting
    from cpaas.kit import money
    from cpaas.routes import costs

    micro = check.amount(amount)

    async def work(connection: Any) -> None:
        await costs.set_cost(connection, route, micro, prefix=prefix)

    acting.change(work)
    if json:
        output.emit({"route": route, "prefix": check.prefix(prefix), "amount": money.show(micro)})
    else:
        where = f" for {prefix}" if prefix else ""
        output.text(f"{route} costs {money.show(micro)} a unit{where}")


@app.command(name="list")
def list_(
    route: Annotated[str, typer.Argument(help="Only this route.", show_default=False)] = "",
    json: output.Json = False,
) -> None:
    """Show carriers' prices by prefix."""
    from cpaas.cli import acting
    from cpaas.kit import money
    from cpaas.routes import queries
    from cpaas.routes.types import CostRow

    async def work(connection: Any) -> list[CostRow]:
        return await queries.costs(connection, route=route)

    rows = [
        {"route": r.route, "prefix": r.prefix, "amount": money.show(r.amount_micro)}
        for r in acting.look(work)
    ]
    if json:
        output.emit({"costs": rows, "currency": output.settings().currency})
    else:
        output.table(("route", "prefix", "cost"), [tuple(row.values()) for row in rows])


@app.command()
def delete(route: Route, prefix: Prefix = "", json: output.Json = False) -> None:
    """Forget the carrier's price for a prefix."""
    from cpaas.cli import acting
    from cpaas.routes import costs

    async def work(connection: Any) -> None:
        await costs.delete_cost(connection, route, prefix)

    acting.change(work)
    if json:
        output.emit({"route": route, "prefix": prefix, "deleted": True})
    else:
        output.text(f"{route} has no cost of its own for {prefix or 'every number'} any more")
