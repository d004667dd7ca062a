"""Makes and changes accounts, their money and their keys.

What people do on the Users screen, for scripts and for days without a browser.
"""

from typing import Annotated, Any

import msgspec
import typer

from cpaas.cli import account_money, account_smpp, output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make and change accounts.")
_NEGATIVE = {"ignore_unknown_options": True}
account_smpp.add_to(app)
Name = Annotated[str, typer.Argument(help="The account's name.", show_default=False)]


@app.command()
def create(
    name: Name,
    *,
    username: Annotated[str, typer.Option(help="Owner's login; the name if left out.")] = "",
    email: Annotated[str, typer.Option(help="Owner's email.")] = "",
    phone: Annotated[str, typer.Option(help="Owner's phone.")] = "",
    password: Annotated[str, typer.Option(help="Generated if left out.")] = "",
    credit: Annotated[str, typer.Option(help="Opening balance, such as 1000.")] = "0",
    json: output.Json = False,
) -> None:
    """Make an account with owner, wallet, default prices, keys and SMPP credentials."""
    from cpaas.accounts.create import create_account
    from cpaas.accounts.types import MadeAccount, NewAccount
    from cpaas.billing import check, wallet
    from cpaas.cli import acting

    amount = check.amount(credit)
    new = NewAccount(
        name=name, username=username or name, email=email, phone=phone, password=password
    )

    async def work(connection: Any) -> MadeAccount:
        made = await create_account(connection, new)
        if amount:
            await wallet.credit(
                connection, made.id, amount, actor=acting.actor(), note="opening balance"
            )
        return made

    made = acting.change(work)
    if json:
        output.emit(made)
        return
    output.text(f"account {made.name} (id {made.id}); its secrets are shown this once:")
    output.table(("what", "value"), [(k, v) for k, v in msgspec.to_builtins(made).items()])


@app.command(name="list")
def list_(json: output.Json = False) -> None:
    """Show all accounts with their balances."""
    from cpaas.accounts import queries
    from cpaas.accounts.types import AccountRow
    from cpaas.cli import acting

    async def work(connection: Any) -> list[AccountRow]:
        found: list[AccountRow] = []
        while page := await queries.accounts(
            connection, after_name=found[-1].name if found else ""
        ):
            found += page
        return found

    rows = [_shown(row) for row in acting.look(work)]
    if json:
        output.emit({"accounts": rows})
        return
    columns = ("id", "name", "active", "balance", "credit_limit", "channels", "tps", "allowed_ips")
    output.table(columns, [[_cell(row[column]) for column in columns] for row in rows])


app.command()(account_money.credit)
app.command()(account_money.debit)
app.command(context_settings=_NEGATIVE)(account_money.adjust)
app.command(context_settings=_NEGATIVE)(account_money.limit)
app.command(name="low-balance")(account_money.low_balance)
app.command()(account_money.ledger)
app.command()(account_money.statement)


@app.command()
def key(
    name: Name,
    test: Annotated[bool, typer.Option("--test", help="The test key, not the live one.")] = False,
    json: output.Json = False,
) -> None:
    """Make a new API key; the old one stops working within a second."""
    from cpaas.accounts import keys
    from cpaas.cli import acting

    async def work(connection: Any) -> str:
        account = await acting.account_named(connection, name)
        return await keys.regenerate(connection, account.id, "test" if test else "live")

    made = acting.change(work)
    if json:
        output.emit({"name": name, "test_key" if test else "api_key": made})
    else:
        output.text(made)
        output.step("shown this once; the old key stops working now")


@app.command(name="set")
def set_(  # noqa: PLR0913 one option per field of the screen
    name: Name,
    *,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="May send.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="Allowed address or CIDR.")] = None,
    any_ip: Annotated[bool, typer.Option("--any-ip", help="Allow every address.")] = False,
    country: Annotated[list[str] | None, typer.Option(help="Allowed country, such as IN.")] = None,
    any_country: Annotated[bool, typer.Option("--any-country", help="Allow all.")] = False,
    tps: Annotated[int | None, typer.Option(help="Messages a second, 0 = no limit.")] = None,
    daily_cap: Annotated[int | None, typer.Option(help="Messages a day, 0 = no limit.")] = None,
    on: Annotated[list[str] | None, typer.Option(help="Channel to switch on.")] = None,
    off: Annotated[list[str] | None, typer.Option(help="Channel to switch off.")] = None,
    credit_limit: Annotated[str | None, typer.Option(help="How far below 0.")] = None,
    stop_reply: Annotated[str | None, typer.Option(help="Answers a STOP; '' = nothing.")] = None,
    start_reply: Annotated[str | None, typer.Option(help="Answers a START.")] = None,
    refund_failed: Annotated[
        bool | None,
        typer.Option("--refund-failed/--charge-failed", help="What a carrier failed to deliver."),
    ] = None,
    json: output.Json = False,
) -> None:
    """Change an account; services obey within a second."""
    from cpaas.accounts.create import change_account
    from cpaas.accounts.types import AccountRow, Changes
    from cpaas.billing import check, wallet
    from cpaas.cli import acting
    from cpaas.inbound import check as inbound

    switches = _switches(on or [], off or [])
    given = Changes(
        active=active,
        allowed_ips=[] if any_ip else ip or None,
        countries=[] if any_country else country or None,
        tps=tps,
        daily_cap=daily_cap,
        refund_failed=refund_failed,
        stop_reply=None if stop_reply is None else inbound.reply(stop_reply),
        start_reply=None if start_reply is None else inbound.reply(start_reply),
    )
    changes = msgspec.structs.replace(given, **switches)
    limit = None if credit_limit is None else check.amount(credit_limit)

    async def work(connection: Any) -> AccountRow:
        account = await acting.account_named(connection, name)
        await change_account(connection, account.id, changes)
        if limit is not None:
            await wallet.set_credit_limit(connection, account.id, limit)
        return await acting.account_named(connection, name)

    shown = _shown(acting.change(work))
    if json:
        output.emit(shown)
    else:
        output.table(("what", "value"), [(k, _cell(v)) for k, v in shown.items()])


def _switches(on: list[str], off: list[str]) -> dict[str, bool]:
    from cpaas.messages.envelopes import CHANNELS

    wanted = dict.fromkeys(on, True) | dict.fromkeys(off, False)
    for channel in wanted:
        if channel not in CHANNELS:
            raise output.CliError(f"{channel!r} is no channel", f"use one of {', '.join(CHANNELS)}")
    return {f"{channel}_enabled": value for channel, value in wanted.items()}


def _shown(row: Any) -> dict[str, Any]:
    from cpaas.kit import money
    from cpaas.messages.envelopes import CHANNELS

    values = msgspec.to_builtins(row)
    return {
        "id": row.id,
        "name": row.name,
        "active": row.active,
        "sandbox": row.is_sandbox,
        "balance": money.show(row.balance_micro),
        "credit_limit": money.show(row.credit_limit_micro),
        "billing_mode": row.billing_mode,
        "low_balance": money.show(row.low_balance_micro),
        "refund_failed": row.refund_failed,
        "stop_reply": row.stop_reply,
        "start_reply": row.start_reply,
        "channels": [channel for channel in CHANNELS if values[f"{channel}_enabled"]],
        "tps": row.tps,
        "daily_cap": row.daily_cap,
        "allowed_ips": row.allowed_ips,
        "countries": row.countries,
    }


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
