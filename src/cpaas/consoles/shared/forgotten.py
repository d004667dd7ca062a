"""A forgotten password: a link by mail, good for one hour and one use.

The link holds whose it is, signed; it dies with the password it was made for. Without a mail
server the page names the command that helps.
"""

import hashlib
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.database import Acting
from cpaas.consoles.shared.fields import text_field
from cpaas.consoles.shared.gate import open_to_all
from cpaas.consoles.shared.mail import send_soon
from cpaas.consoles.shared.password import NewPasswordForm
from cpaas.consoles.shared.runtime import address, runtime
from cpaas.kit.secrets import hash_password
from cpaas.settings.current import DEFAULT_NAME

LINK_SECONDS: Final = 3600
_SALT: Final = "forgotten"


class AskForm(forms.Form):
    """Who has forgotten."""

    name = text_field("Username or email", autocomplete="username", autofocus=True)


@open_to_all
def ask(request: HttpRequest) -> HttpResponse:
    """The page that asks for a link; its answer never says whether the person exists."""
    with_mail = runtime().current.has_mail
    form = AskForm(request.POST or None)
    sent = False
    if request.method == "POST" and with_mail and form.is_valid():
        for found in _find(request, form.cleaned_data["name"]):
            if found.email and found.is_active:
                _send(found)
        sent = True
    page = {"title": "Forgotten password", "form": form, "with_mail": with_mail, "sent": sent}
    return render(request, "console/forgotten.html", page)


def _find(request: HttpRequest, name: str) -> list[queries.Login]:
    async def work(connection: Any) -> list[queries.Login]:
        pairs = await _pairs(connection, name)
        found = []
        for user_id, account_id in pairs:
            await queries.set_account(connection, account_id)
            one = await queries.login(connection, user_id)
            if one is not None:
                await queries.audit(connection, "password_link", "login", one.username, "")
                found.append(one)
        return found

    return runtime().database.change(Acting(f"login:{name[:64]}", address(request)), work)


async def _pairs(connection: Any, name: str) -> list[tuple[int, int]]:
    if not runtime().console.is_portal:
        return [(user_id, 0) for user_id in await queries.admin_ids(connection, name)]
    pair = await queries.portal_ids(connection, name)
    return [pair] if pair else await queries.portal_ids_by_mail(connection, name)


def _stamp(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def _send(found: queries.Login) -> None:
    token = signing.dumps([found.id, found.account_id, _stamp(found.password)], salt=_SALT)
    here = runtime()
    link = f"{here.settings.console_url(here.console.name)}/forgotten/{token}/"
    text = (
        f"Somebody, probably you, asked for a new password for {found.username}"
        f" at {here.current.name}.\n\n"
        f"Choose it here within an hour:\n{link}\n\n"
        "If it was not you, do nothing: the old password stays.\n"
    )
    subject = f"New password for the {here.console.title}"
    if here.current.name != DEFAULT_NAME:
        subject = f"{here.current.name}: {subject[0].lower()}{subject[1:]}"
    send_soon(found.email, subject, text)


@open_to_all
def choose(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link."""
    found = _of(request, token)
    if found is None:
        messages.error(request, "This link is over: it was used or is older than an hour.")
        return redirect("forgotten")
    form = NewPasswordForm(request.POST or None)
    form.names = (found.username, found.email)
    if request.method == "POST" and form.is_valid():
        new = hash_password(form.cleaned_data["new"])
        table = runtime().console.session_table
        who = found.id

        async def work(connection: Any) -> None:
            await queries.set_own_password(connection, who, new)
            await queries.end_sessions(connection, table, who)

        kind = "user" if runtime().console.is_portal else "admin"
        acting = Acting(f"{kind}:{found.username}", address(request), found.account_id)
        runtime().database.change(acting, work, note="forgotten password")
        messages.success(request, "Password changed. Log in with it.")
        return redirect("login")
    page = {"title": "Choose a new password", "form": form, "username": found.username}
    return render(request, "console/forgotten_choose.html", page)


def _of(request: HttpRequest, token: str) -> queries.Login | None:
    try:
        user_id, account_id, stamp = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except (signing.BadSignature, ValueError):
        return None
    acting = Acting("login:link", address(request), account_id)
    found = runtime().database.look(acting, lambda c: queries.login(c, user_id))
    return found if found and found.is_active and _stamp(found.password) == stamp else None
