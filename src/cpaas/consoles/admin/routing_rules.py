"""Routing Rules: which messages take which route; *Explain* tells it of one message."""

import time
from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.accounts import editing_queries
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import (
    add_fault,
    choice_field,
    number_field,
    switch_field,
    text_field,
)
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, id_cursor
from cpaas.kit.errors import InputError
from cpaas.messages.envelopes import LANES
from cpaas.routes import queries as route_queries
from cpaas.routes import rule_queries, rules, strategy_queries
from cpaas.routes.types import NewRule, RuleChanges, RuleRow
from cpaas.routing.asked import Asked, Told, answer
from cpaas.snapshot.load import EMPTY, ROUTING, load

ALL: Final = "ALL"
PAGE: Final = 100
#: the form's condition -> its label, an example, what it means.
CONDITIONS: Final = (
    ("countries", "Countries", "IN, AE", "two letters each"),
    ("prefixes", "Prefixes", "91, 9198", "how the number begins"),
    ("senders", "Senders", "MYBRAND", "the From of the message"),
    ("templates", "Templates", "otp", "the template's name"),
    ("lanes", "Traffic classes", "otp, transactional", ", ".join(LANES)),
    ("days", "Days", "mon-fri", "in the platform's zone"),
    ("hours", "Hours", "09:00-21:00", "in the platform's zone"),
)
_FIELDS: Final = {"route": "target", "strategy": "target"}


def home(request: HttpRequest) -> HttpResponse:
    """The rules in the order in which they are asked."""
    filters = Filters(
        request, "routing_rules",
        [
            Text("q", "Search", "Account, route or strategy"),
            Choice("channel", "Channel", (("", "All channels"), *CHANNEL_NAMES.items())),
        ],
        with_days=False,
    )  # fmt: skip
    after = id_cursor(request)
    found = look(
        request,
        lambda c: rule_queries.rules(
            c, channel=filters["channel"], text=filters["q"], after=after, most=PAGE + 1
        ),
    )
    table = _table(found, filters, first=not after)
    page = {"title": "Routing Rules", "filters": filters, "table": table}
    return render(request, "admin_console/routing_rules.html", page)


def _table(found: Sequence[RuleRow], filters: Filters, *, first: bool) -> Table:
    return Table(
        columns=[
            Column("Priority", right=True), Column("Account"), Column("Channel"), Column("Route"),
            Column("Conditions", wide=True), Column("Active"), Column("Edit", right=True),
        ],
        rows=[_row(one) for one in found[:PAGE]],
        next_cursor=str(found[PAGE - 1].id) if len(found) > PAGE else "",
        first_page=first,
        query=filters.query,
        empty_title="No routing rules yet",
        empty_text="Without a rule only a route assigned in the user editor is taken. Add a rule.",
        dense=False,
    )  # fmt: skip


def _row(one: RuleRow) -> Row:
    link = f"/routing-rules/{one.id}/"
    target = f"strategy {one.strategy}" if one.strategy else one.route
    return Row(
        [
            cells.count(one.priority),
            cells.name(one.account, link=link),
            CHANNEL_NAMES.get(one.channel, one.channel),
            target,
            cells.grey(words(one) or "every message"),
            cells.badge("ACTIVE" if one.active else "INACTIVE"),
            cells.button("Edit", link, "edit"),
        ],
        link,
    )


def words(one: RuleRow) -> str:
    """A rule's conditions in one line."""
    said = [(label.lower(), getattr(one, name)) for name, label, _, _ in CONDITIONS]
    return " · ".join(f"{label}: {', '.join(values)}" for label, values in said if values)


class RuleForm(forms.Form):
    """A rule: whose messages, where they go, under which conditions."""

    def __init__(
        self, *args: Any, accounts: Sequence[str], targets: Sequence[tuple[str, str]],
        new: bool, **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **more)
        names = [(ALL, "ALL accounts"), *((one, one) for one in accounts)]
        self.fields["account"] = choice_field("Account", names)
        if new:
            self.fields["channel"] = choice_field("Channel", tuple(CHANNEL_NAMES.items()))
        self.fields["target"] = choice_field(
            "Route", [("", "Choose a route or strategy"), *targets],
            help_text="A route, or a strategy that chooses among several.",
        )  # fmt: skip
        self.fields["priority"] = number_field(
            "Priority", initial=100, help_text="The lower number goes first; the first match wins."
        )
        self.fields["active"] = switch_field("Active", initial=True)
        for name, label, example, meaning in CONDITIONS:
            self.fields[name] = text_field(
                label, required=False, placeholder=example, max_length=4000,
                help_text=f"Empty: any. Else {meaning}, with commas between.",
            )  # fmt: skip

    @property
    def first(self) -> list[Any]:
        """The guide's fields."""
        return [self[name] for name in self.fields if name not in dict(_NAMED)]

    @property
    def conditions(self) -> list[Any]:
        """The optional ones."""
        return [self[name] for name, _ in _NAMED]

    def values(self) -> dict[str, Any]:
        """What the rule's writers take."""
        given = self.cleaned_data
        kind, _, name = given["target"].partition(":")
        found: dict[str, Any] = {
            key: [one for one in (part.strip() for part in given[key].split(",")) if one]
            for key, _ in _NAMED
        }
        return found | {kind: name, "priority": given["priority"], "active": given["active"]}


_NAMED: Final = [(name, label) for name, label, _, _ in CONDITIONS]


async def _choices(connection: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    accounts = {name: number for number, name in await editing_queries.all_names(connection)}
    found = [
        (f"route:{one.name}", f"{one.name} ({CHANNEL_NAMES[one.channel]})")
        for one in await route_queries.routes(connection)
        if not one.simulated
    ]
    found += [
        (f"strategy:{one.name}", f"strategy {one.name} ({CHANNEL_NAMES[one.channel]})")
        for one in await strategy_queries.strategies(connection)
    ]
    return accounts, found


def add(request: HttpRequest) -> HttpResponse:
    """*Add Rule*."""
    accounts, targets = look(request, _choices)
    form = RuleForm(request.POST or None, accounts=list(accounts), targets=targets, new=True)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        new = NewRule(
            channel=given["channel"], account_id=accounts.get(given["account"]), **form.values()
        )
        try:
            made = change(request, lambda c: rules.create_rule(c, new))
        except InputError as error:
            add_fault(form, error, _FIELDS)
        else:
            messages.success(request, f"Rule {made} added. Messages obey it within a second.")
            return redirect("routing-rules:home")
    page = {"title": "Routing Rules", "form": form}
    return render(request, "admin_console/routing_rule.html", page)


def edit(request: HttpRequest, rule_id: int) -> HttpResponse:
    """The rule's form."""

    async def read(connection: Any) -> tuple[Any, Any]:
        return await rule_queries.rule_by_id(connection, rule_id), await _choices(connection)

    known, (accounts, targets) = look(request, read)
    if known is None:
        raise Http404("There is no such rule.")
    start: dict[str, Any] = {name: ", ".join(getattr(known, name)) for name, _ in _NAMED}
    start |= {"account": known.account, "priority": known.priority, "active": known.active}
    start["target"] = f"strategy:{known.strategy}" if known.strategy else f"route:{known.route}"
    form = RuleForm(
        request.POST or None, initial=start, accounts=list(accounts), targets=targets, new=False
    )
    if request.method == "POST" and form.is_valid():
        values = form.values() | {"account_id": accounts.get(form.cleaned_data["account"], 0)}
        try:
            change(request, lambda c: rules.change_rule(c, rule_id, RuleChanges(**values)))
        except InputError as error:
            add_fault(form, error, _FIELDS)
        else:
            messages.success(request, f"Rule {rule_id} saved. Messages obey it within a second.")
            return redirect("routing-rules:home")
    page = {"title": "Routing Rules", "form": form, "known": known}
    return render(request, "admin_console/routing_rule.html", page)


@require_POST
def delete(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Removes it."""
    try:
        change(request, lambda c: rules.delete_rule(c, rule_id))
    except InputError as error:
        raise Http404("There is no such rule.") from error
    messages.success(request, f"Rule {rule_id} deleted.")
    return redirect("routing-rules:home")


class ExplainForm(forms.Form):
    """A message to ask about."""

    account = text_field("Account", placeholder="acme")
    to = text_field("Number", placeholder="+919876543210", inputmode="tel")
    channel = choice_field("Channel", tuple(CHANNEL_NAMES.items()))
    sender = text_field("Sender", required=False, help_text="Empty: the account's default sender.")
    traffic_class = choice_field(
        "Traffic class", [(one, one) for one in LANES], initial="transactional"
    )
    template = text_field("Template", required=False)


def explain(request: HttpRequest) -> HttpResponse:
    """*Explain*: which rule, which route, and why each other was passed over."""
    form = ExplainForm(request.GET if "to" in request.GET else None)
    page: dict[str, Any] = {"title": "Routing Rules", "form": form}
    if form.is_bound and form.is_valid():
        asked = Asked(**form.cleaned_data)

        async def work(connection: Any) -> Told:
            defaults: dict[str, object] = {"timezone": runtime().settings.timezone}
            tables = {*ROUTING, "platform_setting"}
            snapshot = await load(connection, EMPTY, tables, defaults)
            states = await route_queries.live_states(connection)
            return answer(snapshot, asked, time.time_ns() // 1000, states)

        try:
            page["told"] = look(request, work)
        except InputError as error:
            add_fault(form, error)
    return render(request, "admin_console/routing_explain.html", page)


SCREEN = Screen(
    title="Routing Rules",
    icon="alt_route",
    slug="routing-rules",
    group="Routing",
    pages=[
        Page("", home, "home"),
        Page("add/", add, "add"),
        Page("explain/", explain, "explain"),
        Page("<int:rule_id>/", edit, "edit"),
        Page("<int:rule_id>/delete/", delete, "delete"),
    ],
)
