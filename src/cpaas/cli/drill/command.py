"""Proves on a private copy that nothing is lost: kills its parts under traffic, compares the books.

Exit code 1 if one line of the books is off.
"""

import asyncio
import contextlib
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer()

#: how long a message with a lost answer waits on the copy, so that a drill sees its end.
UNKNOWN_OUTCOME_SECONDS = 5
MESSAGES_A_BLOW = 250
CONNECTIONS = 16
MESSAGES = 5_000
SOAK_MESSAGES_A_BLOW = 1_000
SOAK_MESSAGES = 1_000_000
SOAK_CONNECTIONS = 32


@app.command()
def drill(  # noqa: PLR0913 one option per wish
    *,
    messages: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="To be sent; default: 5,000.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Repeats a drill; 0 = a new one.")] = 0,
    victims: Annotated[
        str,
        typer.Option(help="core,sms,postgres,smsc,webhook,network,rabbitmq,database,frozen."),
    ] = "",
    kills: Annotated[
        int, typer.Option(min=-1, max=100_000, help="How many blows; -1 = one per 250 messages.")
    ] = -1,
    queue: Annotated[str, typer.Option(help="embedded or rabbitmq.")] = "embedded",
    conns: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Connections that send; default: 16.")
    ] = None,
    soak: Annotated[
        bool, typer.Option("--soak", help="A thousand blows over a million messages.")
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0, help="No further blow after so long; 0 = until all is sent.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the report; default: drills in the home.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the copy lives, on a disk.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the copy's logs.")] = False,
    json: output.Json = False,
) -> None:
    """Kill parts of a private copy under traffic and prove that nothing is lost or doubled."""
    from cpaas.cli.drill.course import Wishes

    chosen = _victims(victims, queue)
    messages = messages or (SOAK_MESSAGES if soak else MESSAGES)
    a_blow = SOAK_MESSAGES_A_BLOW if soak else MESSAGES_A_BLOW
    wishes = Wishes(
        messages=messages,
        seed=seed or random.SystemRandom().randrange(1, 1_000_000),
        victims=chosen,
        blows=max(len(chosen), messages // a_blow) if kills < 0 else kills,
        connections=conns or (SOAK_CONNECTIONS if soak else CONNECTIONS),
        minutes=minutes,
    )
    # A plain `kill` cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answer = _run(wishes, queue, folder, report, keep=keep)
    if json:
        output.emit(answer)
    else:
        _show(answer)
    raise typer.Exit(0 if answer["good"] else 1)


def _victims(names: str, queue: str) -> Any:
    from cpaas.cli.drill.plan import NAMED_ONLY, VICTIMS

    if queue not in {"embedded", "rabbitmq"}:
        raise output.CliError(f"there is no queue {queue}", "give embedded or rabbitmq", code=2)
    possible = [one for one in VICTIMS if one != "rabbitmq" or queue == "rabbitmq"]
    if not names:
        return tuple(one for one in possible if one not in NAMED_ONLY)
    asked = [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in possible:
            raise output.CliError(
                f"{name} cannot be struck here", f"choose of {','.join(possible)}", code=2
            )
    return tuple(asked)


def _run(
    wishes: Any, queue: str, folder: Path | None, report: Path | None, *, keep: bool
) -> dict[str, Any]:
    from cpaas.cli.drill import course
    from cpaas.cli.drill.database import Database
    from cpaas.cli.private_copy import Copy

    options = {
        "CPAAS_UNKNOWN_OUTCOME_SECONDS": str(UNKNOWN_OUTCOME_SECONDS),
        "CPAAS_RESTART_SECONDS_MAX": "1",
        "CPAAS_RABBITMQ": "on" if queue == "rabbitmq" else "off",
        # Nobody opens a page of the copy, and all its messages are SMS.
        "CPAAS_CONSOLES": "off",
        "CPAAS_CHANNELS": "sms",
    }
    with contextlib.ExitStack() as stack:
        database = None
        if "database" in wishes.victims:
            home = Path(tempfile.mkdtemp(prefix="cpd", dir=folder))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            home.chmod(0o711)
            database = Database(home / "h")
            options["CPAAS_DSN"] = database.dsn
        copy = stack.enter_context(Copy(folder, **options))
        output.step(f"seed {wishes.seed}: starting a private copy in {copy.home}")
        try:
            result = asyncio.run(course.run(copy, wishes, database))
        finally:
            if keep:
                _keep(copy)
            # A second Ctrl-C must not leave half a copy behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _answer(wishes, result, _command(wishes, queue), _place(report))


def _keep(copy: Any) -> None:
    """Saves the logs and the far ends' journals from the copy's home, which is removed."""
    kept = copy.home.with_name(f"{copy.home.name}-logs")
    kept.mkdir()
    for file in (*copy.settings.logs.glob("*"), *copy.home.glob("*.journal")):
        shutil.copy(file, kept)
    output.step(f"logs: {kept}")


def _place(report: Path | None) -> Path:
    place = report or output.settings().home / "drills"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _command(wishes: Any, queue: str) -> str:
    return (
        f"./cpaas drill --messages {wishes.messages} --seed {wishes.seed} "
        f"--victims {','.join(wishes.victims)} --kills {wishes.blows} --queue {queue} "
        f"--conns {wishes.connections}"
    )


def _answer(wishes: Any, result: Any, command: str, place: Path) -> dict[str, Any]:
    from cpaas.cli.drill import report

    books = result.books
    title, made = report.verdict(result), report.sections(wishes, result, command)
    name = f"drill-{time.strftime('%Y%m%d-%H%M%S')}-{wishes.seed}"
    page, text = place / f"{name}.html", place / f"{name}.md"
    page.write_text(report.page(title, made, good=books.good))
    text.write_text(report.markdown(title, made))
    return {
        "good": books.good,
        "verdict": title,
        "seed": wishes.seed,
        "repeat": command,
        "messages": result.messages,
        "seconds": {"traffic": result.traffic_seconds, "quiet": result.quiet_seconds},
        "blows": [
            {"number": one.blow.number, "victim": one.blow.name, "deed": one.blow.deed,
             "at": one.at, "well_after": one.well_after}
            for one in result.struck
        ],
        "checks": [
            {"what": one.what, "expected": one.expected, "found": one.found, "good": one.good}
            for one in books.checks
        ],
        "in_flight": books.in_flight,
        "memory_mb": result.memory,
        "facts": books.facts,
        "samples": books.samples,
        "report": {"html": str(page), "markdown": str(text)},
    }  # fmt: skip


def _show(answer: dict[str, Any]) -> None:
    text = Path(answer["report"]["markdown"]).read_text()
    output.text(text)
    output.text(f"{answer['verdict']}\nreport: {answer['report']['html']}")
