"""Makes, changes and removes strategies: how rules choose among several routes."""

from typing import Annotated, Any

import msgspec
import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Choose among several routes.")
Name = Annotated[str, typer.Argument(help="The strategy's name, such as india.")]
KIND_HELP = "failover, round_robin, weighted, least_cost, best_delivery, sticky or time_of_day."
ROUTE_HELP = (
    "A route, in order: NAME, NAME:WEIGHT, or for time_of_day NAME@09:00-21:00 or "
    "NAME@mon-fri,09:00-21:00."
)
Overflow = Annotated[
    bool | None,
    typer.Option("--overflow/--no-overflow", help="A full route lets the next one take over."),
]
NoReceipt = Annotated[
    str | None,
    typer.Option(help="Whose messages go on without a receipt: off, otp (as a rule) or all."),
]
NoReceiptSeconds = Annotated[
    int | None, typer.Option(help="How long a receipt is waited for; 60 as a rule.")
]
Settings = Annotated[
    str | None, typer.Option(help='best_delivery\'s limits, as JSON: {"step": 5}.')
]


@app.command()
def create(  # noqa: PLR0913 one option per field of the screen
    name: Name,
    *,
    kind: Annotated[str, typer.Option(help=KIND_HELP)],
    route: Annotated[list[str], typer.Option(help=ROUTE_HELP)],
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    overflow: Overflow = None,
    no_receipt: NoReceipt = None,
    no_receipt_seconds: NoReceiptSeconds = None,
    settings: Settings = None,
    inactive: Annotated[bool, typer.Option("--inactive", help="Leave it off.")] = False,
    json: output.Json = False,
) -> None:
    """Make a strategy; a rule leads to it by --strategy."""
    from cpaas.cli import acting
    from cpaas.routes import strategies
    from cpaas.routes.types import NewStrategy, StrategyRow

    wanted = NewStrategy(
        name=name, channel=channel, kind=kind, members=[_member(one) for one in route],
        active=not inactive, overflow=overflow is not False, no_receipt=no_receipt or "otp",
        no_receipt_seconds=60 if no_receipt_seconds is None else no_receipt_seconds,
        settings=_document(settings) or {},
    )  # fmt: skip

    async def work(connection: Any) -> StrategyRow:
        return await strategies.create_strategy(connection, wanted)

    _show(acting.change(work), json=json)


@app.command()
def update(  # noqa: PLR0913 one option per field of the screen
    name: Name,
    *,
    kind: Annotated[str | None, typer.Option(help=KIND_HELP)] = None,
    route: Annotated[
        list[str] | None, typer.Option(help=f"All of its routes anew. {ROUTE_HELP}")
    ] = None,
    overflow: Overflow = None,
    no_receipt: NoReceipt = None,
    no_receipt_seconds: NoReceiptSeconds = None,
    settings: Settings = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="On or off.")] = None,
    json: output.Json = False,
) -> None:
    """Change a strategy; what is accepted from now on obeys."""
    from cpaas.cli import acting
    from cpaas.routes import strategies
    from cpaas.routes.types import StrategyChanges, StrategyRow

    changes = StrategyChanges(
        kind=kind, members=[_member(one) for one in route] if route else None, active=active,
        overflow=overflow, no_receipt=no_receipt, no_receipt_seconds=no_receipt_seconds,
        settings=_document(settings),
    )  # fmt: skip

    async def work(connection: Any) -> StrategyRow:
        return await strategies.change_strategy(connection, name, changes)

    _show(acting.change(work), json=json)


@app.command(name="list")
def list_(
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    json: output.Json = False,
) -> None:
    """Show all strategies with their routes."""
    from cpaas.cli import acting
    from cpaas.routes import strategy_queries
    from cpaas.routes.types import StrategyRow

    async def work(connection: Any) -> list[StrategyRow]:
        return await strategy_queries.strategies(connection, channel=channel)

    rows = acting.look(work)
    if json:
        output.emit({"strategies": rows})
        return
    output.table(
        ("name", "channel", "kind", "active", "routes", "rules"),
        [(r.name, r.channel, r.kind, r.active, _routes(r), r.rules) for r in rows],
    )


@app.command()
def show(name: Name, json: output.Json = False) -> None:
    """Show one strategy, its routes and their weights now."""
    from cpaas.cli import acting
    from cpaas.routes import strategies
    from cpaas.routes.types import StrategyRow

    async def work(connection: Any) -> StrategyRow:
        return await strategies.strategy_named(connection, name)

    _show(acting.look(work), json=json)


@app.command()
def history(
    name: Name,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show what best delivery changed and why, newest first."""
    from cpaas.cli import acting
    from cpaas.routes import strategies, strategy_queries
    from cpaas.routes.types import ChangeRow

    async def work(connection: Any) -> list[ChangeRow]:
        row = await strategies.strategy_named(connection, name)
        return await strategy_queries.strategy_changes(connection, row.id, limit)

    rows = acting.look(work)
    if json:
        output.emit({"name": name, "changes": rows})
        return
    output.table(
        ("time", "why", "reason", "points"),
        [(r.at.isoformat(timespec="seconds"), r.kind, r.reason, _points(r)) for r in rows],
    )


@app.command()
def delete(name: Name, json: output.Json = False) -> None:
    """Remove a strategy that no rule leads to any more."""
    from cpaas.cli import acting
    from cpaas.routes import strategies

    async def work(connection: Any) -> None:
        await strategies.delete_strategy(connection, name)

    acting.change(work)
    if json:
        output.emit({"name": name, "deleted": True})
    else:
        output.text(f"strategy {name} is gone")


def _member(text: str) -> Any:
    """A member from NAME[:WEIGHT][@DAYS,HOURS…]."""
    from cpaas.routes.types import NewMember

    head, _, when = text.partition("@")
    route, colon, weight = head.partition(":")
    if colon and not (weight.isascii() and weight.isdigit()):
        raise output.CliError(f"{weight!r} is no weight", f"write it like {route}:70")
    parts = [part.strip() for part in when.split(",") if part.strip()]
    return NewMember(
        route=route, weight=int(weight) if colon else 1,
        days=[part for part in parts if not part[0].isdigit()],
        hours=[part for part in parts if part[0].isdigit()],
    )  # fmt: skip


def _points(row: Any) -> str:
    moved = zip(row.routes, row.before, row.after, strict=True)
    return ", ".join(f"{name} {old} -> {new}" for name, old, new in moved if old != new)


def _document(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise output.CliError(
            f"--settings is no JSON object: {error}", """write it like '{"step": 5}'"""
        ) from error


def _routes(row: Any) -> str:
    return ", ".join(
        f"{one.route}:{one.share}" if row.kind in {"weighted", "best_delivery"} else one.route
        for one in row.members
    )


def _show(row: Any, *, json: bool) -> None:
    if json:
        output.emit(row)
        return
    facts = [(k, v) for k, v in msgspec.to_builtins(row).items() if k != "members" and v != {}]
    output.table(("what", "value"), facts)
    output.table(
        ("position", "route", "weight", "now", "active", "days", "hours"),
        [
            (m.position, m.route, m.weight, m.share, m.active, " ".join(m.days), " ".join(m.hours))
            for m in row.members
        ],
    )
