"""Settings, in the user menu: what the operator changes while the platform runs, by sections."""

import asyncio
import time
from typing import Any, Final

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.alerts import tell
from cpaas.billing import queries as billing_queries
from cpaas.consoles.admin.price_fields import save_prices
from cpaas.consoles.admin.settings_form import TITLES, SectionForm
from cpaas.consoles.admin.user_form import PRICES
from cpaas.consoles.shared.fields import add_fault
from cpaas.consoles.shared.runtime import change, changed, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.insights.model import Model, ModelError
from cpaas.kit import money
from cpaas.kit.errors import InputError
from cpaas.kit.guard import Guard
from cpaas.kit.secrets import Keyring
from cpaas.notices import mail
from cpaas.notices import queries as notices
from cpaas.notices.send import Sender
from cpaas.settings import edit, queries
from cpaas.settings import logo as logos
from cpaas.settings.current import Current, sealed
from cpaas.settings.options import BY_NAME
from cpaas.webhooks.settings import check_url

#: of an admin's roles, the one that may change settings.
OWNER: Final = "owner"
MODEL_SECONDS: Final = 20.0


class Word(msgspec.Struct):
    """What the model is asked for when it is tried."""

    answer: str


def home(request: HttpRequest, form: SectionForm | None = None, **shown: Any) -> HttpResponse:
    """The page; `form`: the section that was not saved, `shown`: a secret told this once."""
    current = runtime().current
    forms = [
        form if form is not None and form.section == one else _form(request, one, current)
        for one in TITLES
    ]
    context = {
        "title": "Settings", "forms": forms, "may_change": _may_change(request),
        "logo_now": current.logo, "has_mail": current.has_mail,
        "troubles": look(request, notices.troubles), **shown,
    }  # fmt: skip
    return render(request, "admin_console/settings.html", context)


def _may_change(request: HttpRequest) -> bool:
    return getattr(request.user, "member_role", "") == OWNER


def _form(request: HttpRequest, section: str, current: Current, *given: Any) -> SectionForm:
    initial = _prices(request) if section == "prices" else {}
    return SectionForm(section, current, *given, initial=initial, prefix=section)


def _prices(request: HttpRequest) -> dict[str, str]:
    rows = look(request, lambda c: billing_queries.prices(c, None))
    base = {
        (one.channel, one.category): one.amount_micro
        for one in rows if not one.prefix and not one.country
    }  # fmt: skip
    found = {field: base.get((channel, kind)) for field, (channel, kind, _) in PRICES.items()}
    return {field: "" if one is None else money.show(one) for field, one in found.items()}


@require_POST
def save(request: HttpRequest, section: str) -> HttpResponse:
    """Saves one section all or nothing, or tries what was entered without saving it."""
    if section not in TITLES:
        raise Http404("There is no such section.")
    if not _may_change(request):
        raise PermissionDenied("Only an admin with the role owner changes settings.")
    current = runtime().current
    form = _form(request, section, current, request.POST, request.FILES)
    if not form.is_valid():
        return home(request, form)
    try:
        if "try" in request.POST:
            _TRIES[section](request, form, current)
            return home(request, form)
        secret = _save(request, form, current)
    except InputError as error:
        add_fault(form, error)
        return home(request, form)
    changed(_read(request, current))
    messages.success(request, f"{form.title} saved. Every service knows within a second.")
    if secret:
        return home(request, new_secret=secret)
    return redirect(f"{reverse('settings:home')}#{section}")


def _read(request: HttpRequest, current: Current) -> Current:
    return msgspec.structs.replace(current, rows=look(request, queries.rows))


def _save(request: HttpRequest, form: SectionForm, current: Current) -> str:
    """The alerts' new signing secret, if one was made."""
    keyring = Keyring.load(runtime().settings.keyring)
    wanted = form.texts() if form.section != "prices" else {}
    if form.section == "alerts":
        _check_webhook(edit.checked(current, wanted)["alert_webhook_url"])

    async def work(connection: Any) -> str:
        await edit.change(connection, keyring, current, wanted)
        if form.section == "general":
            await _save_logo(connection, form)
        if form.section == "prices":
            await save_prices(connection, None, form)
        if form.section != "alerts":
            return ""
        return await edit.secret_for_webhook(connection, keyring, new="rotate" in request.POST)

    return change(request, work, note=f"settings: {form.title}")


def _check_webhook(url: str) -> None:
    if url:
        guard = Guard(runtime().settings.allow_networks)
        try:
            runtime().database.wait(check_url(guard, url))
        except InputError as error:
            raise InputError(error.what, error.todo, "alert_webhook_url") from None


async def _save_logo(connection: Any, form: SectionForm) -> None:
    given = form.cleaned_data.get("logo")
    if given is not None:
        # One byte more than is allowed is enough to refuse it.
        await logos.put(connection, given.read(logos.BYTES_MAX + 1))
    elif form.cleaned_data.get("no_logo"):
        await logos.drop(connection)


def _entered(form: SectionForm, current: Current, keyring: Keyring) -> Current:
    """What would be in force if this were saved."""
    rows: dict[str, Any] = dict(current.rows)
    for name, value in edit.checked(current, form.texts()).items():
        if BY_NAME[name].kind != "secret":
            rows[name] = value
        elif value:
            rows[name] = sealed(keyring, name, value.encode())
    return msgspec.structs.replace(current, rows=rows)


def _try_mail(request: HttpRequest, form: SectionForm, current: Current) -> None:
    keyring = Keyring.load(runtime().settings.keyring)
    to = str(getattr(request.user, "email", ""))
    if not to:
        raise InputError("you have no email address", "give one to your admin user first")
    entered = _entered(form, current, keyring)
    try:
        server = mail.server(entered, keyring)
        if server is None:
            raise InputError("no server is named", "enter its SMTP host", "mail_host")
        mail.send(server, to, f"Test mail of {entered.name}", tell.TEST_TEXT)
    except mail.MailError as error:
        raise InputError("the test mail was not sent", str(error)) from None
    messages.success(request, f"A test mail went to {to}. Nothing is saved yet.")


def _try_model(request: HttpRequest, form: SectionForm, current: Current) -> None:
    entered = edit.checked(current, form.texts())
    host = str(entered.get("ollama_host", current["ollama_host"]))
    name = str(entered.get("ollama_model", current["ollama_model"]))
    begun = time.monotonic()
    try:
        said = Model(host, name, seconds=MODEL_SECONDS).ask(
            'Answer in JSON: {"answer": "..."}.', "Say hello in one word.", Word
        )
    except ModelError as error:
        raise InputError(str(error).rstrip("."), "look at host and model", "ollama_host") from None
    took = time.monotonic() - begun
    messages.success(
        request, f"{name} answered “{said.answer[:40]}” after {took:.1f} s. Nothing is saved yet."
    )


def _try_alerts(request: HttpRequest, form: SectionForm, current: Current) -> None:
    """A test alert, at once and to what is saved already."""
    del form
    here = runtime()
    keyring = Keyring.load(here.settings.keyring)
    now = _read(request, current)
    wanted = tell.test_notices(now)
    if not wanted:
        raise InputError("nobody would be told", "save an address or a webhook first")
    sender = Sender(here.database.pool.acquire, keyring, Guard(here.settings.allow_networks),
                    lambda: now)  # fmt: skip

    async def work() -> list[str]:
        faults = await asyncio.gather(*(sender.send(one) for one in wanted))
        await sender.close()
        return list(faults)

    faults = here.database.wait(work())
    if any(faults):
        where = _names(one for one, fault in zip(wanted, faults, strict=True) if fault)
        raise InputError(f"the test did not reach {where}", next(one for one in faults if one))
    messages.success(request, f"A test alert went to {_names(wanted)}.")


def _names(found: Any) -> str:
    return ", ".join(one.recipient for one in found)


_TRIES: Final = {"mail": _try_mail, "model": _try_model, "alerts": _try_alerts}
SCREEN = Screen(
    title="Settings",
    icon="settings",
    slug="settings",
    in_menu=True,
    pages=[Page("", home, "home"), Page("<str:section>/", save, "save")],
)
