"""Works on the database itself: its schema, its address, its backups."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True)


@app.command()
def migrate(
    verbose: Annotated[bool, typer.Option(help="Show everything that is said.")] = False,
    json: output.Json = False,
) -> None:
    """Bring the schema up to date and make the coming days' partitions."""
    from cpaas.db import migrate as migrations

    applied: list[str] = []

    def report(line: str) -> None:
        applied.append(line.removeprefix("Applying "))
        if not json:
            output.step(line)

    asyncio.run(
        migrations.migrate(
            output.settings().dsn(), report, said=output.step if verbose else migrations.silent
        )
    )
    if json:
        output.emit({"applied": applied})
    else:
        output.text(f"{len(applied)} applied" if applied else "up to date")


@app.command(name="shell-dsn")
def shell_dsn(json: output.Json = False) -> None:
    """Print the address with its password, for psql: psql "$(cpaas db shell-dsn)"."""
    dsn = output.settings().dsn()
    output.emit({"dsn": dsn}) if json else output.text(dsn)


@app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="A new file, or a folder.", show_default=False)
    ] = None,
    json: output.Json = False,
) -> None:
    """Save database, keyring and settings in one archive, also while the platform runs."""
    from cpaas.cli import db_backup

    path = db_backup.named(file, dt.datetime.now(dt.UTC))
    manifest = asyncio.run(db_backup.backup(output.settings(), path))
    size = path.stat().st_size
    output.step(
        f"warning: {path} holds the keyring and all data; whoever has it has every secret."
        " Keep it where only you can read it."
    )
    if json:
        output.emit({"file": str(path), "bytes": size, "counts": manifest.counts,
                     "version": manifest.version, "made_at": manifest.made_at})  # fmt: skip
    else:
        output.text(f"saved {manifest.counts['messages']} messages in {path} ({size / 1e6:.1f} MB)")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.", show_default=False)],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Put data that is there aside, and say what is lost.")
    ] = False,
    in_flight: Annotated[
        str,
        typer.Option(help="hold, or send: only if the platform never ran after the backup."),
    ] = "hold",
    json: output.Json = False,
) -> None:
    """Bring a backup back into an empty home; what was under way is held, not sent."""
    from cpaas.cli import db_restore

    if in_flight not in {"hold", "send"}:
        raise output.CliError(f"--in-flight {in_flight}?", "give hold or send", code=2)
    manifest, held, aside = db_restore.run(
        output.settings(), file, force=force, hold=in_flight == "hold"
    )
    if json:
        output.emit({"made_at": manifest.made_at, "version": manifest.version,
                     "counts": manifest.counts, "replaced": aside or None,
                     "held": held.messages if held else 0,
                     "scheduled_later": held.scheduled_later if held else None,
                     "buried": held.buried if held else 0})  # fmt: skip
        return
    output.text(f"restored {manifest.counts['messages']} messages as of {manifest.made_at}")
    if held and held.messages:
        output.text(
            f"{held.messages} messages were under way and may have been sent since: they are held"
        )
        output.text("  -> cpaas up, wait for receipts, then decide: cpaas held list")


@app.command()
def upgrade(
    backup: Annotated[
        Path | None, typer.Option(help="File or folder of the backup; default: in the home.")
    ] = None,
    json: output.Json = False,
) -> None:
    """Bring a stopped platform's database to this version; saves it first."""
    from cpaas.cli import db_upgrade

    done = asyncio.run(db_upgrade.upgrade(output.settings(), backup))
    if json:
        output.emit(done)
    elif done["applied"]:
        output.text(f"{len(done['applied'])} applied; the way back: {done['backup']}")
    else:
        output.text("up to date")
