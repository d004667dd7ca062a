"""Channel Identities: the WhatsApp numbers and RCS bots that this account may send from."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.consoles.portal.core_api import call
from cpaas.consoles.shared import cells, overview
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table

_COLUMNS = (
    Column("Identity"), Column("Channel"), Column("Name", wide=True), Column("State"),
    Column("Used", right=True),
)  # fmt: skip


def identities(request: HttpRequest) -> HttpResponse:
    """What the operator gave to the account; nothing is changed here."""
    told = call(request, "GET", "/v1/identities")
    context = {
        "title": "Channel Identities", "fault": "" if told.ok else told.detail,
        "table": Table(
            columns=_COLUMNS,
            rows=[_row(one) for one in told.body.get("data", [])],
            empty_title="No WhatsApp number and no RCS bot yet",
            empty_text="Your operator gives them to your account. Until then SMS works without.",
        ),
    }  # fmt: skip
    return render(request, "portal/identities.html", context)


def _row(one: dict[str, Any]) -> Row:
    state = ("active", "is-ok") if one["active"] else ("switched off", "is-idle")
    return Row(
        [
            cells.mono(one["identity"]),
            overview.CHANNEL_NAMES.get(one["channel"], one["channel"]),
            one["label"] or cells.NOTHING,
            cells.dot(*state),
            "when no sender is named" if one["default"] else "when named as the sender",
        ]
    )


SCREEN = Screen(
    title="Channel Identities",
    icon="verified_user",
    slug="identities",
    pages=[Page("", identities, "home")],
)
