"""Connects the platform to carriers: makes, changes, switches and removes routes."""

from typing import Annotated, Any

import msgspec
import typer

from cpaas.cli import output, route_cost, route_explain, route_http

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Connect to carriers.")
app.add_typer(route_cost.app, name="cost")
app.command()(route_explain.explain)
app.command()(route_http.callback)
Name = Annotated[str, typer.Argument(help="The route's name, such as smpp1.", show_default=False)]


@app.command()
def create(  # noqa: PLR0913 one option per field of the screen
    name: Name,
    *,
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    http: Annotated[
        str, typer.Option(help="SMS: kannel, jasmin or template. Voice: a Calls API's base URL.")
    ] = "",
    host: Annotated[str, typer.Option(help="Carrier's host.")] = "",
    port: Annotated[int, typer.Option(help="Carrier's port.")] = 0,
    sip: Annotated[str, typer.Option(help="Voice: the trunk's HOST or HOST:PORT.")] = "",
    system_id: Annotated[str, typer.Option(help="SMPP system id, SIP user, account sid.")] = "",
    password: Annotated[str, typer.Option(help="Its password or token, kept encrypted.")] = "",
    system_type: Annotated[str, typer.Option(help="SMPP system type.")] = "",
    bind_type: Annotated[str, typer.Option(help="trx, tx or tx_rx.")] = "trx",
    binds: Annotated[int, typer.Option(help="Connections to the carrier.")] = 1,
    window: Annotated[int, typer.Option(help="Requests without answer on one bind.")] = 100,
    tps: Annotated[int, typer.Option(help="Messages a second, 0 = unlimited.")] = 0,
    default_sender: Annotated[str, typer.Option(help="Sender where none is known.")] = "",
    message_id_mode: Annotated[str, typer.Option(help="same, hex_to_dec, dec_to_hex.")] = "same",
    cost: Annotated[str, typer.Option(help="Carrier's price of a unit.")] = "0",
    settings: Annotated[str, typer.Option(help='More, as JSON: {"source_ton": 5}.')] = "{}",
    label: Annotated[str, typer.Option(help="Name for people.")] = "",
    inactive: Annotated[bool, typer.Option("--inactive", help="Leave it off.")] = False,
    json: output.Json = False,
) -> None:
    """Make a route with its queue submit_<name>."""
    from cpaas.billing import check
    from cpaas.cli import acting
    from cpaas.kit.secrets import Keyring
    from cpaas.routes import edit
    from cpaas.routes.types import NewRoute

    dialect, host, port, document = _reached(channel, sip, http, host, port, _document(settings))
    route = NewRoute(
        name=name, channel=channel, dialect=dialect, label=label, host=host, port=port,
        active=not inactive, tps=tps, binds=binds, window_size=window, bind_type=bind_type,
        system_id=system_id, system_type=system_type, password=password,
        default_sender=default_sender, message_id_mode=message_id_mode,
        cost_micro=check.price(check.amount(cost)),
        settings=document,
    )  # fmt: skip
    keyring = Keyring.load_or_make(output.settings().keyring)

    async def work(connection: Any) -> int:
        return await edit.create_route(connection, keyring, route)

    made = acting.change(work)
    if json:
        output.emit({"id": made, "name": name, "queue": f"submit_{name}", "active": route.active})
    else:
        output.text(f"route {name} (queue submit_{name}) is {'on' if route.active else 'off'}")


@app.command(name="list")
def list_(json: output.Json = False) -> None:
    """Show all routes with their live state."""
    from cpaas.cli import acting
    from cpaas.routes import queries
    from cpaas.routes.types import RouteRow

    async def work(connection: Any) -> list[RouteRow]:
        return await queries.routes(connection)

    rows = acting.look(work)
    if json:
        output.emit({"routes": rows})
        return
    output.table(
        ("name", "channel", "protocol", "host", "port", "active", "state", "binds", "tps",
         "window", "error"),
        [
            (r.name, r.channel, r.dialect, "simulated" if r.simulated else r.host, r.port,
             r.active, r.state, f"{r.binds_up}/{r.binds}", r.tps or "-", r.window_size,
             r.last_error)
            for r in rows
        ],
    )  # fmt: skip


@app.command(name="set")
def set_(  # noqa: PLR0913 one option per field of the screen
    name: Name,
    *,
    host: Annotated[str | None, typer.Option(help="Carrier's host.")] = None,
    port: Annotated[int | None, typer.Option(help="Carrier's port.")] = None,
    system_id: Annotated[str | None, typer.Option(help="SMPP system id.")] = None,
    password: Annotated[str | None, typer.Option(help="SMPP password, kept encrypted.")] = None,
    system_type: Annotated[str | None, typer.Option(help="SMPP system type.")] = None,
    bind_type: Annotated[str | None, typer.Option(help="trx, tx or tx_rx.")] = None,
    binds: Annotated[int | None, typer.Option(help="Connections to the carrier.")] = None,
    window: Annotated[int | None, typer.Option(help="Requests without answer.")] = None,
    tps: Annotated[int | None, typer.Option(help="Messages a second, 0 = unlimited.")] = None,
    default_sender: Annotated[str | None, typer.Option(help="Sender where none is known.")] = None,
    message_id_mode: Annotated[str | None, typer.Option(help="same, hex_to_dec…")] = None,
    cost: Annotated[str | None, typer.Option(help="Carrier's price of a unit.")] = None,
    settings: Annotated[str | None, typer.Option(help="All further settings, as JSON.")] = None,
    label: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    json: output.Json = False,
) -> None:
    """Change a route; the gateway connects anew where it must, within a second."""
    from cpaas.billing import check
    from cpaas.routes.types import RouteChanges

    changes = RouteChanges(
        label=label, host=host, port=port, tps=tps, binds=binds, window_size=window,
        bind_type=bind_type, system_id=system_id, system_type=system_type, password=password,
        default_sender=default_sender, message_id_mode=message_id_mode,
        cost_micro=None if cost is None else check.price(check.amount(cost)),
        settings=None if settings is None else _document(settings),
    )  # fmt: skip
    _change(name, changes, json=json)


@app.command()
def on(name: Name, json: output.Json = False) -> None:
    """Switch a route on."""
    from cpaas.routes.types import RouteChanges

    _change(name, RouteChanges(active=True), json=json)


@app.command()
def off(name: Name, json: output.Json = False) -> None:
    """Switch a route off; what waits for it takes another."""
    from cpaas.routes.types import RouteChanges

    _change(name, RouteChanges(active=False), json=json)


@app.command()
def delete(name: Name, json: output.Json = False) -> None:
    """Remove a route that nothing uses any more."""
    from cpaas.cli import acting
    from cpaas.routes import edit

    async def work(connection: Any) -> None:
        await edit.delete_route(connection, name)

    acting.change(work)
    if json:
        output.emit({"name": name, "deleted": True})
    else:
        output.text(f"route {name} is gone")


def _reached(
    channel: str, sip: str, http: str, host: str, port: int, document: dict[str, object]
) -> tuple[str, str, int, dict[str, object]]:
    """Dialect, host, port and settings of what the options name."""
    if http and not sip and channel == "sms":
        return http, host, port, document
    if (sip or http) and channel != "voice":
        raise output.CliError("--sip and --http are for voice", "add --channel voice")
    if sip and http:
        raise output.CliError("a route is a trunk or a Calls API", "give --sip or --http")
    if sip:
        named, _, given = sip.removeprefix("sip:").partition(":")
        return "sip", named, int(given) if given.isdecimal() else port, document
    if http:
        return "http", host, port, {"base_url": http, **document}
    if channel == "voice":
        raise output.CliError(
            "the route does not say how its carrier is reached",
            "give --sip HOST for a trunk or --http URL for a Calls API",
        )
    return "smpp", host, port, document


def _document(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise output.CliError(
            f"--settings is no JSON object: {error}", """write it like '{"source_ton": 5}'"""
        ) from error


def _change(name: str, changes: Any, *, json: bool) -> None:
    from cpaas.cli import acting
    from cpaas.kit.secrets import Keyring
    from cpaas.routes import edit, queries
    from cpaas.routes.types import RouteRow

    keyring = Keyring.load(output.settings().keyring) if changes.password else None

    async def work(connection: Any) -> RouteRow | None:
        await edit.change_route(connection, keyring, name, changes)
        return await queries.route_by_name(connection, name)

    row = acting.change(work)
    if json:
        output.emit(row)
    else:
        shown = [(k, v) for k, v in msgspec.to_builtins(row).items() if v != ""]
        output.table(("what", "value"), shown)
