"""Strategies: how a rule chooses among several routes, and what they chose and why."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.charts import Chart, Series
from cpaas.consoles.shared.fields import (
    add_fault,
    choice_field,
    number_field,
    switch_field,
    text_field,
)
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.kit.errors import InputError
from cpaas.reports import figures
from cpaas.reports.statement import as_moment, ask, micros
from cpaas.routes import queries as route_queries
from cpaas.routes import strategies, strategy_queries
from cpaas.routes.types import ChangeRow, NewMember, NewStrategy, StrategyChanges, StrategyRow

#: kind -> its name, and what it does.
KINDS: Final = {
    "failover": ("Failover", "the first route that can take the message"),
    "round_robin": ("Round robin", "one after the other, in turn"),
    "weighted": ("Weighted split", "by the weights"),
    "least_cost": ("Least cost", "the cheapest route for the number"),
    "best_delivery": ("Best delivery", "weights follow errors and late receipts"),
    "sticky": ("Sticky", "the same recipient, the same route"),
    "time_of_day": ("Time of day", "by each route's days and hours"),
}
_NO_RECEIPT: Final = (
    ("otp", "OTP goes on to the next route"), ("all", "Everything goes on"), ("off", "Nothing"),
)  # fmt: skip
#: empty lines for members beyond those that there are.
SPARE: Final = 3
MEMBERS_LEAST: Final = 5
CHANGES_SHOWN: Final = 50
#: plain quantities: shades of the primary colour, none of which is a status.
_SHADES: Final = tuple(
    (f"var(--color-{name})", f"is-shade-{number}")
    for number, name in enumerate(("primary-700", "primary-400", "base-400", "primary-200"), 1)
)


def home(request: HttpRequest) -> HttpResponse:
    """All strategies with their routes."""
    found = look(request, strategy_queries.strategies)
    table = Table(
        columns=[
            Column("Strategy"), Column("Channel"), Column("Algorithm"), Column("Routes", wide=True),
            Column("Rules", right=True), Column("Active"), Column("Edit", right=True),
        ],
        rows=[_row(one) for one in found],
        empty_title="No strategies yet",
        empty_text="A strategy chooses among several routes; a routing rule leads to it. Add one.",
        dense=False,
    )  # fmt: skip
    return render(request, "admin_console/strategies.html", {"title": "Strategies", "table": table})


def _row(one: StrategyRow) -> Row:
    link = f"/strategies/{one.name}/"
    return Row(
        [
            cells.name(one.name, link=link),
            CHANNEL_NAMES.get(one.channel, one.channel),
            KINDS[one.kind][0],
            cells.grey(_members(one)),
            cells.count(one.rules),
            cells.badge("ACTIVE" if one.active else "INACTIVE"),
            cells.button("Edit", link, "edit"),
        ],
        link,
    )


def _members(one: StrategyRow) -> str:
    """Routes in order, with their shares where they have some."""
    if one.kind not in {"weighted", "best_delivery"}:
        return ", ".join(member.route for member in one.members)
    total = sum(member.share for member in one.members) or 1
    return ", ".join(f"{m.route} {100 * m.share / total:.0f}%" for m in one.members)


class StrategyForm(forms.Form):
    """A strategy and its members, one a line, in order."""

    def __init__(
        self, *args: Any, routes: Sequence[tuple[str, str]], lines: int, new: bool, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        if new:
            self.fields["name"] = text_field("Strategy name", placeholder="india", max_length=32)
            self.fields["channel"] = choice_field("Channel", tuple(CHANNEL_NAMES.items()))
        self.fields["kind"] = choice_field(
            "Algorithm", [(kind, f"{name}: {does}") for kind, (name, does) in KINDS.items()]
        )
        self.fields["active"] = switch_field("Active", initial=True)
        self.fields["overflow"] = switch_field("A full route lets the next take over", initial=True)
        self.fields["no_receipt"] = choice_field("Without a receipt in time", _NO_RECEIPT)
        self.fields["no_receipt_seconds"] = number_field(
            "Seconds that a receipt is waited for", initial=60, least=1
        )
        self.fields["settings"] = text_field(
            "Limits of best delivery", required=False, max_length=2000,
            help_text='Only for best delivery, as JSON: {"step": 5}.',
        )  # fmt: skip
        choices = [("", "—"), *routes]
        self.lines = range(1, lines + 1)
        for line in self.lines:
            self.fields[f"route_{line}"] = choice_field(f"Route {line}", choices, required=False)
            self.fields[f"weight_{line}"] = number_field(
                f"Weight of route {line}", required=False, initial=1
            )
            self.fields[f"days_{line}"] = text_field(
                f"Days of route {line}", required=False, placeholder="mon-fri"
            )
            self.fields[f"hours_{line}"] = text_field(
                f"Hours of route {line}", required=False, placeholder="09:00-21:00"
            )

    @property
    def first(self) -> list[Any]:
        """What is no member's."""
        return [self[name] for name in self.fields if not name[-1].isdigit()]

    @property
    def members(self) -> list[list[Any]]:
        """The members' fields, a line each."""
        return [
            [self[f"{name}_{line}"] for name in ("route", "weight", "days", "hours")]
            for line in self.lines
        ]

    def clean_settings(self) -> dict[str, object]:
        """The limits, decoded."""
        text = self.cleaned_data["settings"]
        try:
            return msgspec.json.decode(text, type=dict[str, object]) if text else {}
        except msgspec.MsgspecError as error:
            raise forms.ValidationError('This is no JSON object. Write {"step": 5}.') from error

    def values(self) -> dict[str, Any]:
        """What the strategies' writers take."""
        given = self.cleaned_data
        names = ("kind", "active", "overflow", "no_receipt", "no_receipt_seconds", "settings")
        return {name: given[name] for name in names} | {
            "members": [
                NewMember(
                    route=given[f"route_{line}"], weight=given[f"weight_{line}"] or 0,
                    days=_parts(given[f"days_{line}"]), hours=_parts(given[f"hours_{line}"]),
                )
                for line in self.lines
                if given[f"route_{line}"]
            ]
        }  # fmt: skip


def _parts(text: str) -> list[str]:
    return [one for one in (part.strip() for part in text.split(",")) if one]


async def _routes(connection: Any) -> list[tuple[str, str]]:
    return [
        (one.name, f"{one.name} ({CHANNEL_NAMES[one.channel]})")
        for one in await route_queries.routes(connection)
        if not one.simulated
    ]


_FIELDS: Final = {"members": "route_1"}


def add(request: HttpRequest) -> HttpResponse:
    """*Add Strategy*."""
    routes = look(request, _routes)
    form = StrategyForm(request.POST or None, routes=routes, lines=MEMBERS_LEAST, new=True)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        new = NewStrategy(name=given["name"], channel=given["channel"], **form.values())
        try:
            change(request, lambda c: strategies.create_strategy(c, new))
        except InputError as error:
            add_fault(form, error, _FIELDS)
        else:
            messages.success(
                request, f"Strategy {new.name} added. Lead a routing rule to it to use it."
            )
            return redirect("strategies:edit", name=new.name)
    page = {"title": "Strategies", "form": form}
    return render(request, "admin_console/strategy.html", page)


def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Its form, and what it chose and why."""

    async def read(connection: Any) -> tuple[Any, Any, Any, Any]:
        known = await strategy_queries.strategy_by_name(connection, name)
        if known is None:
            return None, [], [], {}
        ids = {one.name: one.id for one in await route_queries.routes(connection)}
        mine = [ids[one.route] for one in known.members]
        zone = runtime().settings.timezone
        given = await ask(connection, figures.handed(datetime.now(UTC), zone, mine))
        names = {number: name for name, number in ids.items()}
        handed = {
            hour: {names[number]: count for number, count in one.items()}
            for hour, one in given.items()
        }
        changes = await strategy_queries.strategy_changes(connection, known.id, CHANGES_SHOWN)
        return known, await _routes(connection), changes, handed

    known, routes, changes, handed = look(request, read)
    if known is None:
        raise Http404("There is no such strategy.")
    lines = max(MEMBERS_LEAST, len(known.members) + SPARE)
    form = StrategyForm(
        request.POST or None, initial=_initial(known), routes=routes, lines=lines, new=False
    )
    if request.method == "POST" and form.is_valid():
        wanted = StrategyChanges(**form.values())
        try:
            change(request, lambda c: strategies.change_strategy(c, name, wanted))
        except InputError as error:
            add_fault(form, error, _FIELDS)
        else:
            messages.success(request, f"Strategy {name} saved. Messages obey it within a second.")
            return redirect("strategies:edit", name=name)
    page = {
        "title": "Strategies", "form": form, "known": known, "does": KINDS[known.kind],
        "chart": _chart(known, handed), "adapts": known.kind == "best_delivery",
        "members": _members(known), "changes": [_change(one) for one in changes],
    }  # fmt: skip
    return render(request, "admin_console/strategy.html", page)


def _initial(known: StrategyRow) -> dict[str, Any]:
    names = ("kind", "active", "overflow", "no_receipt", "no_receipt_seconds")
    start: dict[str, Any] = {name: getattr(known, name) for name in names}
    start["settings"] = msgspec.json.encode(known.settings).decode() if known.settings else ""
    for line, one in enumerate(known.members, 1):
        start |= {
            f"route_{line}": one.route, f"weight_{line}": one.weight,
            f"days_{line}": ", ".join(one.days), f"hours_{line}": ", ".join(one.hours),
        }  # fmt: skip
    return start


def _chart(known: StrategyRow, handed: dict[str, dict[str, int]]) -> Chart | None:
    """What each member was given in the last 24 hours; None when nothing."""
    sets = []
    for place, member in enumerate(known.members):
        color, tone = _SHADES[min(place, len(_SHADES) - 1)]
        values = [hour.get(member.route, 0) for hour in handed.values()]
        sets.append(Series(member.route, values, color, tone))
    total = sum(math.fsum(one.values) for one in sets)
    if not total:
        return None
    said = ", ".join(f"{one.label} {int(sum(one.values))}" for one in sets)
    return Chart(kind="bar", labels=list(handed), series=sets, said=f"Last 24 hours: {said}.")


def _change(one: ChangeRow) -> tuple[str, str, str]:
    moved = zip(one.routes, one.before, one.after, strict=True)
    points = ", ".join(f"{name} {old} → {new}" for name, old, new in moved if old != new)
    at = as_moment(one.at)
    when = formats.when(micros(at), runtime().settings.timezone, datetime.now(UTC)) if at else ""
    return when, one.reason, points or "nothing moved"


@require_POST
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Removes it, unless rules lead to it."""
    try:
        change(request, lambda c: strategies.delete_strategy(c, name))
    except InputError as error:
        what = f"{error.what[:1].upper()}{error.what[1:]}"
        messages.error(request, f"Not deleted. {what}: {error.todo}.")
        return redirect("strategies:home")
    messages.success(request, f"Strategy {name} deleted.")
    return redirect("strategies:home")


SCREEN = Screen(
    title="Strategies",
    icon="account_tree",
    slug="strategies",
    group="Routing",
    pages=[
        Page("", home, "home"),
        Page("add/", add, "add"),
        Page("<slug:name>/", edit, "edit"),
        Page("<slug:name>/delete/", delete, "delete"),
    ],
)
