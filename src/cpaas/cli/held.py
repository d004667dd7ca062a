"""Decides about messages that a restored backup had under way: they may have been sent since."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, help="Decide about messages that a restored backup had under way."
)
Account = Annotated[str, typer.Option(help="Only of this account.")]
Lane = Annotated[str, typer.Option(help="Only otp, transactional or promotional.")]
Was = Annotated[str, typer.Option(help="Only what was SCHEDULED, QUEUED or SENDING.")]
All = Annotated[bool, typer.Option("--all", help="All, or all of those named.")]


@app.command(name="list")
def list_(json: output.Json = False) -> None:
    """Show what is held, by account, lane and the status in the backup."""
    from cpaas.api.times import iso
    from cpaas.cli import acting
    from cpaas.pipeline import held_queries

    async def work(connection: Any) -> list[Any]:
        context = await acting.context(connection)
        return await held_queries.waiting(connection, context.now_us)

    rows = [
        {"account": one.account, "lane": one.lane, "was": one.was, "messages": one.messages,
         "still_valid": one.still_valid, "oldest": iso(one.oldest_us)}
        for one in acting.look(work)
    ]  # fmt: skip
    if json:
        output.emit({"held": rows})
    elif rows:
        output.table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        output.text("nothing is held")


@app.command()
def send(
    *,
    account: Account = "",
    lane: Lane = "",
    was: Was = "",
    all_: All = False,
    json: output.Json = False,
) -> None:
    """Send them again: whoever got one since the backup gets it twice."""
    _decide("send", account=account, lane=lane, was=was, every=all_, json=json)


@app.command()
def end(
    *,
    account: Account = "",
    lane: Lane = "",
    was: Was = "",
    all_: All = False,
    json: output.Json = False,
) -> None:
    """End them as FAILED with unknown_outcome, refunded as their account's policy says."""
    _decide("end", account=account, lane=lane, was=was, every=all_, json=json)


def _decide(decision: Any, *, account: str, lane: str, was: str, every: bool, json: bool) -> None:
    from cpaas.cli import acting
    from cpaas.db.actor import acting as audited
    from cpaas.pipeline import held

    if not (every or account or lane or was):
        raise output.CliError(
            "which messages?", "give --all, or --account, --lane or --was", code=2
        )
    total = {"sent": 0, "ended": 0, "partly_accepted": 0}

    async def work(connection: Any) -> None:
        account_id = await acting.account_id(connection, account) or 0
        context = await acting.context(connection)
        after = b""
        while True:
            async with audited(connection, acting.actor(), note=f"held {decision}"):
                done = await held.decide(
                    connection, context, decision, acting.actor(), account_id=account_id,
                    lane=lane, was=was, after=after,
                )  # fmt: skip
            if not done.last:
                return
            after = done.last
            total["sent"] += done.sent
            total["ended"] += done.ended
            total["partly_accepted"] += done.partly

    acting.look(work)
    if json:
        output.emit(total)
        return
    output.text(f"sent again: {total['sent']}; ended: {total['ended']}")
    if total["partly_accepted"]:
        output.text(
            f"{total['partly_accepted']} were accepted in part and are not sent again whole:"
            " end them"
        )
