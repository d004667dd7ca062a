"""Looks at messages of all accounts, straight in the database, also while no service runs."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from cpaas.cli import output
from cpaas.kit import money

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Look at messages.")
Id = Annotated[str, typer.Argument(help="The message's id.", show_default=False)]
_TIMES = ("created_at", "send_at", "routed_at", "claimed_at", "submitted_at", "delivered_at",
          "read_at", "final_at", "valid_until")  # fmt: skip
_WHY = {
    "QUEUED": "its validity is over",
    "SENDING": "the carrier's answer has not come for 5 minutes",
    "SUBMITTED": "no receipt for 24 hours",
}
_WORDS = {
    "created_at": "accepted",
    "routed_at": "routed",
    "claimed_at": "claimed",
    "submitted_at": "submitted",
    "delivered_at": "delivered",
    "read_at": "read",
}


@app.command()
def show(message: Id, json: output.Json = False) -> None:
    """Show one message."""
    from cpaas.cli import acting

    found = _shown(acting.look(lambda connection: _found(connection, message)))
    if json:
        output.emit(found)
    else:
        output.table(("what", "value"), [(k, v) for k, v in found.items() if v not in ("", None)])


@app.command()
def timeline(message: Id, json: output.Json = False) -> None:
    """Show what happened to a message, in order."""
    from cpaas.cli import acting, queries
    from cpaas.kit.ids import lowest_at, milliseconds

    async def work(connection: Any) -> tuple[Any, list[Any], list[Any], list[Any]]:
        row = await _found(connection, message)
        until = lowest_at(milliseconds(row["id"]) + 7 * 86_400_000)
        return (
            row,
            await queries.message_events(connection, row["id"]),
            await queries.message_parts(connection, row["id"]),
            await queries.message_webhooks(connection, row["account_id"], row["id"], until),
        )

    steps = _steps(*acting.look(work))
    if json:
        output.emit({"id": message, "timeline": steps})
        return
    output.table(("time", "what", "details"), [(s["at"], s["what"], s["text"]) for s in steps])


@app.command(name="list")
def list_(
    *,
    account: Annotated[str, typer.Option(help="Only this account.")] = "",
    status: Annotated[str, typer.Option(help="Only this status, such as FAILED.")] = "",
    to: Annotated[str, typer.Option(help="Only this recipient.")] = "",
    hours: Annotated[int, typer.Option(help="How far back.", min=1, max=24 * 366)] = 24,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show the newest messages."""
    from cpaas.cli import acting, queries
    from cpaas.kit.ids import lowest_at

    since = lowest_at(int(time.time() * 1000) - hours * 3_600_000)

    async def work(connection: Any) -> list[Any]:
        return await queries.messages(
            connection,
            since,
            account_id=await acting.account_id(connection, account) or 0,
            status=status.upper(),
            recipient=to,
            most=limit,
        )

    rows = [_shown(row) for row in acting.look(work)]
    if json:
        output.emit({"messages": rows})
        return
    columns = ("id", "account", "to", "from", "status", "route", "price", "error_code")
    output.table(columns, [[row[column] for column in columns] for row in rows])


@app.command()
def stuck(
    hours: Annotated[int, typer.Option(help="How far back.", min=1, max=24 * 366)] = 96,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show messages that should have gone on: waiting too long, or without answer or receipt."""
    from cpaas.cli import acting, queries
    from cpaas.kit.ids import lowest_at

    since = lowest_at(int(time.time() * 1000) - hours * 3_600_000)
    rows = [
        _shown(row) | {"why": _WHY[row["status"]]}
        for row in acting.look(lambda connection: queries.stuck_messages(connection, since, limit))
    ]
    if json:
        output.emit({"messages": rows})
        return
    columns = ("id", "account", "to", "status", "route", "attempt", "created_at", "why")
    output.table(columns, [[row[column] for column in columns] for row in rows])


async def _found(connection: Any, text: str) -> Any:
    from cpaas.cli import queries

    try:
        message_id = UUID(text)
    except ValueError:
        raise output.CliError(f"{text!r} is no message id", "write it as the API gave it") from None
    row = await queries.message(connection, message_id)
    if row is None:
        raise output.CliError(f"there is no message {text}", "list them: cpaas message list")
    return row


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "account": row["account"],
        "channel": row["channel"],
        "to": row["recipient"],
        "from": row["sender"],
        "status": row["status"],
        "text": row["body"],
        "encoding": row["encoding"],
        "segments": row["segments"],
        "traffic_class": row["lane"],
        "is_test": row["is_test"],
        "route": row["route"],
        "decision": row["decision"],
        "attempt": row["attempt"],
        "provider_message_id": row["provider_message_id"],
        "price": money.show(row["price_micro"] - row["refunded_micro"]),
        "carrier_cost": money.show(row["carrier_cost_micro"]),
        "margin": money.show(
            row["price_micro"] - row["refunded_micro"] - row["carrier_cost_micro"]
        ),
        "error_code": row["error_code"],
        "error": row["error"],
        "reference": row["reference"],
        **{name: _iso(row[name]) for name in _TIMES},
    }


def _steps(
    row: Any, events: list[Any], parts: list[Any], webhooks: list[Any]
) -> list[dict[str, str]]:
    facts = {
        "routed_at": f"{row['decision']} (rule {row['rule_id']})"
        if row["rule_id"]
        else row["decision"],
        "claimed_at": f"route {row['route']}, attempt {row['attempt']},"
        f" instance {row['claimed_by']}",
        "submitted_at": row["provider_message_id"] or "",
    }
    found = [(row[name], word, facts.get(name, "")) for name, word in _WORDS.items() if row[name]]
    if row["final_at"]:
        found.append(
            (row["final_at"], row["status"], f"{row['error_code']} {row['error']}".strip())
        )
    found += [(e["at"], e["kind"], _told(e)) for e in events]
    for part in parts:
        found += _part(part)
    found += [
        (
            w["last_attempt_at"] or w["created_at"],
            f"webhook {w['event_type']}",
            f"{w['status']}, attempts: {w['attempts']} {w['last_status']} {w['last_error']}",
        )
        for w in webhooks
    ]
    found.sort(key=lambda step: step[0])
    return [{"at": _iso(at) or "", "what": what, "text": text} for at, what, text in found]


def _part(part: Any) -> list[tuple[datetime, str, str]]:
    """What a carrier said of a part, or of an attempt before the last one."""
    name = f"part {part['part_no']}" if part["part_no"] else f"attempt {part['attempt']}"
    said = f"{part['provider_id']} (route {part['route']}, attempt {part['attempt']})"
    ended = f"{part['provider_id']} {part['error_code']}".strip()
    steps = [
        (part["submitted_at"], f"{name} submitted", said),
        (part["final_at"], f"{name} {part['status']}", ended),
    ]
    return [step for step in steps if step[0] is not None]


def _told(event: Any) -> str:
    """What an event says, who wrote it, and the operator's facts beside it."""
    where = f", route {event['route']}" if event["route"] else ""
    by = event["actor"] or "platform"
    return f"{event['text']} ({by}, attempt {event['attempt']}{where}) {event['details']}".strip()


def _iso(moment: datetime | None) -> str | None:
    return moment if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")
