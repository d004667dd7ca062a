"""Routes: the connections to carriers, with their live state; add, edit, switch and test them."""

import time
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.channels.sms.http_types import HTTP_DIALECTS
from cpaas.consoles.admin.route_form import RouteForm, as_changes, as_new, fault_names, initial
from cpaas.consoles.admin.route_settings import CALLED_BACK, KINDS, kind_of
from cpaas.consoles.shared import cells, life
from cpaas.consoles.shared.fields import add_fault, text_field
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.consoles.shared.tones import ROUTE_TONES
from cpaas.identities import queries as identity_queries
from cpaas.identities.check import FIELDS
from cpaas.kit import money
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.messages.statuses import FINAL
from cpaas.messages.timeline import timeline
from cpaas.pipeline.route_test import NOBODY, send_test
from cpaas.reports import log
from cpaas.reports.statement import ask
from cpaas.routes import edit, queries
from cpaas.routes.types import RouteChanges, RouteRow

#: how long a test is followed; its validity is not longer.
TEST_SECONDS: Final = 600


def routes(request: HttpRequest) -> HttpResponse:
    """The list; its states refresh themselves."""
    found = look(request, queries.routes)
    shown = [one for one in found if not one.simulated]
    page = {"title": "Routes", "table": _table(shown)}
    return render_live(request, "admin_console/routes.html", "admin_console/routes_live.html", page)


def state_of(one: RouteRow) -> tuple[str, str]:
    """A route's live state in a word, and its tone."""
    state = one.state if one.active else "off"
    return state or "not served", ROUTE_TONES.get(state, "is-idle")


def _table(found: list[RouteRow]) -> Table:
    return Table(
        columns=[
            Column("Route Name", wide=True), Column("Channel"), Column("Host / Port"),
            Column("State"), Column("Binds", right=True), Column("TPS", right=True),
            Column("Cost per unit", right=True, extra=True), Column("Control", right=True),
        ],
        rows=[_row(one) for one in found],
        empty_title="No routes yet",
        empty_text="A route connects the platform to a carrier. Its name names the queue "
        "submit_<name>.",
        dense=False,
    )  # fmt: skip


def _kind(one: RouteRow) -> str:
    """The channel, with the protocol where it is none of the usual ones."""
    name: str = CHANNEL_NAMES[one.channel]
    if one.channel == "voice":
        return f"{name} (SIP)" if one.dialect == "sip" else f"{name} (Calls API)"
    return f"{name} (HTTP)" if one.dialect in HTTP_DIALECTS else name


def _row(one: RouteRow) -> Row:
    word, tone = state_of(one)
    link = f"/routes/{one.name}/"
    return Row(
        [
            cells.name(one.name, one.label, link),
            _kind(one),
            cells.mono(f"{one.host}:{one.port}") if one.host else cells.NOTHING,
            cells.dot(word, tone, one.last_error),
            f"{one.binds_up} of {one.binds}",
            f"{one.tps:,}" if one.tps else cells.grey("no limit"),
            f"{money.show(one.cost_micro)}" if one.cost_micro else cells.NOTHING,
            cells.beside(
                cells.button("Test", f"{link}test/", "send"), cells.button("Edit", link, "edit")
            ),
        ],
        link,
    )


def add(request: HttpRequest) -> HttpResponse:
    """*Add Route*."""
    form = RouteForm(request.POST or None, initial={"active": True})
    if request.method == "POST" and form.is_valid():
        try:
            new = as_new(form)
            keyring = Keyring.load(runtime().settings.keyring)
            change(request, lambda c: edit.create_route(c, keyring, new))
        except InputError as error:
            add_fault(form, error, fault_names(form, error))
        else:
            messages.success(
                request, f"Route {new.name} added. Its queue is submit_{new.name}; test it now."
            )
            return redirect("routes:edit", name=new.name)
    page = {"title": "Routes", "form": form, "known": None}
    return render(request, "admin_console/route_edit.html", page)


def _known(request: HttpRequest, name: str) -> RouteRow:
    known = look(request, lambda c: queries.route_by_name(c, name))
    if known is None or known.simulated:
        raise Http404("There is no such route.")
    return known


def change_one(request: HttpRequest, name: str) -> HttpResponse:
    """*Edit*: name and channel never change, the password is never shown again."""
    known = _known(request, name)
    if request.method != "POST":
        return _edit(request, known)
    settings = look(request, lambda c: queries.route_settings(c, name))
    form = RouteForm(request.POST, initial=initial(known, settings), known=known)
    if form.is_valid():
        try:
            wanted = as_changes(form, settings)
            keyring = Keyring.load(runtime().settings.keyring) if wanted.password else None
            change(request, lambda c: edit.change_route(c, keyring, name, wanted))
        except InputError as error:
            add_fault(form, error, fault_names(form, error))
        else:
            messages.success(request, f"Route {name} saved. It is in force now.")
            return redirect("routes:edit", name=name)
    return _edit(request, known, form)


def _edit(
    request: HttpRequest, known: RouteRow, form: RouteForm | None = None, callback_url: str = ""
) -> HttpResponse:
    if form is None:
        settings = look(request, lambda c: queries.route_settings(c, known.name))
        form = RouteForm(initial=initial(known, settings), known=known)
    kind = kind_of(known.channel, known.dialect)
    page = {
        "title": "Routes", "form": form, "known": known, "state": state_of(known),
        "kind": f"{CHANNEL_NAMES[known.channel]} ({KINDS[kind][0]})",
        "called_back": kind in CALLED_BACK, "callback_url": callback_url,
    }  # fmt: skip
    return render(request, "admin_console/route_edit.html", page)


@require_POST
def callback(request: HttpRequest, name: str) -> HttpResponse:
    """*Show address*, or *New address*: where the route's carrier calls us."""
    known, renew = _known(request, name), "renew" in request.POST
    settings = runtime().settings
    # Looking it up is on record, too: it is a secret.
    token = change(
        request, lambda c: edit.callback_token(c, name, renew=renew),
        note=f"callback address of {name}",
    )  # fmt: skip
    base = settings.callback_url.rstrip("/")
    base = base or settings.url(getattr(settings, f"{known.channel}_port"))
    if renew:
        messages.success(request, f"Route {name} has a new address. The old one is closed.")
    return _edit(request, known, callback_url=f"{base}/callbacks/{known.channel}/{name}/{token}")


@require_POST
def switch(request: HttpRequest, name: str) -> HttpResponse:
    """On or off."""
    known = _known(request, name)
    wanted = RouteChanges(active=not known.active)
    change(request, lambda c: edit.change_route(c, None, name, wanted))
    if known.active:
        messages.success(request, f"Route {name} is off. What waited for it goes by other routes.")
    else:
        messages.success(request, f"Route {name} is on.")
    return redirect("routes:edit", name=name)


@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Removes a route that nothing uses."""
    try:
        change(request, lambda c: edit.delete_route(c, name))
    except InputError as error:
        what = error.what[:1].upper() + error.what[1:]
        messages.error(request, f"Not deleted. {what}: {error.todo}.")
        return redirect("routes:edit", name=name)
    messages.success(request, f"Route {name} deleted.")
    return redirect("routes:home")


class TestForm(forms.Form):
    """One message over this route."""

    to = text_field("Recipient", placeholder="+919876543210", inputmode="tel", autofocus=True)
    sender = text_field("Sender", max_length=64)
    text = text_field("Text", max_length=400)


#: what the form says of a channel's text.
_TEXT_HELP: Final = {
    "whatsapp": "Free text: Meta takes it only where the recipient wrote within 24 hours.",
    "voice": "It is spoken to who answers.",
}


def _test_sender(request: HttpRequest, known: RouteRow) -> str:
    if known.channel in FIELDS:
        own = look(request, identity_queries.identities)
        return next((one.value for one in own if one.route == known.name and one.active), "")
    return known.default_sender or ("TEST" if known.channel == "sms" else "")


def test(request: HttpRequest, name: str) -> HttpResponse:
    """*Test*: sends one message and shows what happened."""
    known = _known(request, name)
    start = {"sender": _test_sender(request, known), "text": f"Test of route {name}"}
    form = TestForm(request.POST or None, initial=start)
    form.fields["text"].help_text = _TEXT_HELP.get(known.channel, "")
    if request.method == "POST" and form.is_valid():
        if not known.active:
            form.add_error(None, f"Route {name} is off. Switch it on, then test it.")
        else:
            given, now_us = form.cleaned_data, time.time_ns() // 1000

            async def work(connection: Any) -> bytes:
                return await send_test(
                    connection, known, to=given["to"], sender=given["sender"],
                    text=given["text"], now_us=now_us,
                )  # fmt: skip

            try:
                message_id = change(request, work, note=f"test of {name}")
            except InputError as error:
                add_fault(form, error)
            else:
                return redirect("routes:tested", name=name, message_id=UUID(bytes=message_id))
    page = {"title": "Routes", "form": form, "known": known, "state": state_of(known)}
    return render(request, "admin_console/route_test.html", page)


def tested(request: HttpRequest, name: str, message_id: UUID) -> HttpResponse:
    """What became of a test message, until its end."""
    known = _known(request, name)

    async def read(connection: Any) -> tuple[Any, Any]:
        row = await ask(connection, log.message(NOBODY, message_id))
        return row, await timeline(connection, NOBODY, message_id.bytes)

    row, entries = look(request, read)
    if row is None or entries is None:
        raise Http404("There is no such test.")
    settings = runtime().settings
    teller = life.Teller(
        zone=settings.timezone, currency=settings.currency, routes={known.id: name}, operator=True
    )
    over = row.status in FINAL or time.time() - row.created_at.timestamp() > TEST_SECONDS
    page = {
        "title": "Routes", "known": known, "state": state_of(known), "row": row,
        "steps": life.steps(entries, teller), "over": over,
    }  # fmt: skip
    return render_live(
        request, "admin_console/route_tested.html", "admin_console/route_tested_live.html", page
    )


SCREEN = Screen(
    title="Routes",
    icon="route",
    slug="routes",
    group="Routing",
    pages=[
        Page("", routes, "home"),
        Page("add/", add, "add"),
        Page("<slug:name>/", change_one, "edit"),
        Page("<slug:name>/callback/", callback, "callback"),
        Page("<slug:name>/switch/", switch, "switch"),
        Page("<slug:name>/delete/", delete, "delete"),
        Page("<slug:name>/test/", test, "test"),
        Page("<slug:name>/test/<uuid:message_id>/", tested, "tested"),
    ],
)
