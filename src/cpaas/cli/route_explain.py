"""Tells how a message would go and why, with the very function that routes."""

import time
from typing import Annotated, Any

import typer

from cpaas.cli import output


def explain(
    *,
    account: Annotated[str, typer.Option(help="Whose message.")],
    to: Annotated[str, typer.Option(help="Recipient, such as +919876543210.")],
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    from_: Annotated[str, typer.Option("--from", help="Sender; else the default one.")] = "",
    traffic_class: Annotated[
        str, typer.Option(help="otp, transactional or promotional.")
    ] = "transactional",
    template: Annotated[str, typer.Option(help="Name of its template.")] = "",
    test_key: Annotated[bool, typer.Option("--test-key", help="As with a test key.")] = False,
    json: output.Json = False,
) -> None:
    """Tell which rule and routes a message would take, and why each other is passed over."""
    from cpaas.cli import acting
    from cpaas.routes.queries import live_states
    from cpaas.routing.asked import Asked, Told, answer
    from cpaas.snapshot.load import ROUTING, load_all

    asked = Asked(
        account=account, to=to, channel=channel, sender=from_, traffic_class=traffic_class,
        template=template, test_key=test_key,
    )  # fmt: skip
    settings = output.settings()

    async def work(connection: Any) -> Told:
        snapshot = await load_all(connection, ROUTING, {"timezone": settings.timezone})
        now_us = time.time_ns() // 1000
        return answer(snapshot, asked, now_us, await live_states(connection))

    found = acting.look(work)
    if json:
        output.emit(found)
        return
    output.text(f"{found.channel} of {found.account} to {found.to} from {found.sender or '?'}")
    output.text(f"  {found.decision}")
    output.table(
        ("place", "route", "state", "why"),
        [(r.place or "-", r.route, r.state, r.why) for r in found.routes],
    )
    output.table(
        ("rule", "leads to", "verdict", "why"),
        [(r.rule, r.target, r.verdict, r.why) for r in found.rules],
    )
