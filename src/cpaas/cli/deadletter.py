"""Shows what could not be worked, and replays or discards it; every decision is audited."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cpaas.cli import output

if TYPE_CHECKING:
    from cpaas.pipeline.dead_letter_queries import DeadLetter
    from cpaas.pipeline.dead_letters import Discarded

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Look at dead letters, replay, discard."
)
Ids = Annotated[list[int] | None, typer.Argument(help="Their ids.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All, or all of the queue and account named.")]
Queue = Annotated[str, typer.Option(help="Only of this queue, such as cpaas.sms.submit.")]
Account = Annotated[str, typer.Option(help="Only of this account.")]
AT_ONCE_MAX = 1000


@app.command(name="list")
def list_(
    *,
    queue: Queue = "",
    account: Account = "",
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show the newest dead letters."""
    from cpaas.cli import acting
    from cpaas.pipeline import dead_letter_queries

    async def work(connection: Any) -> list[Any]:
        account_id = await acting.account_id(connection, account) or 0
        return await dead_letter_queries.newest(
            connection, queue=queue, account_id=account_id, most=limit
        )

    rows = [_shown(letter) for letter in acting.look(work)]
    if json:
        output.emit({"dead_letters": rows})
        return
    columns = ("id", "queue", "account", "messages", "tries", "created_at", "reason")
    output.table(columns, [[row[column] for column in columns] for row in rows])


@app.command()
def show(
    letter: Annotated[int, typer.Argument(help="Its id.", show_default=False)],
    json: output.Json = False,
) -> None:
    """Show one dead letter and the messages in it."""
    from cpaas.cli import acting

    found = acting.look(lambda connection: _with_content(connection, letter))
    if json:
        output.emit(found)
        return
    inside = [*found.pop("message_list"), *found.pop("event_list")]
    output.table(("what", "value"), [(k, v) for k, v in found.items() if v not in ("", None)])
    if inside:
        columns = list(inside[0])
        output.table(columns, [list(one.values()) for one in inside])


@app.command()
def replay(
    letters: Ids = None,
    *,
    all_: All = False,
    queue: Queue = "",
    account: Account = "",
    json: output.Json = False,
) -> None:
    """Give dead letters back to their queues."""
    from cpaas.cli import acting
    from cpaas.pipeline import dead_letters

    async def work(connection: Any) -> list[int]:
        ids = await _ids(connection, letters, every=all_, queue=queue, account=account)
        return await dead_letters.replay(connection, ids)

    done = _some(acting.change(work), letters)
    if json:
        output.emit({"replayed": done})
    else:
        output.text(f"given back to their queues: {len(done)} dead letters")


@app.command()
def discard(
    letters: Ids = None,
    *,
    all_: All = False,
    queue: Queue = "",
    account: Account = "",
    json: output.Json = False,
) -> None:
    """Throw dead letters away; their waiting messages end as REJECTED and are refunded."""
    from cpaas.cli import acting
    from cpaas.pipeline import dead_letters

    async def work(connection: Any) -> "Discarded":
        ids = await _ids(connection, letters, every=all_, queue=queue, account=account)
        context = await acting.context(connection)
        return await dead_letters.discard(connection, context, ids, acting.actor())

    done = acting.change(work)
    _some(done.letters, letters)
    if json:
        output.emit({"discarded": done.letters, "messages_ended": done.ended})
    else:
        output.text(f"discarded {len(done.letters)} dead letters; {done.ended} messages ended")


async def _ids(
    connection: Any, ids: list[int] | None, *, every: bool, queue: str, account: str
) -> list[int]:
    from cpaas.cli import acting
    from cpaas.pipeline import dead_letter_queries

    if bool(ids) == every:
        raise output.CliError(
            "it is not said which dead letters", "name their ids, or --all; list them first"
        )
    if ids:
        return ids
    account_id = await acting.account_id(connection, account) or 0
    return await dead_letter_queries.ids_of(
        connection, queue=queue, account_id=account_id, most=AT_ONCE_MAX
    )


def _some(done: list[int], asked: list[int] | None) -> list[int]:
    if asked and not done:
        names = ", ".join(str(one) for one in asked)
        raise output.CliError(f"no dead letter {names}", "list them: cpaas deadletter list")
    return done


async def _with_content(connection: Any, letter_id: int) -> dict[str, Any]:
    from cpaas.pipeline import dead_letter_queries, dead_letters

    letters = await dead_letter_queries.locked(connection, [letter_id])
    if not letters:
        raise output.CliError(f"no dead letter {letter_id}", "list them: cpaas deadletter list")
    content = dead_letters.content(letters[0])
    now = await dead_letter_queries.statuses(connection, [one[0] for one in content.messages])
    return {
        **_shown(letters[0]),
        "unreadable": content.unreadable,
        "bytes": len(letters[0].payload),
        "message_list": [
            {"id": _uuid(one), "to": to, "attempt": attempt, "status": now.get(one, "gone")}
            for one, to, attempt in content.messages
        ],
        "event_list": [
            {"id": _uuid(one), "type": kind, "message": _uuid(message)}
            for one, kind, message in content.events
        ],
    }


def _shown(letter: "DeadLetter") -> dict[str, Any]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "account": letter.account or letter.account_id,
        "messages": letter.messages,
        "tries": letter.tries,
        "created_at": iso(letter.created_us),
        "reason": letter.reason,
    }


def iso(micros: int | None) -> str | None:
    """A moment as people and programs read it."""
    if micros is None:
        return None
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="milliseconds")


def _uuid(value: bytes) -> str:
    from uuid import UUID

    return str(UUID(bytes=value)) if len(value) == 16 else value.hex()
