"""Blocks numbers, for one account or for all, one by one or from a CSV."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Block numbers: they get no message."
)
Number = Annotated[str, typer.Argument(help="E.164, such as +919876543210.", show_default=False)]
Account = Annotated[str, typer.Option(help="The account, or ALL.")]
Channel = Annotated[str, typer.Option(help="Only this channel; every one if left out.")]


@app.command()
def add(
    number: Number,
    account: Account = "ALL",
    channel: Channel = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    json: output.Json = False,
) -> None:
    """Block a number; effective at once in every service."""
    from cpaas.blacklist import change
    from cpaas.cli import acting

    async def work(connection: Any) -> Any:
        owner = await acting.account_id(connection, account) or 0
        return await change.add(
            connection, owner, number, channel=channel, reason=reason, source="manual",
            created_by=acting.actor(),
        )  # fmt: skip

    entry, is_new = acting.change(work)
    if json:
        output.emit({**_row(entry), "new": is_new})
    else:
        was = "is blocked" if is_new else "was blocked already"
        output.text(f"{entry.number} {was} {_where(entry)}")


@app.command()
def remove(
    number: Number,
    account: Account = "ALL",
    channel: Annotated[str | None, typer.Option(help="Only this channel's entry.")] = None,
    json: output.Json = False,
) -> None:
    """Unblock a number."""
    from cpaas.blacklist import change
    from cpaas.cli import acting

    async def work(connection: Any) -> int:
        owner = await acting.account_id(connection, account) or 0
        gone = await change.remove(connection, owner, number, channel=channel)
        if not gone:
            raise output.CliError(
                f"{account} has no such entry of {number}",
                f"see what stops it: cpaas blacklist check {number} --account {account}",
            )
        return gone

    gone = acting.change(work)
    if json:
        output.emit({"number": number, "removed": gone})
    else:
        output.text(f"{number}: {gone} removed")


@app.command(name="list")
def list_(
    account: Account = "ALL",
    number: Annotated[str, typer.Option(help="Only this number.")] = "",
    most: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show entries, newest first."""
    from cpaas.blacklist import check, queries
    from cpaas.cli import acting

    async def work(connection: Any) -> Any:
        owner = await acting.account_id(connection, account) or 0
        wanted = check.number(number) if number else ""
        return await queries.entries(connection, owner, number=wanted, most=most)

    _show(acting.look(work), json=json)


@app.command()
def check(number: Number, account: Account = "ALL", json: output.Json = False) -> None:
    """Show everything that stops messages to a number, the global entries, too."""
    from cpaas.blacklist import check as rules
    from cpaas.blacklist import queries
    from cpaas.cli import acting

    async def work(connection: Any) -> Any:
        owner = await acting.account_id(connection, account) or 0
        return await queries.stopping(connection, owner, rules.number(number))

    found = acting.look(work)
    if not found and not json:
        output.text(f"nothing stops messages of {account} to {number}")
        return
    _show(found, json=json)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV with the numbers.", exists=True,
                                         dir_okay=False, readable=True)],
    account: Account = "ALL",
    channel: Channel = "",
    errors: Annotated[Path | None, typer.Option(help="Write all bad rows to this CSV.")] = None,
    json: output.Json = False,
) -> None:  # fmt: skip
    """Block all numbers of a CSV, all or nothing; rows that are no number are left out and told."""
    from cpaas.blacklist.types import BadRow
    from cpaas.cli import acting

    bad: list[BadRow] = []

    async def work(connection: Any) -> Any:
        return await _import(connection, file, account, channel, bad if errors else None)

    done = acting.change(work)
    if errors is not None:
        with errors.open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("row", "value", "reason"))
            writer.writerows((one.row, one.value, one.reason) for one in bad)
    if json:
        output.emit(done)
        return
    output.text(
        f"{done.rows} rows: {done.added} blocked, {done.known} known, {done.rejected} left out"
    )
    for one in done.bad:
        output.step(f"row {one.row}: {one.reason}")


async def _import(
    connection: Any, file: Path, account: str, channel: str, bad: list[Any] | None
) -> Any:
    from cpaas.blacklist import imports
    from cpaas.cli import acting
    from cpaas.kit.textfile import encoding_of

    owner = await acting.account_id(connection, account) or 0
    with file.open("rb") as start:
        encoding = encoding_of(start.read(4))
    try:
        with file.open(encoding=encoding, newline="") as lines:
            return await imports.import_csv(
                connection, owner, lines, channel=channel, created_by=acting.actor(),
                told=None if bad is None else bad.append,
            )  # fmt: skip
    except UnicodeDecodeError as error:
        raise output.CliError(
            f"{file} is not UTF-8: {error.reason}", "save it as CSV in UTF-8"
        ) from error


def _where(entry: Any) -> str:
    return f"for {entry.account or 'ALL'} on {entry.channel or 'every channel'}"


def _row(entry: Any) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(entry)
    return {**values, "account": entry.account or "ALL"}


def _show(entries: Any, *, json: bool) -> None:
    if json:
        output.emit({"entries": [_row(one) for one in entries]})
        return
    output.table(
        ("account", "number", "channel", "reason", "source", "by", "since"),
        [
            (e.account or "ALL", e.number, e.channel or "all", e.reason, e.source, e.created_by,
             f"{datetime.fromtimestamp(e.created_us / 1e6, UTC):%Y-%m-%d %H:%M}")
            for e in entries
        ],
    )  # fmt: skip
