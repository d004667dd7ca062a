"""The full editor of a user: one form in tabs, saved all or nothing by the features' writers."""

import time
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.accounts import editing, editing_queries, keys, people
from cpaas.accounts.create import change_account
from cpaas.accounts.editing_types import Edited
from cpaas.accounts.types import Changes
from cpaas.billing import check as billing_check
from cpaas.billing import queries as billing_queries
from cpaas.billing import wallet
from cpaas.consoles.admin.price_fields import save_prices
from cpaas.consoles.admin.user_form import CHANNELS, UserForm, initial
from cpaas.consoles.shared import formats
from cpaas.consoles.shared.fields import add_fault
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.kit.errors import InputError
from cpaas.kit.guard import Guard
from cpaas.kit.secrets import KeyKind, Keyring
from cpaas.pipeline.low_balance import tell_of_booking
from cpaas.routes import queries as route_queries
from cpaas.webhooks.settings import put_endpoint


def edit(request: HttpRequest, account_id: int) -> HttpResponse:
    """The editor."""

    async def read(connection: Any) -> tuple[Any, ...]:
        return (
            await editing_queries.edited(connection, account_id),
            await billing_queries.prices(connection, account_id),
            await route_queries.routes(connection),
            await editing_queries.keys(connection, account_id),
        )

    known, priced, routes, shown_keys = look(request, read)
    if known is None:
        raise Http404("There is no such user.")
    choices = [(one.name, one.channel) for one in routes if not one.simulated]
    form = UserForm(request.POST or None, initial=initial(known, priced), routes=choices)
    if request.method == "POST" and form.is_valid():
        by_name = {one.name: (one.id, one.channel) for one in routes}
        secret = _save(request, form, known, by_name)
        if secret is not None:
            messages.success(request, f"{form.cleaned_data['username']} saved. It is in force now.")
            if secret:
                return secrets_page(
                    request, "Webhook saved", [("Signing secret", secret)],
                    # Another address than this page's own, which a mere #webhook would stay on.
                    f"/users/{account_id}/?saved#webhook",
                    "With it the customer checks that a receipt is ours.",
                )  # fmt: skip
            return redirect("users:edit", account_id=account_id)
    page = {
        "title": "Users",
        "form": form,
        "known": known,
        "keys": shown_keys,
        "special_prices": sum(1 for one in priced if one.prefix or one.country),
        "balance": None,
    }
    return render(request, "admin_console/user_editor.html", page)


def _save(
    request: HttpRequest, form: UserForm, known: Edited, routes: dict[str, tuple[int, str]]
) -> str | None:
    """Everything or nothing; the webhook's secret if one was made, None when refused."""
    given = form.cleaned_data

    async def work(connection: Any) -> str:
        await editing.change_owner(
            connection, known, username=given["username"], email=given["email"],
            phone=given["phone"],
        )  # fmt: skip
        await editing.rename(connection, known, given["name"])
        await change_account(connection, known.id, _changes(given))
        await editing.assign_routes(
            connection, known.id, {one: given[f"route_{one}"] for one, _ in CHANNELS}, routes
        )
        await save_prices(connection, known.id, form)
        limit = billing_check.amount(given["credit_limit"])
        await wallet.set_credit_limit(connection, known.id, limit)
        await wallet.set_low_balance(
            connection, known.id, billing_check.amount(given["low_balance"])
        )
        return await _save_webhook(connection, known, given["webhook_url"])

    try:
        return change(request, work)
    except InputError as error:
        add_fault(form, error, {"url": "webhook_url"})
        return None


def _changes(given: dict[str, Any]) -> Changes:
    lines = [one.strip() for one in given["allowed_ips"].replace(",", "\n").splitlines()]
    codes = [one for one in given["countries"].replace(",", " ").split() if one]
    return Changes(
        active=given["active"],
        allowed_ips=[one for one in lines if one],
        countries=codes,
        tps=given["tps"],
        daily_cap=given["daily_cap"],
        billing_mode=given["billing_mode"],
        refund_failed=given["refund_failed"],
        dlt_mode=given["dlt_mode"],
        pe_id=given["pe_id"],
        tm_id=given["tm_id"],
        sms_enabled=given["sms_enabled"],
        whatsapp_enabled=given["whatsapp_enabled"],
        rcs_enabled=given["rcs_enabled"],
        voice_enabled=given["voice_enabled"],
    )


async def _save_webhook(connection: Any, known: Edited, url: str) -> str:
    if url == known.webhook_url:
        return ""
    settings = runtime().settings
    keyring = Keyring.load(settings.keyring)
    _, secret = await put_endpoint(
        connection, keyring, Guard(settings.allow_networks), known.id, url
    )
    return secret or ""


def secrets_page(
    request: HttpRequest, title: str, secrets: Sequence[tuple[str, str]], back: str, text: str
) -> HttpResponse:
    """What is shown once: it is nowhere stored in the clear, so nobody can look it up later."""
    page = {"title": title, "secrets": secrets, "back": back, "text": text}
    return render(request, "admin_console/secrets.html", page)


def _known(request: HttpRequest, account_id: int) -> Edited:
    known = look(request, lambda c: editing_queries.edited(c, account_id))
    if known is None:
        raise Http404("There is no such user.")
    return known


@require_POST
def regenerate_key(request: HttpRequest, account_id: int) -> HttpResponse:
    """A new key in place of the old ones of its kind."""
    known = _known(request, account_id)
    kind: KeyKind = "test" if request.POST.get("kind") == "test" else "live"
    key = change(request, lambda c: keys.regenerate(c, account_id, kind))
    return secrets_page(
        request, f"New {kind} key of {known.name}", [(f"{kind.capitalize()} key", key)],
        f"/users/{account_id}/#api", "The old one stops working within a second.",
    )  # fmt: skip


@require_POST
def regenerate_smpp(request: HttpRequest, account_id: int) -> HttpResponse:
    """A new SMPP password."""
    known = _known(request, account_id)
    try:
        system_id, password = change(request, lambda c: keys.regenerate_smpp(c, account_id))
    except InputError as error:
        messages.error(request, f"{error.what.capitalize()}: {error.todo}.")
        return redirect("users:edit", account_id=account_id)
    return secrets_page(
        request, f"New SMPP password of {known.name}",
        [("System id", system_id), ("Password", password)],
        f"/users/{account_id}/#api", "Binds that are open stay; the next one needs it.",
    )  # fmt: skip


@require_POST
def new_password(request: HttpRequest, account_id: int) -> HttpResponse:
    """A temporary password for the owner, whose lock is lifted."""
    known = _known(request, account_id)
    password = change(request, lambda c: people.reset_password(c, known.username))
    return secrets_page(
        request, f"New password of {known.username}",
        [("Username", known.username), ("Temporary password", password)],
        f"/users/{account_id}/", "It must be changed at the first login; open sessions end.",
    )  # fmt: skip


@require_POST
def book(request: HttpRequest, account_id: int) -> HttpResponse:
    """Credit or debit with a note, written to the ledger."""
    known = _known(request, account_id)
    kind = request.POST.get("kind", "credit")
    note = request.POST.get("note", "")
    actor = acting(request).actor

    async def work(connection: Any) -> tuple[int, int]:
        micro = billing_check.positive(billing_check.amount(request.POST.get("amount", "")))
        if kind == "debit":
            if not note.strip():
                raise InputError("a debit needs a reason", "say why in the note", "note")
            new = await wallet.adjust(connection, account_id, -micro, actor=actor, note=note)
            currency: dict[str, object] = {"currency": runtime().settings.currency}
            now_us = time.time_ns() // 1000
            await tell_of_booking(connection, account_id, -micro, new, currency, now_us)
        else:
            new = await wallet.credit(connection, account_id, micro, actor=actor, note=note)
        return micro, new

    try:
        micro, balance = change(request, work, note=note[:200])
    except InputError as error:
        what = error.what[:1].upper() + error.what[1:]
        messages.error(request, f"Nothing was booked. {what}: {error.todo}.")
    else:
        currency = runtime().settings.currency
        verb = "taken from" if kind == "debit" else "added to"
        messages.success(
            request,
            f"{formats.amount(micro, currency)} {verb} {known.name}. "
            f"The balance is {formats.amount(balance, currency)} now.",
        )
    return redirect(f"/users/{account_id}/#balance")
