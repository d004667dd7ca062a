"""Settings & API Keys: keys, the webhook, whitelisted IPs, SMPP credentials, the team."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.accounts import check, keys, queries
from cpaas.accounts.create import change_account
from cpaas.accounts.types import Changes
from cpaas.consoles.portal import team
from cpaas.consoles.portal.core_api import Answer, call
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.runtime import account_id, change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.kit.errors import InputError

#: who may change what programs get in with.
MAY_CHANGE: Final = frozenset({"owner", "developer"})
ATTEMPTS_SHOWN: Final = 10
_NOT_SET: Final = Answer(404, {})


def settings(request: HttpRequest, **shown: Any) -> HttpResponse:
    """The page; `shown` holds a secret that is told this once."""
    account = account_id(request)

    async def work(connection: Any) -> tuple[Any, ...]:
        return (
            await queries.api_keys(connection, account),
            await queries.access(connection, account),
            await team.look(connection, account),
        )

    found, access, people = look(request, work)
    hook = call(request, "GET", "/v1/webhook")
    told = call(request, "GET", f"/v1/webhook/deliveries?limit={ATTEMPTS_SHOWN}")
    bound = call(request, "GET", "/v1/smpp/binds")
    here = runtime().settings
    context = {
        "title": "Settings & API Keys", "keys": found, "allowed_ips": "\n".join(access.allowed_ips),
        "system_id": access.system_id, "smpp_active": access.smpp_active,
        "smpp_address": f"{here.reachable_host}:{here.smpp_port}",
        "api_url": here.url(here.core_port), **people,
        "sends_mail": runtime().current.has_mail,
        "is_owner": getattr(request.user, "member_role", "") in team.OWNERS,
        "webhook": hook.body if hook.ok else {}, "api_away": hook.status == 503,
        "deliveries": _deliveries(told.body.get("data") or []),
        "binds": _binds(bound.body.get("data") or []), **shown,
    }  # fmt: skip
    return render(request, "portal/settings.html", context)


def _deliveries(rows: list[dict[str, Any]]) -> Table:
    tones = {"delivered": "is-ok", "retrying": "is-wait", "failed": "is-bad"}
    return Table(
        columns=(Column("Event"), Column("State"), Column("Answer"), Column("Attempts", right=True),
                 Column("Control", right=True)),
        rows=[
            Row(
                [
                    cells.name(str(one["type"])),
                    cells.dot(str(one["status"]), tones.get(str(one["status"]), "is-idle")),
                    str(one.get("last_error") or one.get("last_status") or ""),
                    str(one["attempts"]),
                    cells.button("Replay", reverse("settings:replay", args=[one["id"]]), "replay"),
                ]
            )
            for one in rows
        ],
        empty_title="No event was posted yet",
        empty_text="Each event for your webhook stands here with its answer, to be replayed.",
    )  # fmt: skip


def _binds(rows: list[dict[str, Any]]) -> Table:
    return Table(
        columns=(Column("Bind"), Column("Address"), Column("Submitted", right=True),
                 Column("Refused", right=True), Column("Delivered", right=True),
                 Column("Last refusal", wide=True)),
        rows=[
            Row(
                [
                    cells.name(one["bind_type"]), cells.mono(one["address"]),
                    cells.count(one["submitted"]), cells.count(one["refused"]),
                    cells.count(one["delivered"]), one["last_refusal"] or cells.NOTHING,
                ]
            )
            for one in rows
        ],
        empty_title="No program is bound",
        empty_text="Each SMPP bind stands here with what it submitted and why it was refused last.",
    )  # fmt: skip


@require_POST
def regenerate(request: HttpRequest, kind: str) -> HttpResponse:
    """A new key in place of the present one, shown once."""
    account, wanted = account_id(request), "test" if kind == "test" else "live"
    key = change(
        request, lambda c: keys.regenerate(c, account, "test" if wanted == "test" else "live"),
        note=f"regenerated the {wanted} key",
    )  # fmt: skip
    return settings(request, new_key=key, new_kind=wanted)


@require_POST
def smpp(request: HttpRequest) -> HttpResponse:
    """A new SMPP password, shown once."""
    account = account_id(request)
    try:
        _, password = change(request, lambda c: keys.regenerate_smpp(c, account))
    except InputError as error:
        return _refuse(request, "smpp", error)
    return settings(request, new_smpp=password)


@require_POST
def addresses(request: HttpRequest) -> HttpResponse:
    """The addresses from which programs may come."""
    account = account_id(request)
    try:
        allowed = check.allowed_ips(request.POST.get("allowed_ips", "").split())
        wanted = Changes(allowed_ips=allowed)
        change(request, lambda c: change_account(c, account, wanted))
    except InputError as error:
        return _refuse(request, "addresses", error)
    said = f"Only these {len(allowed)} may call now." if allowed else "Every address may call now."
    messages.success(request, f"Whitelisted IPs saved. {said}")
    return redirect(f"{reverse('settings:home')}#addresses")


@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Where events go; a new secret is shown once."""
    wanted: dict[str, Any] = {"url": request.POST.get("url", "").strip()}
    if request.POST.get("rotate"):
        wanted["rotate"] = True
    told = call(request, "PUT", "/v1/webhook", wanted)
    if not told.ok:
        return _say(request, "webhook", told.detail)
    if told.body.get("secret"):
        return settings(request, new_secret=told.body["secret"])
    messages.success(request, "Webhook saved. Events go there from now on.")
    return redirect(f"{reverse('settings:home')}#webhook")


@require_POST
def webhook_test(request: HttpRequest) -> HttpResponse:
    """A test event for the webhook."""
    told = call(request, "POST", "/v1/webhook/test")
    if not told.ok:
        return _say(request, "webhook", told.detail)
    messages.success(request, "A test event is on its way; its answer stands below in a moment.")
    return redirect(f"{reverse('settings:home')}#webhook")


def replay(request: HttpRequest, delivery_id: str) -> HttpResponse:
    """Asks, then posts an event once more."""
    if request.method != "POST":
        context = {"title": "Replay an event", "delivery": delivery_id}
        return render(request, "portal/settings_replay.html", context)
    told = call(request, "POST", f"/v1/webhook/deliveries/{delivery_id}/replay")
    if not told.ok:
        return _say(request, "webhook", told.detail)
    messages.success(request, "The event is posted once more.")
    return redirect(f"{reverse('settings:home')}#webhook")


def _refuse(request: HttpRequest, tab: str, error: InputError) -> HttpResponse:
    return _say(request, tab, f"{error.what[0].upper()}{error.what[1:]}: {error.todo}.")


def _say(request: HttpRequest, tab: str, text: str) -> HttpResponse:
    messages.error(request, text)
    return redirect(f"{reverse('settings:home')}#{tab}")


_home: Callable[..., HttpResponse] = settings
SCREEN = Screen(
    title="Settings & API Keys",
    icon="vpn_key",
    slug="settings",
    group="Account",
    roles=MAY_CHANGE,
    pages=[
        Page("", _home, "home"),
        Page("key/<str:kind>/", regenerate, "key"),
        Page("smpp/", smpp, "smpp", frozenset({"owner", "developer"})),
        Page("addresses/", addresses, "addresses"),
        Page("webhook/", webhook, "webhook"),
        Page("webhook/test/", webhook_test, "webhook_test"),
        Page("webhook/replay/<str:delivery_id>/", replay, "replay"),
        *team.PAGES,
    ],
)
