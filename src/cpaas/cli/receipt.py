"""Shows carriers' receipts that found no message, and has them tried again or thrown away."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cpaas.cli import output

if TYPE_CHECKING:
    from cpaas.pipeline.dead_letter_queries import KeptReceipt

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Look at receipts without a message."
)
Ids = Annotated[list[int], typer.Argument(help="Their ids.", show_default=False)]
_TABLE = "unmatched_receipt"


@app.command(name="list")
def list_(
    *,
    route: Annotated[str, typer.Option(help="Only of this route.")] = "",
    given_up: Annotated[
        bool | None,
        typer.Option("--given-up/--waiting", help="Only those no longer, or still, tried."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: output.Json = False,
) -> None:
    """Show the newest receipts that belong to no message."""
    from cpaas.cli import acting
    from cpaas.pipeline import dead_letter_queries as queries

    rows = [
        _shown(one)
        for one in acting.look(
            lambda connection: queries.receipts(
                connection, route=route, given_up=given_up, most=limit
            )
        )
    ]
    if json:
        output.emit({"receipts": rows})
        return
    columns = ("id", "route", "provider_message_id", "state", "to", "tries", "received_at",
               "next_try_at", "given_up_at")  # fmt: skip
    output.table(columns, [[row[column] for column in columns] for row in rows])


@app.command()
def show(
    receipt: Annotated[int, typer.Argument(help="Its id.", show_default=False)],
    json: output.Json = False,
) -> None:
    """Show one receipt with what the carrier sent."""
    from cpaas.cli import acting
    from cpaas.pipeline import dead_letter_queries as queries

    found = acting.look(lambda connection: queries.receipt(connection, receipt))
    if found is None:
        raise output.CliError(f"no receipt {receipt} is kept", "list them: cpaas receipt list")
    shown = _shown(found) | {"raw": found.raw.decode("utf-8", "backslashreplace")}
    if json:
        output.emit(shown)
    else:
        output.table(("what", "value"), [(k, v) for k, v in shown.items() if v not in ("", None)])


@app.command()
def retry(receipts: Ids, json: output.Json = False) -> None:
    """Try receipts again at once; given up ones for another 72 hours."""
    from cpaas.pipeline import dead_letter_queries as queries

    _decide("retry", receipts, queries.retry_receipts, "retried", json=json)


@app.command()
def discard(receipts: Ids, json: output.Json = False) -> None:
    """Throw receipts away."""
    from cpaas.pipeline import dead_letter_queries as queries

    _decide("discard", receipts, queries.delete_receipts, "discarded", json=json)


def _decide(action: str, ids: list[int], statement: Any, word: str, *, json: bool) -> None:
    from cpaas.audit.queries import record
    from cpaas.cli import acting

    async def work(connection: Any) -> list[int]:
        done: list[int] = await statement(connection, ids)
        for one in done:
            await record(connection, action, _TABLE, str(one))
        return done

    done = acting.change(work)
    if not done:
        raise output.CliError("none of these receipts is kept", "list them: cpaas receipt list")
    if json:
        output.emit({word: done})
    else:
        output.text(f"{word}: {len(done)} receipts")


def _shown(receipt: "KeptReceipt") -> dict[str, Any]:
    from cpaas.cli.deadletter import iso

    return {
        "id": receipt.id,
        "route": receipt.route,
        "provider_message_id": receipt.provider_message_id,
        "state": receipt.state,
        "error_code": receipt.error_code,
        "to": receipt.recipient,
        "from": receipt.sender,
        "tries": receipt.tries,
        "received_at": iso(receipt.received_us),
        "next_try_at": iso(receipt.next_try_us),
        "given_up_at": iso(receipt.given_up_us),
    }
