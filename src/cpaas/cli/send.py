"""Sends one message through the REST API and, if asked, waits for how it ends."""

import time
from typing import Annotated, Any, Final

import typer

from cpaas.cli import output

app = typer.Typer()
POLL_SECONDS: Final = 0.2


@app.command()
def send(  # noqa: PLR0913 one option per field of a message
    *,
    to: Annotated[str, typer.Option(help="Recipient, such as +919876543210.")],
    text: Annotated[str, typer.Option(help="Text of the message.")],
    account: Annotated[str, typer.Option(help="Whose message; a short-lived key is made.")] = "",
    key: Annotated[str, typer.Option(help="API key to use instead.")] = "",
    test: Annotated[bool, typer.Option("--test", help="Only to the built-in carrier.")] = False,
    sender: Annotated[str, typer.Option("--from", help="Sender; the default if left out.")] = "",
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    traffic_class: Annotated[str, typer.Option(help="otp, transactional, promotional.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its final status.")] = False,
    wait_seconds: Annotated[int, typer.Option(help="How long to follow it.", min=1)] = 60,
    json: output.Json = False,
) -> None:
    """Send a message and print its id."""
    from cpaas.cli.client import api

    body = {"channel": channel, "to": to, "text": text, "from": sender,
            "traffic_class": traffic_class}  # fmt: skip
    with api(account, key, kind="test" if test else "live") as client:
        answer = client.call("POST", "/v1/messages", {k: v for k, v in body.items() if v})
        if not json:
            output.text(answer["id"])
        if wait:
            answer = _follow(client, answer, wait_seconds, quiet=json)
    if json:
        output.emit(answer)


def _follow(client: Any, answer: dict[str, Any], seconds: int, *, quiet: bool) -> dict[str, Any]:
    from cpaas.messages.statuses import FINAL

    deadline = time.monotonic() + seconds
    told = ""
    while True:
        if answer["status"] != told and not quiet:
            output.text(" ".join(filter(None, (answer["status"], answer.get("error_code")))))
        told = answer["status"]
        if told in FINAL:
            return answer
        if time.monotonic() > deadline:
            raise output.CliError(
                f"{answer['id']} is still {told} after {seconds} s",
                f"look at it: cpaas message timeline {answer['id']}",
            )
        time.sleep(POLL_SECONDS)
        answer = client.call("GET", f"/v1/messages/{answer['id']}")
