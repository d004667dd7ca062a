"""Makes, switches and removes routing rules: which messages take which route."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Say which messages take which route."
)
Id = Annotated[int, typer.Argument(help="The rule's id; see `rule list`.")]


@app.command()
def create(  # noqa: PLR0913 one option per field of the screen
    *,
    route: Annotated[str, typer.Option(help="Route to take.")],
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    account: Annotated[str, typer.Option(help="Account, or ALL.")] = "ALL",
    priority: Annotated[int, typer.Option(help="Lower number goes first.")] = 100,
    prefix: Annotated[list[str] | None, typer.Option(help="Number's start, such as 91.")] = None,
    sender: Annotated[list[str] | None, typer.Option(help="Only this sender.")] = None,
    traffic_class: Annotated[
        list[str] | None, typer.Option(help="otp, transactional or promotional.")
    ] = None,
    inactive: Annotated[bool, typer.Option("--inactive", help="Leave it off.")] = False,
    json: output.Json = False,
) -> None:
    """Make a rule; the first matching one wins."""
    from cpaas.cli import acting
    from cpaas.routes import rules
    from cpaas.routes.types import NewRule

    async def work(connection: Any) -> int:
        rule = NewRule(
            channel=channel,
            route=route,
            account_id=await acting.account_id(connection, account),
            priority=priority,
            active=not inactive,
            prefixes=prefix or [],
            senders=sender or [],
            lanes=traffic_class or [],
        )
        return await rules.create_rule(connection, rule)

    made = acting.change(work)
    if json:
        output.emit(
            {"id": made, "account": account or "ALL", "channel": channel, "route": route,
             "priority": priority, "active": not inactive}
        )  # fmt: skip
    else:
        output.text(f"rule {made}: {channel} of {account or 'ALL'} takes {route}")


@app.command(name="list")
def list_(
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    json: output.Json = False,
) -> None:
    """Show all rules in the order in which they are tried."""
    from cpaas.cli import acting
    from cpaas.routes import queries
    from cpaas.routes.types import RuleRow

    async def work(connection: Any) -> list[RuleRow]:
        return await queries.rules(connection, channel=channel)

    rows = acting.look(work)
    if json:
        output.emit({"rules": rows})
        return
    output.table(
        ("id", "account", "channel", "route", "priority", "active", "prefixes", "senders", "class"),
        [
            (r.id, r.account, r.channel, r.route, r.priority, r.active, ", ".join(r.prefixes),
             ", ".join(r.senders), ", ".join(r.lanes))
            for r in rows
        ],
    )  # fmt: skip


@app.command()
def on(rule: Id, json: output.Json = False) -> None:
    """Switch a rule on."""
    _switch(rule, active=True, json=json)


@app.command()
def off(rule: Id, json: output.Json = False) -> None:
    """Switch a rule off."""
    _switch(rule, active=False, json=json)


@app.command()
def delete(rule: Id, json: output.Json = False) -> None:
    """Remove a rule."""
    from cpaas.cli import acting
    from cpaas.routes import rules

    async def work(connection: Any) -> None:
        await rules.delete_rule(connection, rule)

    acting.change(work)
    if json:
        output.emit({"id": rule, "deleted": True})
    else:
        output.text(f"rule {rule} is gone")


def _switch(rule: int, *, active: bool, json: bool) -> None:
    from cpaas.cli import acting
    from cpaas.routes import rules

    async def work(connection: Any) -> None:
        await rules.switch_rule(connection, rule, active=active)

    acting.change(work)
    if json:
        output.emit({"id": rule, "active": active})
    else:
        output.text(f"rule {rule} is {'on' if active else 'off'}")
