"""Makes, submits and decides about message templates."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Make, submit and approve message templates."
)
Id = Annotated[int, typer.Argument(help="The template's id; see `template list`.")]
Account = Annotated[str, typer.Option(help="The account that owns it.")]


@app.command()
def create(  # noqa: PLR0913 one option per field of the screen
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.", show_default=False)],
    *,
    account: Account,
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    body: Annotated[str, typer.Option(help="The text, with variables as {{name}}.")] = "",
    file: Annotated[Path | None, typer.Option(help="JSON with type, category and content.")] = None,
    language: Annotated[str, typer.Option(help="Such as en or en_US.")] = "en",
    category: Annotated[str, typer.Option(help="WhatsApp: UTILITY, MARKETING, ...")] = "",
    dlt_template: Annotated[str, typer.Option(help="SMS: id of the DLT template it is.")] = "",
    submit: Annotated[bool, typer.Option("--submit", help="Send it in for review.")] = False,
    json: output.Json = False,
) -> None:
    """Store a template as a draft, or submit it at once."""
    from cpaas.cli import acting
    from cpaas.templates import edit
    from cpaas.templates.types import NewTemplate

    given = _given(file, body)
    new = NewTemplate(
        channel, name, given.content, given.type, language, category or given.category,
        dlt_template,
    )  # fmt: skip

    async def work(connection: Any) -> Any:
        owner = (await acting.account_named(connection, account)).id
        made = await edit.create(connection, owner, new, actor=acting.actor())
        if submit:
            return await edit.submit(connection, owner, made, actor=acting.actor())
        return await edit.find(connection, owner, made)

    _told(acting.change(work), json=json)


@app.command()
def submit(template: Id, json: output.Json = False) -> None:
    """Send a draft in for review; SMS and Voice need none."""
    from cpaas.cli import acting
    from cpaas.templates import edit

    _change(
        template,
        lambda c, owner: edit.submit(c, owner, template, actor=acting.actor()),
        json=json,
    )


@app.command()
def approve(template: Id, json: output.Json = False) -> None:
    """Allow a template; carriers that review it are asked next."""
    from cpaas.cli import acting
    from cpaas.templates import decide

    _change(
        template,
        lambda c, owner: decide.approve(c, owner, template, actor=acting.actor()),
        json=json,
    )


@app.command()
def reject(
    template: Id,
    reason: Annotated[str, typer.Option(help="Why; the account sees it.")],
    json: output.Json = False,
) -> None:
    """Refuse a template, with a reason."""
    from cpaas.cli import acting
    from cpaas.templates import decide

    _change(
        template,
        lambda c, owner: decide.reject(c, owner, template, reason, actor=acting.actor()),
        json=json,
    )


@app.command()
def carrier(
    template: Id,
    *,
    status: Annotated[str, typer.Option(help="approved, rejected, paused, disabled, pending.")],
    carrier_id: Annotated[str, typer.Option(help="The carrier's id or code of it.")] = "",
    reason: Annotated[str, typer.Option(help="The carrier's reason.")] = "",
    json: output.Json = False,
) -> None:
    """Enter what the carrier's portal says about a template."""
    from cpaas.cli import acting
    from cpaas.kit.errors import InputError
    from cpaas.templates import decide, states
    from cpaas.templates.types import CarrierWord

    if status not in states.CARRIER_NEXT or status == "not_needed":
        wanted = ", ".join(sorted(set(states.CARRIER_NEXT) - {"not_needed"}))
        raise InputError(f"{status!r} is no carrier status", f"use one of {wanted}", "status")
    said = CarrierWord(status, carrier_id, reason)
    _change(
        template,
        lambda c, owner: decide.told(c, owner, template, said, actor=acting.actor()),
        json=json,
    )


@app.command()
def delete(template: Id, json: output.Json = False) -> None:
    """Take a template away; messages that were accepted with it still go."""
    from cpaas.cli import acting
    from cpaas.templates import edit

    async def work(connection: Any) -> None:
        await edit.remove(connection, await _owner(connection, template), template)

    acting.change(work)
    if json:
        output.emit({"id": template, "deleted": True})
    else:
        output.text(f"template {template} is gone")


@app.command()
def show(template: Id, json: output.Json = False) -> None:
    """Show a template with its history."""
    from cpaas.cli import acting
    from cpaas.templates import queries

    async def work(connection: Any) -> Any:
        owner = await _owner(connection, template)
        return (
            await queries.find(connection, owner, template),
            await queries.history(connection, owner, template),
        )

    row, events = acting.look(work)
    if json:
        output.emit({"template": row, "history": events})
        return
    _told(row, json=False)
    if row.version.carrier_trouble:
        output.text(f"not handed over yet: {row.version.carrier_trouble}")
    output.text(row.version.content.body)
    output.table(
        ("version", "step", "by", "reason"), [(e.number, e.kind, e.actor, e.text) for e in events]
    )


@app.command(name="list")
def list_(
    account: Annotated[str, typer.Option(help="Only this account.")] = "",
    status: Annotated[str, typer.Option(help="DRAFT, PENDING, APPROVED or REJECTED.")] = "",
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    json: output.Json = False,
) -> None:
    """Show templates, newest first."""
    from cpaas.cli import acting
    from cpaas.templates import queries

    async def work(connection: Any) -> Any:
        owner = await acting.account_id(connection, account) or 0
        return await queries.templates(
            connection, account_id=owner, status=status.upper(), channel=channel, most=1000
        )

    rows = acting.look(work)
    if json:
        output.emit({"templates": rows})
        return
    output.table(
        ("id", "account", "channel", "name", "language", "version", "status", "carrier"),
        [
            (r.id, r.account, r.channel, r.name, r.language, r.last_version, r.status,
             r.version.carrier_status)
            for r in rows
        ],
    )  # fmt: skip


def _given(file: Path | None, body: str) -> Any:
    import msgspec

    from cpaas.kit.errors import InputError
    from cpaas.templates.types import Content, Given

    if file is None:
        return Given(Content(body))
    try:
        given = msgspec.json.decode(file.read_bytes(), type=Given)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}", "mend it", "file") from None
    if body:
        return msgspec.structs.replace(
            given, content=msgspec.structs.replace(given.content, body=body)
        )
    return given


async def _owner(connection: Any, template: int) -> int:
    from cpaas.kit.errors import InputError
    from cpaas.templates import queries

    found = await queries.owner(connection, template)
    if found is None:
        raise InputError(
            f"there is no template {template}", "list them: cpaas template list", "template"
        )
    return found


def _change(template: int, deed: Callable[[Any, int], Awaitable[Any]], *, json: bool) -> None:
    from cpaas.cli import acting

    async def work(connection: Any) -> Any:
        return await deed(connection, await _owner(connection, template))

    _told(acting.change(work), json=json)


def _told(row: Any, *, json: bool) -> None:
    if json:
        output.emit(row)
        return
    carrier = row.version.carrier_status
    beside = "" if carrier == "not_needed" else f", {carrier} with the carrier"
    output.text(
        f"template {row.id}: {row.channel} {row.name} ({row.language}) of {row.account},"
        f" version {row.version.number}, is {row.version.status}{beside}"
    )
