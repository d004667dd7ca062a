"""Campaigns by command, through the REST API, so that a command meets a customer's checks."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cpaas.cli import output

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Make, start, follow and stop campaigns."
)
Account = Annotated[str, typer.Option(help="Whose; a short-lived key is made.")]
Key = Annotated[str, typer.Option(help="API key to use instead.")]
Id = Annotated[int, typer.Argument(help="The campaign's id.", show_default=False)]
POLL_SECONDS: Final = 0.5
_SETTLED: Final = frozenset({"READY", "REFUSED"})
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "PAUSED"})


@app.command()
def create(  # noqa: PLR0913 one option per field of a campaign
    file: Annotated[Path, typer.Argument(help="CSV or XLSX.", exists=True, dir_okay=False)],
    *,
    text: Annotated[
        str, typer.Option(help="Text; {{name}} is the row's cell of that column.")
    ] = "",
    template: Annotated[str, typer.Option(help="Approved template, instead of text.")] = "",
    name: Annotated[str, typer.Option(help="The file's name if left out.")] = "",
    account: Account = "",
    key: Key = "",
    test: Annotated[bool, typer.Option("--test", help="Only to the built-in carrier.")] = False,
    sender: Annotated[str, typer.Option("--from", help="Sender; the default if left out.")] = "",
    channel: Annotated[str, typer.Option(help="sms, whatsapp, rcs or voice.")] = "sms",
    traffic_class: Annotated[str, typer.Option(help="otp, transactional, promotional.")] = "",
    number_column: Annotated[str, typer.Option(help="Found by itself if left out.")] = "",
    country: Annotated[str, typer.Option(help="Of numbers without a country code.")] = "",
    rate: Annotated[int, typer.Option(help="Messages a second; 0 = as routes allow.")] = 0,
    send_at: Annotated[str, typer.Option(help="Such as 2026-12-01T09:00:00Z.")] = "",
    hours: Annotated[str, typer.Option(help="Such as 09:00-18:00.")] = "",
    zone: Annotated[str, typer.Option(help="Of the hours; recipient = each one's own.")] = "",
    start: Annotated[bool, typer.Option("--start", help="Start it once it is checked.")] = False,
    json: output.Json = False,
) -> None:
    """Make a campaign from a file, and wait until its rows are checked."""
    body: dict[str, Any] = {
        "name": name or file.name, "channel": channel, "text": text, "template": template,
        "from": sender or None,
        "traffic_class": traffic_class or "transactional", "rate": rate,
        "send_at": send_at or None, "mapping": {"number_column": number_column, "country": country},
        "window": {"hours": [hours] if hours else [], "zone": zone},
    }  # fmt: skip
    with _api(account, key, test=test) as client:
        made = client.call("POST", "/v1/campaigns", body)
        client.upload(f"/v1/campaigns/{made['id']}/file", file)
        shown = _checked(client, made["id"])
        if start and shown["file"]["state"] == "READY":
            shown = client.call("POST", f"/v1/campaigns/{made['id']}/start")
    _show(shown, json=json)


def _checked(client: Any, campaign_id: int) -> dict[str, Any]:
    while True:
        shown: dict[str, Any] = client.call("GET", f"/v1/campaigns/{campaign_id}")
        state = shown["file"]["state"]
        # Without text or template there is nothing to check its rows with.
        says_something = shown["text"] or shown["template"]
        if state in _SETTLED and (shown["checked"] or state == "REFUSED" or not says_something):
            return shown
        time.sleep(POLL_SECONDS)


@app.command(name="list")
def list_(account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Show campaigns, newest first."""
    with _api(account, key) as client:
        rows = client.call("GET", "/v1/campaigns")["data"]
    if json:
        output.emit(rows)
        return
    output.table(
        ("ID", "Campaign Name", "Channel", "Status", "Total Records", "Processed", "Failed"),
        [
            (
                one["id"], one["name"], one["channel"], one["status_text"], one["total_records"],
                one["processed"], one["failed"],
            )
            for one in rows
        ],
    )  # fmt: skip


@app.command()
def show(
    campaign: Id,
    account: Account = "",
    key: Key = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    json: output.Json = False,
) -> None:
    """Show how far a campaign is."""
    with _api(account, key) as client:
        while True:
            shown = client.call("GET", f"/v1/campaigns/{campaign}")
            if not wait or shown["status"] in _ENDED:
                break
            time.sleep(POLL_SECONDS)
    _show(shown, json=json)


@app.command()
def intelligence(
    campaign: Id, account: Account = "", key: Key = "", json: output.Json = False
) -> None:
    """Show what a campaign would cost, take and reach."""
    with _api(account, key) as client:
        found = client.call("GET", f"/v1/campaigns/{campaign}/intelligence")
    if json:
        output.emit(found)
        return
    delivery, spam = found["delivery"], found["spam"]
    output.text(f"{found['messages']} messages, {found['segments']} segments")
    output.text(f"cost {found['cost']} {found['currency']} of {found['balance']}")
    output.text(f"finishes {found['finishes_at'] or 'as fast as its routes take it'}")
    share = "unknown" if delivery["share"] is None else f"{delivery['share']:.1%}"
    output.text(f"predicted delivery {share}, confidence {delivery['confidence']}")
    output.text(f"likeness to spam {spam['score']} of 100 ({spam['level']})")
    for sign in spam["signs"]:
        output.text(f"  {sign['what']} -> {sign['todo']}")


@app.command()
def start(campaign: Id, account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Start a checked campaign."""
    _do("start", campaign, account, key, json=json)


@app.command()
def pause(campaign: Id, account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Hold whatever no carrier has yet, within two seconds."""
    _do("pause", campaign, account, key, json=json)


@app.command()
def resume(campaign: Id, account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Go on with the next row."""
    _do("resume", campaign, account, key, json=json)


@app.command()
def cancel(campaign: Id, account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """End it; what no carrier has is taken back with its price."""
    _do("cancel", campaign, account, key, json=json)


@app.command()
def retry(campaign: Id, account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Send again only to rows that failed."""
    _do("retry", campaign, account, key, json=json)


@app.command()
def errors(campaign: Id, account: Account = "", key: Key = "", json: output.Json = False) -> None:
    """Show errors by reason, each with what to do."""
    with _api(account, key) as client:
        rows = client.call("GET", f"/v1/campaigns/{campaign}/errors")["data"]
    if json:
        output.emit(rows)
        return
    output.table(
        ("Reason", "Rows", "What to do"),
        [(one["code"], one["rows"], one["advice"]) for one in rows],
    )


def _do(deed: str, campaign: int, account: str, key: str, *, json: bool) -> None:
    with _api(account, key) as client:
        shown = client.call("POST", f"/v1/campaigns/{campaign}/{deed}")
    _show(shown, json=json)


@contextlib.contextmanager
def _api(account: str, key: str, *, test: bool = False) -> Iterator[Any]:
    from cpaas.cli.client import api

    with api(account, key, kind="test" if test else "live") as client:
        yield client


def _show(shown: dict[str, Any], *, json: bool) -> None:
    if json:
        output.emit(shown)
        return
    file = shown["file"]
    output.text(f"{shown['id']} {shown['name']}: {shown['status_text']}")
    if shown["reason"]:
        output.text(f"  {shown['reason']}")
    if file["error"]:
        output.text(f"  {file['error_code']}: {file['error']}")
    output.text(
        f"  {shown['total_records']} records, {shown['processed']} processed,"
        f" {shown['delivered']} delivered, {shown['failed']} failed,"
        f" {shown['duplicates']} duplicates, {shown['blocked']} blocked; cost {shown['cost']}"
    )
