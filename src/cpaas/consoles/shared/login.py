"""Login in one or two steps, and logout; every login and every failure is audited.

A wrong name and a wrong password get one answer, after the same work.
"""

import asyncio
import time
from typing import Any, Final

from django import forms
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import queries
from cpaas.consoles.shared.attempts import Attempts
from cpaas.consoles.shared.database import Acting
from cpaas.consoles.shared.fields import password_field, text_field
from cpaas.consoles.shared.gate import open_to_all
from cpaas.consoles.shared.runtime import address, runtime
from cpaas.consoles.shared.tenancy import bind_account
from cpaas.consoles.shared.totp import verify_code
from cpaas.kit.secrets import hash_password, verify_password
from cpaas.schema.models import User

FAILURES_MAX: Final = 5
LOCK_MINUTES: Final = 15
CODE_SECONDS: Final = 300
_WRONG: Final = "The username or the password is wrong."
_NOBODY: Final = hash_password("nobody's password, hashed for its time")
_attempts = Attempts()


class LoginForm(forms.Form):
    """Username and password."""

    username = text_field("Username", autocomplete="username", autofocus=True)
    password = password_field("Password", autocomplete="current-password")


class CodeForm(forms.Form):
    """The six digits of the authenticator app."""

    code = text_field(
        "Code", autocomplete="one-time-code", inputmode="numeric", autofocus=True, max_length=8
    )


class _RefusedError(Exception):
    """Why a login is refused, in words for the person."""


@open_to_all
def login(request: HttpRequest) -> HttpResponse:
    """The login page."""
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = _check(request, form.cleaned_data["username"], form.cleaned_data["password"])
        except _RefusedError as refused:
            form.add_error(None, str(refused))
        else:
            return _first_step(request, found)
    elif request.user.is_authenticated and request.method == "GET":
        return redirect("home")
    page = {"title": "Log in", "form": form, "next": _next(request)}
    return render(request, "console/login.html", page)


def _check(request: HttpRequest, username: str, password: str) -> queries.Login:
    where = address(request)
    if wait := _attempts.wait_seconds(where):
        minutes = -(-wait // 60)
        raise _RefusedError(f"Too many attempts from this address. Try again in {minutes} min.")

    async def attempt(connection: Any) -> queries.Login | str:
        found = await _find(connection, username)
        if found is None:
            await asyncio.to_thread(verify_password, _NOBODY, password)
            await queries.audit(connection, "login_failed", "login", username[:64], "unknown name")
            return _WRONG
        await queries.lock_login(connection, found.id)
        found = await queries.login(connection, found.id) or found
        if fault := _closed(found):
            await queries.audit(connection, "login_failed", "login", found.username, fault)
            return fault
        # Hashing takes tens of milliseconds: not on the loop that serves all requests.
        if await asyncio.to_thread(verify_password, found.password, password):
            return found
        until = await queries.note_failure(connection, found.id, FAILURES_MAX, LOCK_MINUTES)
        note = "wrong password, locked" if until else "wrong password"
        await queries.audit(connection, "login_failed", "login", found.username, note)
        return _locked() if until else _WRONG

    result = runtime().database.change(Acting(f"login:{username[:64]}", where), attempt)
    if isinstance(result, str):
        _attempts.failed(where)
        raise _RefusedError(result)
    return result


def _locked() -> str:
    return (
        f"Too many wrong passwords: this login is locked for {LOCK_MINUTES} minutes. "
        "A new password lifts the lock."
    )


def _closed(found: queries.Login) -> str:
    """Why nobody may log in here now, whatever the password; "" when they may."""
    if found.locked_until and found.locked_until > time.time() * 1_000_000:
        return _locked()
    if not found.is_active:
        return "This login is switched off. Ask an administrator to switch it on."
    if not found.account_active:
        return "This account is inactive. Ask your operator to activate it."
    return ""


async def _find(connection: Any, username: str) -> queries.Login | None:
    if not runtime().console.is_portal:
        for user_id in await queries.admin_ids(connection, username):
            found = await queries.login(connection, user_id)
            if found and found.username.lower() == username.lower():
                return found
        return None
    ids_of = await queries.portal_ids(connection, username)
    if ids_of is None:
        return None
    await queries.set_account(connection, ids_of[1])
    return await queries.login(connection, ids_of[0])


def _first_step(request: HttpRequest, found: queries.Login) -> HttpResponse:
    if found.has_second_factor:
        request.session["half"] = [found.id, found.account_id, found.username, int(time.time())]
        request.session["account_id"] = found.account_id
        request.session.cycle_key()
        return redirect(f"/login/code/?next={_next(request)}")
    return _enter(request, found.id, found.account_id, found.username)


@open_to_all
def second_step(request: HttpRequest) -> HttpResponse:
    """The second factor, within five minutes of the first."""
    half = request.session.get("half")
    if not half or time.time() - half[3] > CODE_SECONDS:
        request.session.flush()
        return redirect("login")
    user_id, account_id, username, _ = half
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fault = _check_code(request, user_id, account_id, username, form.cleaned_data["code"])
        if not fault:
            return _enter(request, user_id, account_id, username)
        form.add_error("code", fault)
    page = {"title": "Second factor", "form": form, "next": _next(request)}
    return render(request, "console/login_code.html", page)


def _check_code(
    request: HttpRequest, user_id: int, account_id: int, username: str, code: str
) -> str:
    where = address(request)

    async def attempt(connection: Any) -> str:
        await queries.lock_login(connection, user_id)
        found = await queries.login(connection, user_id)
        if found is None or (fault := _closed(found)):
            return fault if found else _WRONG
        if await verify_code(connection, user_id, code):
            return ""
        until = await queries.note_failure(connection, user_id, FAILURES_MAX, LOCK_MINUTES)
        await queries.audit(connection, "login_failed", "login", username, "wrong code")
        return _locked() if until else "This code is wrong or was used. Wait for the next one."

    fault = runtime().database.change(Acting(f"login:{username}", where, account_id), attempt)
    if fault:
        _attempts.failed(where)
    return fault


def _enter(request: HttpRequest, user_id: int, account_id: int, username: str) -> HttpResponse:
    """The session of who has proved who they are, under a new key."""
    console = runtime().console
    kind = "user" if console.is_portal else "admin"
    target = _next(request)
    if console.is_portal:
        bind_account(account_id)

    async def note(connection: Any) -> None:
        await queries.note_login(connection, user_id)
        await queries.drop_expired(connection, console.session_table)
        await queries.audit(connection, "login", "login", username, "")

    where = address(request)
    runtime().database.change(Acting(f"{kind}:{username}", where, account_id), note)
    request.session.pop("half", None)
    request.session["account_id"] = account_id
    request.session["address"] = where
    request.session["agent"] = request.headers.get("User-Agent", "")[:300]
    request.session["since"] = int(time.time())
    user = User.objects.get(pk=user_id)
    auth.login(request, user, backend="cpaas.consoles.shared.people.Backend")
    return redirect(target)


def _next(request: HttpRequest) -> str:
    """Where to go after; only within this console."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    fits = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if fits and target.startswith("/") else "/"


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Ends this session."""
    who = request.user.get_username()
    kind = "user" if runtime().console.is_portal else "admin"
    acting = Acting(
        f"{kind}:{who}", address(request), int(getattr(request.user, "account_id", 0) or 0)
    )
    runtime().database.change(acting, lambda c: queries.audit(c, "logout", "login", who, ""))
    auth.logout(request)
    return redirect("login")
