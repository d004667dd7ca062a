"""Replies that came: all of them, also those nobody could be found for; and STOP's words."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Look at replies.")


@app.command(name="list")
def list_(
    *,
    account: Annotated[str, typer.Option(help="Only this account's.")] = "",
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Nobody's yet.")] = False,
    hours: Annotated[int, typer.Option(help="How far back.", min=1, max=24 * 3660)] = 24,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show the newest replies."""
    from cpaas.cli import acting
    from cpaas.inbound import queries
    from cpaas.inbound.types import InboundRow
    from cpaas.kit.ids import lowest_at

    lowest = lowest_at(int(time.time() * 1000) - hours * 3_600_000)

    async def work(connection: Any) -> list[InboundRow]:
        account_id = 0 if unassigned else await acting.account_id(connection, account)
        return await queries.kept(connection, account_id=account_id, lowest=lowest, most=limit)

    rows = [
        {"id": r.id, "at": _iso(r.received_us), "account": r.account, "channel": r.channel,
         "from": r.sender, "to": r.recipient, "text": r.body, "route": r.route,
         "keyword": r.keyword, "action": r.action, "complete": r.complete}
        for r in acting.look(work)
    ]  # fmt: skip
    if json:
        output.emit({"inbound": rows})
        return
    columns = ("id", "at", "account", "from", "to", "text", "action")
    output.table(columns, [[row[column] for column in columns] for row in rows])


@app.command()
def assign(
    reply: Annotated[str, typer.Argument(help="The reply's id.", show_default=False)],
    account: Annotated[str, typer.Argument(help="Whose it is.", show_default=False)],
    json: output.Json = False,
) -> None:
    """Give a reply of nobody to an account, which then sees it in its inbox."""
    from cpaas.audit.queries import record
    from cpaas.cli import acting
    from cpaas.inbound import queries

    try:
        key = UUID(reply)
    except ValueError:
        raise output.CliError(f"{reply!r} is no id", "list them: cpaas inbound list") from None

    async def work(connection: Any) -> bool:
        found = await acting.account_named(connection, account)
        if not await queries.give(connection, key, found.id):
            return False
        await record(
            connection, "assign", "inbound_message", str(key), account_id=found.id,
            after={"account_id": found.id},
        )  # fmt: skip
        return True

    if not acting.change(work):
        raise output.CliError(
            f"there is no reply {reply} of nobody", "list them: cpaas inbound list --unassigned"
        )
    output.emit({"id": reply, "account": account}) if json else output.text(
        f"the reply is {account}'s"
    )


@app.command()
def words(
    stop: Annotated[list[str] | None, typer.Option(help="All words that mean STOP.")] = None,
    start: Annotated[list[str] | None, typer.Option(help="All words that mean START.")] = None,
    json: output.Json = False,
) -> None:
    """Show or set the words by which recipients stop and start messages."""
    from cpaas.cli import acting
    from cpaas.inbound import check, edit

    async def work(connection: Any) -> dict[str, list[str]]:
        for setting, given in ((check.STOP_SETTING, stop), (check.START_SETTING, start)):
            if given:
                await edit.set_words(connection, setting, given)
        return await edit.words(connection)

    found = acting.change(work)
    if json:
        output.emit(found)
        return
    output.table(("setting", "words"), [(k, ", ".join(v)) for k, v in found.items()])


@app.command()
def otp(
    after_stop: Annotated[
        bool | None,
        typer.Option("--after-stop/--not-after-stop", help="Whether an OTP goes after a STOP."),
    ] = None,
    json: output.Json = False,
) -> None:
    """Show or set whether an OTP reaches a recipient who said STOP."""
    from cpaas.cli import acting
    from cpaas.inbound import edit

    async def work(connection: Any) -> bool:
        if after_stop is not None:
            await edit.let_otp_pass(connection, after_stop)
        return await edit.otp_passes(connection)

    passes = acting.change(work)
    if json:
        output.emit({"otp_after_stop": passes})
    else:
        output.text(f"an OTP {'goes' if passes else 'does not go'} to who said STOP")


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
