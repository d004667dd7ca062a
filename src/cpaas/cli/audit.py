"""Shows the audit log and checks that nobody has edited it."""

from typing import Annotated, Any, Final

import msgspec
import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Show and check the audit log.")

#: a writer that never rests must not keep the check from beginning.
SEAL_BATCHES_MAX: Final = 1000


@app.command(name="list")
def list_(
    actor: Annotated[str, typer.Option(help="Only what this actor did, such as cli:root.")] = "",
    table: Annotated[str, typer.Option(help="Only changes of this table.")] = "",
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 50,
    json: output.Json = False,
) -> None:
    """Show the newest entries."""
    from cpaas.audit import queries
    from cpaas.audit.show import show
    from cpaas.audit.types import Entry
    from cpaas.cli import acting

    async def work(connection: Any) -> list[Entry]:
        return await queries.newest(connection, actor=actor, table=table, most=limit)

    rows = [show(entry) for entry in acting.look(work)]
    if json:
        output.emit({"entries": rows})
        return
    output.table(
        ("id", "time", "actor", "action", "what", "row", "after"),
        [
            (r.id, r.at, r.actor, r.action, r.table, r.row, msgspec.json.encode(r.after).decode())
            for r in rows
        ],
    )


@app.command()
def verify(
    head: Annotated[str, typer.Option(help="The head that an earlier check printed.")] = "",
    json: output.Json = False,
) -> None:
    """Check the hash chain; fails and names the entry if anything was edited."""
    from cpaas.audit import seal
    from cpaas.audit.types import Verdict
    from cpaas.cli import acting

    async def work(connection: Any) -> Verdict:
        for _ in range(SEAL_BATCHES_MAX):
            # What the service has not sealed yet, so that the check covers all.
            if not await seal.seal(connection):
                break
        return await seal.verify(connection, pinned=head)

    found = acting.look(work)
    if json:
        output.emit(found)
    elif found.ok:
        output.text(f"the audit log is whole: {found.sealed} entries sealed, head {found.head}")
    else:
        where = f"entry {found.broken_id}: " if found.broken_id else ""
        output.step(f"cpaas: the audit log was edited; {where}{found.reason}")
        output.step("  -> compare it with a backup from before that entry")
    if not found.ok:
        raise typer.Exit(1)
