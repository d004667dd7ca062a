"""Below Monitoring: dead letters and receipts without a message, to be replayed or given up."""

from datetime import UTC, datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import cells
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.pipeline import dead_letter_queries, dead_letters
from cpaas.pipeline.transitions import Context
from cpaas.snapshot.load import EMPTY, LOADERS, load

PAGE_ROWS: Final = 50
SHOWN_MAX: Final = 1_000
_LETTERS: Final = (
    Column("Queue"), Column("Account"), Column("Messages", right=True),
    Column("Tries", right=True), Column("Reason", wide=True), Column("Since", right=True),
    Column("Control", right=True),
)  # fmt: skip
_RECEIPTS: Final = (
    Column("Provider message ID", wide=True), Column("Route"), Column("State"), Column("Error"),
    Column("Tries", right=True), Column("Received", right=True), Column("Control", right=True),
)  # fmt: skip


async def counts(connection: Any) -> dict[str, str]:
    """How many dead letters and kept receipts there are, up to a bound."""
    letters, kept = await dead_letter_queries.waiting(connection, SHOWN_MAX)
    return {"letters": _many(letters), "receipts": _many(kept)}


def _many(number: int) -> str:
    return f"{number}{'+' if number == SHOWN_MAX else ''}"


def letters(request: HttpRequest) -> HttpResponse:
    """What could not be worked, newest first."""
    before = int(cursor(request)) if cursor(request).isdigit() else 2**63 - 1
    found = look(
        request,
        lambda c: dead_letter_queries.newest(
            c, queue="", account_id=0, before_id=before, most=PAGE_ROWS + 1
        ),
    )
    page = found[:PAGE_ROWS]
    table = Table(
        columns=_LETTERS,
        rows=[
            Row(
                [
                    cells.mono(one.queue), one.account or cells.NOTHING, cells.count(one.messages),
                    cells.count(one.tries), one.reason, cells.time(one.created_us),
                    _buttons(request, f"/monitoring/dead-letters/{one.id}/", _LETTER_DEEDS),
                ]
            )
            for one in page
        ],
        next_cursor=str(page[-1].id) if len(found) > PAGE_ROWS else "",
        first_page=not cursor(request),
        empty_title="No dead letters",
        empty_text="What could not be worked after all its tries would stand here with its reason,"
        " to be replayed once the reason is gone.",
        dense=False,
    )  # fmt: skip
    context = {"title": "Dead letters", "table": table}
    return render(request, "admin_console/monitoring_letters.html", context)


_LETTER_DEEDS: Final = (
    ("replay", "Replay", "replay", "Replay this dead letter?",
     "It goes back to its queue and is tried again. What has gone on meanwhile is left alone."),
    ("discard", "Discard", "delete", "Discard this dead letter?",
     "Its messages that still wait end as REJECTED and are refunded. This cannot be undone."),
)  # fmt: skip
_RECEIPT_DEEDS: Final = (
    ("retry", "Retry", "replay", "Try this receipt again?",
     "Its message is looked for again, for another 72 hours."),
    ("discard", "Discard", "delete", "Discard this receipt?",
     "What the carrier said of this message is thrown away. This cannot be undone."),
)  # fmt: skip


def _buttons(request: HttpRequest, link: str, deeds: Any) -> Any:
    token = get_token(request)
    return cells.beside(
        *(
            format_html(
                '<form method="post" action="{}{}/" class="inline" data-confirm="{}"'
                ' data-confirm-text="{}" data-confirm-yes="{}" data-confirm-no="Leave it">'
                '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
                '<button class="button-row"><span class="material-symbols-outlined"'
                ' aria-hidden="true">{}</span>{}</button></form>',
                link, deed, question, text, word, token, icon, word,
            )
            for deed, word, icon, question, text in deeds
        )
    )  # fmt: skip


@require_POST
def decide(request: HttpRequest, letter: int, deed: str) -> HttpResponse:
    """Gives a dead letter back to its queue, or throws it away."""
    if deed not in {"replay", "discard"}:
        raise Http404("There is no such deed.")
    actor = acting(request).actor

    async def work(connection: Any) -> str:
        if deed == "replay":
            done = await dead_letters.replay(connection, [letter])
            return "It is back in its queue." if done else ""
        ended = await dead_letters.discard(connection, await _context(connection), [letter], actor)
        return f"Discarded; {ended.ended} messages ended as REJECTED." if ended.letters else ""

    said = change(request, work)
    if said:
        messages.success(request, said)
    else:
        messages.error(request, "This dead letter is not there any more.")
    return redirect("monitoring:letters")


async def _context(connection: Any) -> Context:
    settings = runtime().settings
    defaults: dict[str, object] = {"currency": settings.currency, "timezone": settings.timezone}
    snapshot = await load(connection, EMPTY, LOADERS, defaults)
    return Context(snapshot, 0, int(datetime.now(UTC).timestamp() * 1_000_000))


def receipts(request: HttpRequest) -> HttpResponse:
    """Receipts whose message was not found, newest first."""
    found = look(
        request,
        lambda c: dead_letter_queries.receipts(c, route="", given_up=None, most=PAGE_ROWS),
    )
    table = Table(
        columns=_RECEIPTS,
        rows=[
            Row(
                [
                    cells.mono(one.provider_message_id), one.route or cells.NOTHING,
                    cells.badge(one.state), one.error_code or cells.NOTHING,
                    cells.count(one.tries), cells.time(one.received_us),
                    _buttons(request, f"/monitoring/receipts/{one.id}/", _RECEIPT_DEEDS),
                ]
            )
            for one in found
        ],
        empty_title="Every receipt found its message",
        empty_text="A receipt that comes before its message, or of a message unknown here, is kept "
        "and tried again for 72 hours.",
        dense=False,
    )  # fmt: skip
    context = {"title": "Unmatched receipts", "table": table}
    return render(request, "admin_console/monitoring_letters.html", context)


@require_POST
def decide_receipt(request: HttpRequest, receipt: int, deed: str) -> HttpResponse:
    """Has a receipt tried again, or throws it away."""
    statements = {
        "retry": dead_letter_queries.retry_receipts,
        "discard": dead_letter_queries.delete_receipts,
    }
    if deed not in statements:
        raise Http404("There is no such deed.")
    done = change(request, lambda c: statements[deed](c, [receipt]), note=f"{deed} receipt")
    if done:
        messages.success(request, "Tried again." if deed == "retry" else "Discarded.")
    else:
        messages.error(request, "This receipt is not there any more.")
    return redirect("monitoring:receipts")
