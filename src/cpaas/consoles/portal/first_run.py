"""The first-run checklist on the Dashboard: it ends with the first delivered message."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cpaas.accounts import first_run_queries as queries
from cpaas.consoles.shared.runtime import account_id, change, look, runtime, user_id
from cpaas.consoles.shared.screen import Page, Screen, screens

#: what a test key's message to each of these becomes, on every channel and at no cost.
NUMBERS: Final = (
    ("+999 00 0000 0001", "is delivered"), ("+999 00 0000 0002", "fails"),
    ("+999 00 0000 0003", "is rejected"), ("+999 00 0000 0004", "expires"),
    ("+999 00 0000 0005", "gets its receipt late"), ("+999 00 0000 0006", "never gets a receipt"),
    ("+999 00 0000 0007", "is throttled first, then delivered"), ("any other", "is delivered"),
)  # fmt: skip


class Step(msgspec.Struct, frozen=True):
    """A line of the list; `slug` and `part` say on which screen it is done."""

    title: str
    text: str
    done: bool
    slug: str
    part: str = ""

    @property
    def screen(self) -> Screen:
        """Where it is done."""
        return next(one for one in screens() if one.slug == self.slug)


def checklist(request: HttpRequest, *, delivered: bool) -> dict[str, Any]:
    """What the page shows; nothing once a message was delivered, or who looks dismissed it."""
    if delivered:
        return {}
    account, who = account_id(request), user_id(request)

    async def work(connection: Any) -> queries.Come | None:
        if await queries.is_dismissed(connection, who):
            return None
        return await queries.come(connection, account)

    found = look(request, work)
    if found is None:
        return {"first_run_off": True}
    if found.delivered:
        return {}
    steps = _steps(found)
    role = getattr(request.user, "member_role", "")
    return {
        "first_run": [(one, role in one.screen.roles) for one in steps],
        "first_run_done": sum(one.done for one in steps),
        "numbers": NUMBERS,
    }  # fmt: skip


def _steps(found: queries.Come) -> list[Step]:
    here = runtime().settings
    return [
        Step(
            "A sender is approved",
            "Ask for the name that your messages come from; your operator approves it.",
            found.sender, "senders",
        ),
        Step(
            "There is balance",
            "Ask for a top-up; your operator credits it.",
            found.funded, "billing", "#top-up",
        ),
        Step(
            "A test message was sent",
            f"With the test key, to {here.url(here.core_port)}/v1/messages. It reaches simulated"
            " phones only, costs nothing, and stays out of the figures.",
            found.tested, "api",
        ),
        Step(
            "A webhook is set",
            "Receipts and replies are posted to your program. Without one, ask the API for them.",
            found.webhook, "settings", "#webhook",
        ),
        Step(
            "The first message is delivered",
            "Send one to your own phone; this list goes when its receipt is here.",
            found.delivered, "quick",
        ),
    ]  # fmt: skip


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Hides the list for who asks."""
    account, who = account_id(request), user_id(request)
    change(request, lambda c: queries.dismiss(c, account, who))
    return redirect("dashboard:home")


@require_POST
def recall(request: HttpRequest) -> HttpResponse:
    """Shows it again."""
    who = user_id(request)
    change(request, lambda c: queries.recall(c, who))
    return redirect("dashboard:home")


PAGES: Final = (
    Page("first-run/dismiss/", dismiss, "dismiss"),
    Page("first-run/recall/", recall, "recall"),
)
