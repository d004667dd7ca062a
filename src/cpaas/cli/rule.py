"""Makes, changes, switches and removes routing rules: which messages take which route."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Say which messages take which route."
)
Id = Annotated[int, typer.Argument(help="The rule's id; see `rule list`.")]
Some = list[str] | None
Account = Annotated[str, typer.Option(help="Account, or ALL.")]
Priority = Annotated[int, typer.Option(help="Lower number goes first.")]
Route = Annotated[str, typer.Option(help="Route to take.")]
Strategy = Annotated[str, typer.Option(help="Strategy to take instead of a route.")]
Prefix = Annotated[Some, typer.Option(help="Number's start, such as 91.")]
Country = Annotated[Some, typer.Option(help="Country of the number, such as IN.")]
Sender = Annotated[Some, typer.Option(help="Only this sender.")]
Template = Annotated[Some, typer.Option(help="Only this template.")]
TrafficClass = Annotated[Some, typer.Option(help="otp, transactional or promotional.")]
Days = Annotated[Some, typer.Option("--day", help="Only on this day, such as mon or mon-fri.")]
Hours = Annotated[Some, typer.Option(help="Only then, in the platform's zone: 09:00-21:00.")]


@app.command()
def create(  # noqa: PLR0913 one option per field of the screen
    *,
    route: Route = "",
    strategy: Strategy = "",
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    account: Account = "ALL",
    priority: Priority = 100,
    prefix: Prefix = None,
    country: Country = None,
    sender: Sender = None,
    template: Template = None,
    traffic_class: TrafficClass = None,
    day: Days = None,
    hours: Hours = None,
    inactive: Annotated[bool, typer.Option("--inactive", help="Leave it off.")] = False,
    json: output.Json = False,
) -> None:
    """Make a rule; the first matching one wins."""
    from cpaas.cli import acting
    from cpaas.routes import rules
    from cpaas.routes.types import NewRule

    async def work(connection: Any) -> int:
        rule = NewRule(
            channel=channel, route=route, strategy=strategy,
            account_id=await acting.account_id(connection, account), priority=priority,
            active=not inactive, prefixes=prefix or [], countries=country or [],
            senders=sender or [], templates=template or [], lanes=traffic_class or [],
            days=day or [], hours=hours or [],
        )  # fmt: skip
        return await rules.create_rule(connection, rule)

    made = acting.change(work)
    if json:
        output.emit(
            {"id": made, "account": account or "ALL", "channel": channel, "route": route,
             "strategy": strategy, "priority": priority, "active": not inactive}
        )  # fmt: skip
    else:
        target = f"strategy {strategy}" if strategy else route
        output.text(f"rule {made}: {channel} of {account or 'ALL'} takes {target}")


@app.command()
def update(  # noqa: PLR0913 one option per field of the screen
    rule: Id,
    *,
    route: Annotated[str | None, typer.Option(help="Route to take.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Strategy to take.")] = None,
    account: Annotated[str | None, typer.Option(help="Account, or ALL.")] = None,
    priority: Annotated[int | None, typer.Option(help="Lower number goes first.")] = None,
    prefix: Prefix = None,
    country: Country = None,
    sender: Sender = None,
    template: Template = None,
    traffic_class: TrafficClass = None,
    day: Days = None,
    hours: Hours = None,
    any_: Annotated[
        Some,
        typer.Option(
            "--any", help="Lift a condition: prefix, country, sender, template, class or hours."
        ),
    ] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="On or off.")] = None,
    json: output.Json = False,
) -> None:
    """Change a rule; what is routed from now on obeys."""
    from cpaas.cli import acting
    from cpaas.routes import rules
    from cpaas.routes.types import RuleChanges, RuleRow

    conditions: dict[str, Any] = {
        "prefixes": prefix, "countries": country, "senders": sender, "templates": template,
        "lanes": traffic_class, "days": day, "hours": hours,
    } | _lifted(any_ or [])  # fmt: skip

    async def work(connection: Any) -> RuleRow:
        account_id = None
        if account is not None:
            account_id = await acting.account_id(connection, account) or 0
        changes = RuleChanges(
            route=route, strategy=strategy, account_id=account_id, priority=priority,
            active=active, **conditions,
        )  # fmt: skip
        return await rules.change_rule(connection, rule, changes)

    _show(acting.change(work), json=json)


@app.command(name="list")
def list_(
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    json: output.Json = False,
) -> None:
    """Show all rules in the order in which they are tried."""
    from cpaas.cli import acting
    from cpaas.routes import rule_queries
    from cpaas.routes.types import RuleRow

    async def work(connection: Any) -> list[RuleRow]:
        return await rule_queries.rules(connection, channel=channel)

    rows = acting.look(work)
    if json:
        output.emit({"rules": rows})
        return
    output.table(
        ("id", "account", "channel", "takes", "priority", "active", "conditions"),
        [
            (r.id, r.account, r.channel, _target(r), r.priority, r.active, _conditions(r))
            for r in rows
        ],
    )


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


_LIFTED = {
    "prefix": ("prefixes",), "country": ("countries",), "sender": ("senders",),
    "template": ("templates",), "class": ("lanes",), "hours": ("days", "hours"),
}  # fmt: skip


def _lifted(names: list[str]) -> dict[str, list[str]]:
    for name in names:
        if name not in _LIFTED:
            raise output.CliError(f"{name!r} is no condition", f"use one of {', '.join(_LIFTED)}")
    return {field: [] for name in names for field in _LIFTED[name]}


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


def _target(row: Any) -> str:
    return row.route or f"strategy {row.strategy}"


def _conditions(row: Any) -> str:
    named = {
        "prefix": row.prefixes, "country": row.countries, "sender": row.senders,
        "template": row.templates, "class": row.lanes, "on": row.days, "at": row.hours,
    }  # fmt: skip
    return "; ".join(f"{name} {'/'.join(values)}" for name, values in named.items() if values)


def _show(row: Any, *, json: bool) -> None:
    if json:
        output.emit(row)
    else:
        output.text(
            f"rule {row.id} (priority {row.priority}, {'on' if row.active else 'off'}):"
            f" {row.channel} of {row.account} takes {_target(row)} {_conditions(row)}".strip()
        )
