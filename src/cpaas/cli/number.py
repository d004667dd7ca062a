"""Numbers that recipients write to: whose a reply is, by number or by its first word."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Numbers that get replies.")
Number = Annotated[str, typer.Argument(help="Such as 56161 or +919812345678.", show_default=False)]
Word = Annotated[str, typer.Argument(help="The first word of a reply.", show_default=False)]
Account = Annotated[str, typer.Option(help="Whose replies they are; left out: shared.")]
Channel = Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")]


@app.command()
def create(
    number: Number, account: Account = "", channel: Channel = "sms", json: output.Json = False
) -> None:
    """Make an inbound number, of an account or shared by keywords."""
    from cpaas.cli import acting
    from cpaas.inbound import edit

    async def work(connection: Any) -> str:
        account_id = await acting.account_id(connection, account)
        return await edit.create_number(connection, channel, number, account_id)

    _told(acting.change(work), account, channel, json=json)


@app.command()
def assign(
    number: Number, account: Account = "", channel: Channel = "sms", json: output.Json = False
) -> None:
    """Give a number to another account; without one it is shared by its keywords."""
    from cpaas.cli import acting
    from cpaas.inbound import edit

    async def work(connection: Any) -> str:
        account_id = await acting.account_id(connection, account)
        return await edit.assign_number(connection, channel, number, account_id)

    _told(acting.change(work), account, channel, json=json)


@app.command()
def delete(number: Number, channel: Channel = "sms", json: output.Json = False) -> None:
    """Forget a number and its keywords; replies that came stay where they are."""
    from cpaas.cli import acting
    from cpaas.inbound import edit

    plain = acting.change(lambda connection: edit.delete_number(connection, channel, number))
    output.emit({"number": plain, "deleted": True}) if json else output.text(f"{plain} is gone")


@app.command()
def keyword(
    number: Number,
    word: Word,
    account: Annotated[str, typer.Option(help="Whose replies they are.", show_default=False)],
    channel: Channel = "sms",
    json: output.Json = False,
) -> None:
    """Give replies that begin with a word to an account."""
    from cpaas.cli import acting
    from cpaas.inbound import edit

    async def work(connection: Any) -> str:
        found = await acting.account_named(connection, account)
        return await edit.set_keyword(connection, channel, number, word, found.id)

    made = acting.change(work)
    if json:
        output.emit({"number": number, "keyword": made, "account": account})
    else:
        output.text(f"{made} to {number} is {account}'s")


@app.command(name="delete-keyword")
def delete_keyword(
    number: Number, word: Word, channel: Channel = "sms", json: output.Json = False
) -> None:
    """Forget a keyword of a number."""
    from cpaas.cli import acting
    from cpaas.inbound import edit

    async def work(connection: Any) -> str:
        return await edit.delete_keyword(connection, channel, number, word)

    gone = acting.change(work)
    output.emit({"keyword": gone, "deleted": True}) if json else output.text(f"{gone} is gone")


@app.command(name="list")
def list_(account: Account = "", json: output.Json = False) -> None:
    """Show inbound numbers and their keywords."""
    from cpaas.cli import acting
    from cpaas.inbound import queries
    from cpaas.inbound.types import NumberRow

    async def work(connection: Any) -> list[NumberRow]:
        return await queries.numbers(connection, account)

    rows = acting.look(work)
    if json:
        output.emit({"numbers": rows})
        return
    output.table(
        ("channel", "number", "account", "keywords"),
        [(r.channel, r.number, r.account or "shared", ", ".join(r.keywords)) for r in rows],
    )


def _told(plain: str, account: str, channel: str, *, json: bool) -> None:
    if json:
        output.emit({"number": plain, "channel": channel, "account": account})
    else:
        output.text(f"replies to {plain} are {account + chr(39) + 's' if account else 'shared'}")
