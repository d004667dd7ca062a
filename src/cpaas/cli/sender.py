"""Requests sender ids and decides on them."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Request and approve sender ids."
)
Value = Annotated[str, typer.Argument(help="The sender, such as MYBRAND.", show_default=False)]
Account = Annotated[str, typer.Option(help="The account that owns it.")]
Channel = Annotated[str, typer.Option(help="sms or voice.")]


@app.command()
def create(
    value: Value,
    *,
    account: Account,
    channel: Channel = "sms",
    pe_id: Annotated[str, typer.Option(help="PE ID of the DLT, 19 digits.")] = "",
    approve: Annotated[bool, typer.Option("--approve", help="Approve it at once.")] = False,
    default: Annotated[bool, typer.Option("--default", help="Use it where none is named.")] = False,
    json: output.Json = False,
) -> None:
    """Request a sender; unusual forms are told and never prevented."""
    from cpaas.senders import check, decide

    async def work(connection: Any, account_id: int) -> None:
        await decide.request(connection, account_id, channel, value, pe_id=pe_id)
        if approve or default:
            await decide.approve(connection, account_id, channel, value)
        if default:
            await decide.make_default(connection, account_id, channel, value)

    _run(work, value, account, channel, json=json)
    for warning in check.warnings(value) if channel == "sms" else ():
        output.step(f"warning: {warning}")


@app.command()
def approve(
    value: Value, account: Account, channel: Channel = "sms", json: output.Json = False
) -> None:
    """Let the account use a sender."""
    from cpaas.senders import decide

    async def work(connection: Any, account_id: int) -> None:
        await decide.approve(connection, account_id, channel, value)

    _run(work, value, account, channel, json=json)


@app.command()
def reject(
    value: Value,
    account: Account,
    reason: Annotated[str, typer.Option(help="Why; the account sees it.")],
    channel: Channel = "sms",
    json: output.Json = False,
) -> None:
    """Refuse a sender, with a reason."""
    from cpaas.senders import decide

    async def work(connection: Any, account_id: int) -> None:
        await decide.reject(connection, account_id, channel, value, reason=reason)

    _run(work, value, account, channel, json=json)


@app.command()
def default(
    value: Value, account: Account, channel: Channel = "sms", json: output.Json = False
) -> None:
    """Use an approved sender where a message names none."""
    from cpaas.senders import decide

    async def work(connection: Any, account_id: int) -> None:
        await decide.make_default(connection, account_id, channel, value)

    _run(work, value, account, channel, json=json)


@app.command(name="set")
def set_(
    value: Value,
    account: Account,
    pe_id: Annotated[str, typer.Option(help="PE ID of the DLT, 19 digits; empty removes it.")],
    channel: Channel = "sms",
    json: output.Json = False,
) -> None:
    """Change the PE ID of a sender."""
    from cpaas.senders import decide

    async def work(connection: Any, account_id: int) -> None:
        await decide.set_pe_id(connection, account_id, channel, value, pe_id=pe_id)

    _run(work, value, account, channel, json=json)


@app.command()
def delete(
    value: Value, account: Account, channel: Channel = "sms", json: output.Json = False
) -> None:
    """Take a sender away; what was accepted with it still goes."""
    from cpaas.cli import acting
    from cpaas.senders import decide

    async def work(connection: Any) -> None:
        owner = (await acting.account_named(connection, account)).id
        await decide.remove(connection, owner, channel, value)

    acting.change(work)
    if json:
        output.emit({"value": value, "channel": channel, "deleted": True})
    else:
        output.text(f"{channel} sender {value} of {account} is gone")


@app.command(name="list")
def list_(
    account: Annotated[str, typer.Option(help="Only this account.")] = "",
    status: Annotated[str, typer.Option(help="PENDING, APPROVED or REJECTED.")] = "",
    json: output.Json = False,
) -> None:
    """Show senders, those that wait for a decision first."""
    from cpaas.cli import acting
    from cpaas.senders import queries
    from cpaas.senders.types import SenderRow

    async def work(connection: Any) -> list[SenderRow]:
        owner = await acting.account_id(connection, account) or 0
        return await queries.senders(connection, account_id=owner, status=status.upper())

    rows = acting.look(work)
    if json:
        output.emit({"senders": rows})
        return
    output.table(
        ("account", "channel", "sender", "status", "default", "PE ID", "reason"),
        [(r.account, r.channel, r.value, r.status, r.is_default, r.pe_id, r.reason) for r in rows],
    )


def _run(
    work: Callable[[Any, int], Awaitable[None]],
    value: str,
    account: str,
    channel: str,
    *,
    json: bool,
) -> None:
    from cpaas.cli import acting
    from cpaas.senders import queries

    async def both(connection: Any) -> Any:
        owner = (await acting.account_named(connection, account)).id
        await work(connection, owner)
        return await queries.find_sender(connection, owner, channel, value)

    row = acting.change(both)
    if json:
        output.emit(row)
    else:
        usual = ", the default" if row.is_default else ""
        output.text(f"{channel} sender {value} of {account} is {row.status}{usual}")
