"""An account's SMPP client: its password, its limits, and the binds it holds."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cpaas.cli import output

Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]
BINDS_MAX = 100
TPS_MAX = 100_000
WINDOW_MAX = 1_000


def add_to(app: typer.Typer) -> None:
    """Makes these commands part of `cpaas account`."""
    app.command()(smpp)
    app.command(name="smpp-set")(smpp_set)
    app.command()(binds)
    app.command()(twilio)


def smpp(name: Name, json: output.Json = False) -> None:
    """Give the account's SMPP client a new password; binds with the old one end."""
    from cpaas.accounts import keys
    from cpaas.cli import acting

    async def work(connection: Any) -> tuple[str, str]:
        account = await acting.account_named(connection, name)
        return await keys.regenerate_smpp(connection, account.id)

    system_id, password = acting.change(work)
    if json:
        output.emit({"name": name, "smpp_system_id": system_id, "smpp_password": password})
    else:
        output.text(f"system id {system_id}\npassword  {password}")


def smpp_set(
    name: Name,
    *,
    max_binds: Annotated[
        int | None, typer.Option(help="Binds at once.", min=1, max=BINDS_MAX)
    ] = None,
    tps: Annotated[
        int | None, typer.Option(help="Messages a second, 0 = the account's.", min=0, max=TPS_MAX)
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(help="Requests without answer, 0 = the server's.", min=0, max=WINDOW_MAX),
    ] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="May bind.")] = None,
    json: output.Json = False,
) -> None:
    """Change what the account's SMPP client may do; services obey within a second."""
    from cpaas.accounts import queries
    from cpaas.cli import acting

    given = {"max_binds": max_binds, "tps": tps, "window": window, "active": active}
    changes: dict[str, object] = {k: v for k, v in given.items() if v is not None}

    async def work(connection: Any) -> Any:
        account = await acting.account_named(connection, name)
        row = await queries.change_smpp_credential(connection, account.id, changes)
        if row is None:
            raise output.CliError(
                f"{name} has no SMPP credentials", "make the account with cpaas account create"
            )
        return row

    row = acting.change(work)
    if json:
        output.emit(row)
        return
    state = "may bind" if row.active else "may not bind"
    output.text(f"{row.system_id} {state}: {row.max_binds} binds, {row.tps or 'account'} TPS")


def binds(
    name: Annotated[str, typer.Argument(help="Only this account's.")] = "",
    json: output.Json = False,
) -> None:
    """Show which SMPP clients are bound."""
    from cpaas.accounts import queries
    from cpaas.cli import acting

    async def work(connection: Any) -> Any:
        owner = await acting.account_id(connection, name) or 0
        return await queries.smpp_binds(connection, owner)

    rows = acting.look(work)
    if json:
        output.emit({"binds": rows})
        return
    output.table(
        ("account", "system id", "type", "address", "submitted", "refused", "receipts",
         "unanswered", "last refusal", "since"),
        [
            (r.account, r.system_id, r.bind_type, r.address, r.submitted, r.refused, r.delivered,
             r.unanswered, r.last_refusal,
             f"{datetime.fromtimestamp(r.bound_us / 1e6, UTC):%Y-%m-%d %H:%M}")
            for r in rows
        ],
    )  # fmt: skip


def twilio(name: Name, json: output.Json = False) -> None:
    """Give the account's Twilio interface a new auth token; the old one ends."""
    from cpaas.accounts import keys
    from cpaas.cli import acting
    from cpaas.kit.secrets import Keyring
    from cpaas.webhooks.door_calls import account_sid

    settings = output.settings()
    keyring = Keyring.load_or_make(settings.keyring)

    async def work(connection: Any) -> tuple[str, str]:
        account = await acting.account_named(connection, name)
        return account_sid(account.id), await keys.new_twilio_token(connection, keyring, account.id)

    sid, token = acting.change(work)
    base = settings.url(settings.core_port)
    if json:
        output.emit({"name": name, "account_sid": sid, "auth_token": token, "base_url": base})
    else:
        output.text(f"AccountSid {sid}\nAuthToken  {token}\nbase URL   {base}")
