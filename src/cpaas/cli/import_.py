"""`cpaas import`: makes routes and accounts of another gateway's configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cpaas.cli import output

if TYPE_CHECKING:
    from cpaas.cli.kannel_plan import Plan, PlannedAccount

BYTES_MAX: Final = 4 * 1024 * 1024
app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A kannel.conf.", show_default=False)],
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Make them; else only tell.")] = False,
    json: output.Json = False,
) -> None:
    """Make routes and accounts of a kannel.conf, and say what it cannot carry over."""
    from cpaas.cli.kannel_conf import ConfError, parse
    from cpaas.cli.kannel_plan import plan

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise output.CliError(
            f"{file} cannot be read: {error.strerror}", "name a kannel.conf"
        ) from error
    if len(raw) > BYTES_MAX:
        raise output.CliError(f"{file} is larger than 4 MB", "name a kannel.conf")
    try:
        made = plan(parse(raw.decode("utf-8", "replace")))
    except ConfError as error:
        raise output.CliError(f"{file}: {error}", "mend that line; nothing was changed") from error
    lines = _carry_out(made, apply=apply)
    lines += [(note.line, "note", note.text) for note in made.notes]
    lines.sort(key=lambda one: one[0])
    if json:
        shown = [{"line": at, "what": what, "text": text} for at, what, text in lines]
        output.emit({"applied": apply, "lines": shown})
        return
    for at, what, text in lines:
        output.text(f"line {at}: {text}" if what == "note" else f"line {at}: {what}: {text}")
    if not apply:
        output.text("nothing was changed; make it with --apply")
        return
    if made.accounts:
        output.text("next: credit the accounts (cpaas account credit NAME 1000)")
    if made.routes:
        output.text(
            "next: say which traffic goes where (cpaas rule create --channel sms --route …)"
        )


def _carry_out(made: "Plan", *, apply: bool) -> list[tuple[int, str, str]]:
    from cpaas.cli import acting
    from cpaas.kit.secrets import Keyring
    from cpaas.routes import edit, queries

    keyring = Keyring.load_or_make(output.settings().keyring) if apply else None

    async def work(connection: Any) -> list[tuple[int, str, str]]:
        lines = []
        for one in made.routes:
            route = one.route
            text = f"route {route.name} ({route.dialect} {route.host}:{route.port})"
            if await queries.route_by_name(connection, route.name) is not None:
                lines.append((one.line, "there already", text))
                continue
            if keyring is not None:
                await edit.create_route(connection, keyring, route)
            lines.append((one.line, "made" if apply else "to be made", text))
        accounts = [await _account(connection, one, apply=apply) for one in made.accounts]
        return lines + accounts

    return acting.change(work) if apply else acting.look(work)


async def _account(
    connection: Any, wanted: "PlannedAccount", *, apply: bool
) -> tuple[int, str, str]:
    """An account whose name and password are those of the sendsms-user."""
    from cpaas.accounts import create, queries
    from cpaas.accounts.types import Changes, NewAccount
    from cpaas.kit.errors import InputError
    from cpaas.kit.secrets import hash_password
    from cpaas.senders import decide

    text = f"account {wanted.name}"
    if await queries.account_name_taken(connection, wanted.name):
        return wanted.line, "there already", text
    if not apply:
        return wanted.line, "to be made", text
    try:
        async with connection.transaction():
            made = await create.create_account(
                connection, NewAccount(name=wanted.name, username=wanted.name)
            )
            await queries.set_smpp_password(connection, made.id, hash_password(wanted.password))
            if wanted.networks:
                await create.change_account(
                    connection, made.id, Changes(allowed_ips=wanted.networks)
                )
            for sender in wanted.senders:
                await decide.request(connection, made.id, "sms", sender)
                await decide.approve(connection, made.id, "sms", sender)
    except InputError as error:
        return wanted.line, "not made", f"{text}: {error.what}; {error.todo}"
    if made.smpp_system_id != wanted.name:
        text += f"; its programs name {made.smpp_system_id} as the user"
    return wanted.line, "made", f"{text}; temporary password of its owner: {made.password}"
