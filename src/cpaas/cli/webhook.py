"""Shows and sets where an account's events go, through the REST API and its checks."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Show and set where an account's events go."
)
Account = Annotated[str, typer.Option(help="The account; a short-lived key is made.")]
Key = Annotated[str, typer.Option(help="API key to use instead.")]


@app.command()
def show(account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Show an account's webhook."""
    from cpaas.cli.client import api

    with api(account, key) as client:
        _tell(client.call("GET", "/v1/webhook"), json=json)


@app.command(name="set")
def set_(
    url: Annotated[str, typer.Argument(help="Where the events go.", show_default=False)],
    *,
    account: Account = "",
    key: Key = "",
    event: Annotated[
        list[str] | None, typer.Option(help="Only this event, such as message.delivered.")
    ] = None,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="New signing secret; the old one holds for 24 hours.")
    ] = False,
    json: output.Json = False,
) -> None:
    """Set an account's webhook; the first time, or rotated, prints the signing secret."""
    from cpaas.cli.client import api

    body: dict[str, Any] = {"url": url}
    if event:
        body["events"] = event
    if rotate:
        body["rotate"] = True
    with api(account, key) as client:
        _tell(client.call("PUT", "/v1/webhook", body), json=json)


def _tell(answer: dict[str, Any], *, json: bool) -> None:
    if json:
        output.emit(answer)
    else:
        output.table(("what", "value"), list(answer.items()))
