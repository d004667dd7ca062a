"""WABA numbers and RCS bots: makes them, changes their tokens, gives them to accounts."""

import sys
from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False,
    help="WhatsApp numbers and RCS bots: senders with tokens of their own.",
)  # fmt: skip
Value = Annotated[str, typer.Argument(help="+919876543210, or a bot's name.", show_default=False)]
Channel = Annotated[str, typer.Option(help="whatsapp or rcs.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="name=value, such as phone_number_id=…; may be repeated."),
]
Secrets = Annotated[
    list[str] | None,
    typer.Option(
        "--secret", help="name=value, such as access_token=…; `name=-` reads it from the input."
    ),
]


@app.command()
def create(  # noqa: PLR0913 one option per field
    value: Value,
    *,
    route: Annotated[str, typer.Option(help="The route that reaches its carrier.")],
    channel: Channel = "whatsapp",
    label: Annotated[str, typer.Option(help="Name for people.")] = "",
    settings: Settings = None,
    secrets: Secrets = None,
    account: Annotated[str, typer.Option(help="Give it to this account at once.")] = "",
    default: Annotated[bool, typer.Option("--default", help="As its usual sender.")] = False,
    json: output.Json = False,
) -> None:
    """Make an identity; its secrets are kept encrypted."""
    from cpaas.cli import acting
    from cpaas.identities import edit
    from cpaas.identities.types import NewIdentity
    from cpaas.kit.secrets import Keyring

    wanted = NewIdentity(
        channel=channel, value=value, route=route, label=label, settings=_settings(settings),
        secrets=_pairs(secrets),
    )  # fmt: skip
    keyring = Keyring.load_or_make(output.settings().keyring)

    async def work(connection: Any) -> int:
        made = await edit.create(connection, keyring, wanted)
        if account:
            owner = (await acting.account_named(connection, account)).id
            await edit.give(connection, owner, channel, value, default=default)
        return made

    made = acting.change(work)
    if json:
        output.emit({"id": made, "channel": channel, "value": value, "route": route})
    else:
        output.text(f"{channel} identity {value} on route {route}")


@app.command(name="set")
def set_(
    value: Value,
    *,
    channel: Channel = "whatsapp",
    label: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Switch it.")] = None,
    settings: Settings = None,
    secrets: Secrets = None,
    json: output.Json = False,
) -> None:
    """Change an identity; what is not named stays."""
    from cpaas.cli import acting
    from cpaas.identities import edit
    from cpaas.identities.types import IdentityRow
    from cpaas.kit.secrets import Keyring

    keyring = Keyring.load_or_make(output.settings().keyring)

    async def work(connection: Any) -> IdentityRow:
        await edit.change(
            connection, keyring, channel, value, label=label, active=active,
            settings=_settings(settings), secrets=_pairs(secrets),
        )  # fmt: skip
        row, sealed = await edit.found(connection, channel, value)
        return edit.named(keyring, row, sealed)

    row = acting.change(work)
    if json:
        output.emit(row)
    else:
        output.text(f"{channel} identity {value} is {'on' if row.active else 'off'}")


@app.command()
def delete(value: Value, channel: Channel = "whatsapp", json: output.Json = False) -> None:
    """Remove an identity; what waits for it is refused."""
    from cpaas.cli import acting
    from cpaas.identities import edit

    async def work(connection: Any) -> None:
        await edit.delete(connection, channel, value)

    acting.change(work)
    _done({"value": value, "channel": channel, "deleted": True}, f"{value} is gone", json=json)


@app.command()
def give(
    value: Value,
    *,
    account: Annotated[str, typer.Option(help="Who may send from it.")],
    channel: Channel = "whatsapp",
    default: Annotated[bool, typer.Option("--default", help="As its usual sender.")] = False,
    json: output.Json = False,
) -> None:
    """Let an account send from an identity."""
    from cpaas.cli import acting
    from cpaas.identities import edit

    async def work(connection: Any) -> None:
        owner = (await acting.account_named(connection, account)).id
        await edit.give(connection, owner, channel, value, default=default)

    acting.change(work)
    _done({"value": value, "account": account}, f"{account} may send from {value}", json=json)


@app.command()
def take(
    value: Value,
    *,
    account: Annotated[str, typer.Option(help="Who may no longer send from it.")],
    channel: Channel = "whatsapp",
    json: output.Json = False,
) -> None:
    """End an account's use of an identity."""
    from cpaas.cli import acting
    from cpaas.identities import edit

    async def work(connection: Any) -> None:
        owner = (await acting.account_named(connection, account)).id
        await edit.take(connection, owner, channel, value)

    acting.change(work)
    _done({"value": value, "account": account}, f"{account} lost {value}", json=json)


@app.command(name="list")
def list_(
    account: Annotated[str, typer.Option(help="Only this account's.")] = "",
    channel: Annotated[str, typer.Option(help="whatsapp or rcs.")] = "",
    json: output.Json = False,
) -> None:
    """Show identities and who uses them."""
    from cpaas.cli import acting
    from cpaas.identities import queries
    from cpaas.identities.types import IdentityRow

    async def work(connection: Any) -> list[IdentityRow]:
        owner = await acting.account_id(connection, account) or 0
        return await queries.identities(connection, account_id=owner, channel=channel)

    rows = acting.look(work)
    if json:
        output.emit({"identities": rows})
        return
    output.table(
        ("channel", "identity", "label", "route", "active", "accounts"),
        [(r.channel, r.value, r.label, r.route, r.active, ", ".join(r.accounts)) for r in rows],
    )


def _pairs(given: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given or []:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise output.CliError(f"{one[:20]!r} is no name=value", "write it like tps=80")
        # What stands on a command line, everybody on the machine can read.
        found[name] = sys.stdin.readline().strip() if value == "-" else value
    return found


def _settings(given: list[str] | None) -> dict[str, object]:
    return dict(_pairs(given))


def _done(shown: dict[str, object], words: str, *, json: bool) -> None:
    if json:
        output.emit(shown)
    else:
        output.text(words)
