"""India's DLT: an account's ids and mode, its templates, and what a text would be told."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="India's DLT: ids, templates, checks."
)
Account = Annotated[str, typer.Option(help="The account.")]
Id = Annotated[str, typer.Argument(help="The template's id, 19 digits.", show_default=False)]


@app.command(name="set")
def set_(
    account: Account,
    pe_id: Annotated[str | None, typer.Option(help="PE ID, 19 digits; empty removes it.")] = None,
    tm_id: Annotated[
        str | None, typer.Option(help="Telemarketer ids of the chain, by comma, or its hash.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="off, warn, enforce, or auto: enforce with a PE ID, else off."),
    ] = None,
    json: output.Json = False,
) -> None:
    """Set an account's DLT ids and how strictly its messages are checked."""
    from cpaas.accounts.create import change_account
    from cpaas.accounts.types import Changes
    from cpaas.cli import acting
    from cpaas.dlt import queries

    changes = Changes(pe_id=pe_id, tm_id=tm_id, dlt_mode="" if mode == "auto" else mode)

    async def work(connection: Any) -> Any:
        owner = (await acting.account_named(connection, account)).id
        await change_account(connection, owner, changes)
        return await queries.account_ids(connection, owner)

    found = acting.change(work)
    if json:
        output.emit(found)
    else:
        output.table(("what", "value"), list(found.items()))


@app.command()
def add(
    template_id: Id,
    *,
    account: Account,
    text: Annotated[str, typer.Option(help="As registered, with {#var#}.")],
    name: Annotated[str, typer.Option(help="For people.")] = "",
    category: Annotated[str, typer.Option(help="promotional, service, transactional.")] = "service",
    sender: Annotated[
        list[str] | None, typer.Option(help="A header it is for; all if none.")
    ] = None,
    pe_id: Annotated[str, typer.Option(help="If it is not the account's.")] = "",
    json: output.Json = False,
) -> None:
    """Store a template, in place of one with the same id."""
    from cpaas.cli import acting
    from cpaas.dlt import enter
    from cpaas.dlt.types import NewTemplate

    new = NewTemplate(template_id, text, name, category, tuple(sender or ()), pe_id)

    async def work(connection: Any) -> bool:
        owner = (await acting.account_named(connection, account)).id
        return await enter.put(connection, owner, new)

    is_new = acting.change(work)
    if json:
        output.emit({"template_id": template_id, "new": is_new, "warnings": enter.warnings(new)})
        return
    output.text(f"template {template_id} of {account} is {'stored' if is_new else 'replaced'}")
    for warning in enter.warnings(new):
        output.step(f"warning: {warning}")


@app.command()
def remove(template_id: Id, account: Account, json: output.Json = False) -> None:
    """Delete a template."""
    from cpaas.cli import acting
    from cpaas.dlt import enter

    async def work(connection: Any) -> None:
        owner = (await acting.account_named(connection, account)).id
        if not await enter.remove(connection, owner, template_id):
            raise output.CliError(
                f"{account} has no template {template_id}",
                f"list them: cpaas dlt list --account {account}",
            )

    acting.change(work)
    if json:
        output.emit({"template_id": template_id, "deleted": True})
    else:
        output.text(f"template {template_id} of {account} is gone")


@app.command(name="list")
def list_(
    account: Account,
    most: Annotated[int, typer.Option(help="How many.", min=1, max=100_000)] = 1000,
    json: output.Json = False,
) -> None:
    """Show an account's templates."""
    from cpaas.cli import acting
    from cpaas.dlt import queries

    async def work(connection: Any) -> Any:
        owner = (await acting.account_named(connection, account)).id
        return await queries.templates(connection, owner, most=most)

    rows = acting.look(work)
    if json:
        output.emit({"templates": rows})
        return
    output.table(
        ("id", "name", "category", "headers", "text"),
        [(r.template_id, r.name, r.category, ", ".join(r.senders) or "all", r.text) for r in rows],
    )


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV, as portals export it.", exists=True,
                                         dir_okay=False, readable=True)],
    account: Account,
    json: output.Json = False,
) -> None:  # fmt: skip
    """Store all templates of a CSV; rows that cannot be used are left out and told."""
    from cpaas.cli import acting
    from cpaas.dlt import imports
    from cpaas.kit.textfile import decoded

    text = decoded(file.read_bytes())

    async def work(connection: Any) -> Any:
        owner = (await acting.account_named(connection, account)).id
        return await imports.import_csv(connection, owner, text)

    done = acting.change(work)
    if json:
        output.emit(done)
        return
    output.text(
        f"{done.rows} rows: {done.added} stored, {done.changed} replaced, {done.rejected} left out"
    )
    for one in done.bad:
        output.step(f"row {one.row}: {one.reason}")


@app.command()
def check(
    text: Annotated[str, typer.Argument(help="The message's text.", show_default=False)],
    account: Account,
    sender: Annotated[str, typer.Option(help="The header it would go with.")] = "",
    lane: Annotated[str, typer.Option(help="otp, transactional or promotional.")] = "transactional",
    template_id: Annotated[str, typer.Option(help="Only this template.")] = "",
    json: output.Json = False,
) -> None:
    """Say what a message to India would be told now, whatever the account's mode."""
    import time

    from cpaas.cli import acting
    from cpaas.dlt import check as rules
    from cpaas.snapshot.load import EMPTY, LOADERS, load

    async def work(connection: Any) -> Any:
        owner = (await acting.account_named(connection, account)).id
        snapshot = await load(connection, EMPTY, LOADERS, {})
        return rules.judge(
            snapshot, snapshot.accounts[owner], sender, lane=lane, text=text,
            given={"template_id": template_id} if template_id else None,
            at_us=time.time_ns() // 1000,
        )  # fmt: skip

    found = acting.look(work)
    if json:
        output.emit(found)
    elif found.faults:
        for fault in found.faults:
            output.text(f"{fault.code}: {fault.detail}")
    else:
        output.text(f"it fits template {found.ids['template_id']}")
    if found.faults:
        raise typer.Exit(1)
