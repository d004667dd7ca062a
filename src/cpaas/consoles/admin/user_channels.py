"""User Channels: WABA accounts and RCS bots, their tokens, and which users may send from them."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.accounts import queries as accounts
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import (
    add_fault,
    choice_field,
    number_field,
    password_field,
    switch_field,
    text_field,
)
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.identities import edit, queries
from cpaas.identities.types import IdentityRow, NewIdentity
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.routes import queries as routes

PAGE: Final = 100
#: channel -> (setting or secret, what the form calls it); secrets are never shown again.
_SETTINGS: Final = {
    "whatsapp": (
        ("phone_number_id", "Phone number id"), ("waba_id", "WABA id"), ("app_id", "App id"),
        ("portfolio", "Portfolio"),
    ),
    "rcs": (("bot_id", "Bot id"), ("brand", "Brand")),
}  # fmt: skip
_CHANNELS: Final = tuple((one, CHANNEL_NAMES[one]) for one in _SETTINGS)
#: (setting, what the form calls it, its help): numbers; 0 or empty = no limit, or the default.
_NUMBERS: Final = {
    "whatsapp": (
        ("tps", "Messages a second", "Empty: 80. 0: no limit here."),
        ("daily_limit", "Recipients of templates a day", "Over the portfolio. Empty: no limit."),
        ("pair_seconds", "Seconds between messages to one recipient", "Empty: 6."),
        ("pair_burst", "Messages to one recipient at once", "Before that pause holds. Empty: 45."),
        ("template_tps", "Messages a second of one template", "Empty: no limit."),
    ),
    "rcs": (("tps", "Messages a second", "Within the route's. Empty: no limit."),),
}  # fmt: skip
_SECRETS: Final = {
    "whatsapp": (
        ("access_token", "Access token"), ("app_secret", "App secret"),
        ("verify_token", "Verify token"),
    ),
    "rcs": (
        ("client_id", "Client id"), ("client_secret", "Secret"),
        ("directory_client_id", "Client id of the template directory"),
        ("directory_client_secret", "Secret of the template directory"),
    ),
}  # fmt: skip


class IdentityForm(forms.Form):
    """A WABA number or an RCS bot."""

    channel = choice_field("Channel", [(one, CHANNEL_NAMES[one]) for one in _SETTINGS])
    value = text_field(
        "Number or bot name", max_length=64, placeholder="+919876543210",
        help_text="What a message names in from.",
    )  # fmt: skip
    label = text_field("Name for people", required=False, max_length=100)
    route = choice_field("Route", [])

    def __init__(
        self, *args: Any, offered: list[tuple[str, str]], known: IdentityRow | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **more)
        chosen: Any = self.fields["route"]
        chosen.choices = offered
        self.fields["channel"].widget.attrs["data-kind"] = ""
        for channel, fields in _SETTINGS.items():
            for name, label in fields:
                self.fields[f"{channel}_{name}"] = text_field(label, required=False)
        for channel, numbers in _NUMBERS.items():
            for name, label, help_text in numbers:
                self.fields[f"{channel}_{name}"] = number_field(
                    label, required=False, help_text=help_text, most=1_000_000
                )
        kept = set(known.secrets) if known else set()
        for channel, fields in _SECRETS.items():
            for name, label in fields:
                self.fields[f"{channel}_{name}"] = password_field(
                    label, required=False, autocomplete="off",
                    help_text="One is kept, encrypted. Leave empty to keep it."
                    if name in kept else "",
                )  # fmt: skip
        if known:
            for name in ("channel", "value", "route"):
                del self.fields[name]
            self.fields["active"] = switch_field("Active", initial=known.active)

    def parts(self, channel: str) -> list[Any]:
        """The fields of one channel, for the template."""
        names = [*_SETTINGS[channel], *_SECRETS[channel], *_NUMBERS[channel]]
        return [self[f"{channel}_{one[0]}"] for one in names]

    def given(self, channel: str) -> tuple[dict[str, object], dict[str, str]]:
        """The settings and secrets that were entered."""
        clean = self.cleaned_data

        def some(fields: Any) -> dict[str, Any]:
            found = {one[0]: clean.get(f"{channel}_{one[0]}") for one in fields}
            return {name: value for name, value in found.items() if value not in (None, "")}

        settings = some([*_SETTINGS[channel], *_NUMBERS[channel]])
        return settings, some(_SECRETS[channel])


def user_channels(request: HttpRequest) -> HttpResponse:
    """All identities and who uses them."""
    filters = Filters(
        request, "user_channels",
        [
            Text("q", "Search", "Number, bot, name or account"),
            Choice("channel", "Channel", (("", "Both channels"), *_CHANNELS)),
        ],
        with_days=False,
    )  # fmt: skip
    channel, _, value = cursor(request).partition(":")
    found = look(
        request,
        lambda c: queries.matching(
            c, filters["q"], channel=filters["channel"], after=(channel, value), most=PAGE + 1
        ),
    )
    last = found[PAGE - 1] if len(found) > PAGE else None
    table = Table(
        columns=[
            Column("Number or bot", wide=True), Column("Channel"), Column("Route"),
            Column("Users"), Column("State"), Column("Edit", right=True),
        ],
        rows=[_row(one) for one in found[:PAGE]],
        next_cursor=f"{last.channel}:{last.value}" if last else "",
        first_page=not channel,
        query=filters.query,
        empty_title="No channel identities yet",
        empty_text="A WhatsApp number or an RCS bot has tokens of its own and may serve several "
        "users.",
        dense=False,
    )  # fmt: skip
    page = {"title": "User Channels", "filters": filters, "table": table}
    return render(request, "admin_console/user_channels.html", page)


def _row(one: IdentityRow) -> Row:
    link = f"/user-channels/{one.id}/"
    return Row(
        [
            cells.name(one.value, one.label, link), CHANNEL_NAMES[one.channel], one.route,
            ", ".join(one.accounts) or cells.NOTHING,
            cells.dot("active", "is-ok") if one.active else cells.dot("off", "is-idle"),
            cells.button("Edit", link, "edit"),
        ],
        link,
    )  # fmt: skip


def _offered(request: HttpRequest) -> list[tuple[str, str]]:
    rows = look(request, routes.routes)
    return [
        (one.name, f"{one.name} · {CHANNEL_NAMES[one.channel]}")
        for one in rows
        if one.channel in _SETTINGS and not one.simulated
    ]


def add(request: HttpRequest) -> HttpResponse:
    """*Add WABA number or RCS bot*."""
    form = IdentityForm(request.POST or None, offered=_offered(request))
    if request.method == "POST" and form.is_valid():
        clean = form.cleaned_data
        settings, secrets = form.given(clean["channel"])
        new = NewIdentity(
            channel=clean["channel"], value=clean["value"], route=clean["route"],
            label=clean["label"], settings=settings, secrets=secrets,
        )  # fmt: skip
        keyring = Keyring.load(runtime().settings.keyring)
        try:
            made = change(request, lambda c: edit.create(c, keyring, new))
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, f"{new.value} added. Give it to a user now.")
            return redirect("user-channels:edit", identity=made)
    page = {"title": "User Channels", "form": form, "known": None}
    return render(request, "admin_console/user_channel.html", page)


def _known(request: HttpRequest, identity: int) -> IdentityRow:
    keyring = Keyring.load(runtime().settings.keyring)

    async def work(connection: Any) -> IdentityRow | None:
        name = await queries.named(connection, identity)
        if name is None:
            return None
        row, sealed = await edit.found(connection, *name)
        return edit.named(keyring, row, sealed)

    row = look(request, work)
    if row is None:
        raise Http404("There is no such identity.")
    return row


def edit_one(request: HttpRequest, identity: int) -> HttpResponse:
    """Its tokens, its state, and who may send from it."""
    known = _known(request, identity)
    start = {"label": known.label} | {
        f"{known.channel}_{name}": value for name, value in known.settings.items()
    }
    form = IdentityForm(
        request.POST if "save" in request.POST else None, initial=start, offered=[], known=known
    )
    if form.is_bound and form.is_valid():
        settings, secrets = form.given(known.channel)
        keyring = Keyring.load(runtime().settings.keyring)

        async def work(connection: Any) -> None:
            await edit.change(
                connection, keyring, known.channel, known.value,
                label=form.cleaned_data["label"], active=form.cleaned_data["active"],
                settings=settings, secrets=secrets,
            )  # fmt: skip

        try:
            change(request, work)
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, f"{known.value} saved. It is in force now.")
            return redirect("user-channels:edit", identity=identity)
    page = {
        "title": "User Channels", "form": form, "known": known, "parts": form.parts(known.channel),
        "channel": CHANNEL_NAMES[known.channel],
    }  # fmt: skip
    return render(request, "admin_console/user_channel.html", page)


@require_POST
def hand(request: HttpRequest, identity: int) -> HttpResponse:
    """Gives it to a user's account, or takes it back."""
    known, name = _known(request, identity), request.POST.get("account", "").strip()
    give = request.POST.get("deed") != "take"

    async def work(connection: Any) -> None:
        account = await accounts.account_by_name(connection, name)
        if account is None:
            raise InputError(f"there is no account {name[:60]!r}", "check its name", "account")
        if give:
            await edit.give(
                connection, account.id, known.channel, known.value,
                default="default" in request.POST,
            )  # fmt: skip
        else:
            await edit.take(connection, account.id, known.channel, known.value)

    try:
        change(request, work)
    except InputError as error:
        messages.error(request, f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}.")
    else:
        said = "may send from" if give else "no longer sends from"
        messages.success(request, f"{name} {said} {known.value}.")
    return redirect("user-channels:edit", identity=identity)


SCREEN = Screen(
    title="User Channels",
    icon="hub",
    slug="user-channels",
    group="Customers",
    pages=[
        Page("", user_channels, "home"),
        Page("add/", add, "add"),
        Page("<int:identity>/", edit_one, "edit"),
        Page("<int:identity>/users/", hand, "hand"),
    ],
)
