"""Switches a person's second factor on, after a first good code, and off, after the password."""

from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST

from cpaas.consoles.shared import queries, totp
from cpaas.consoles.shared.fields import text_field
from cpaas.consoles.shared.runtime import account_id, change, user_id
from cpaas.kit.secrets import verify_password


class ConfirmForm(forms.Form):
    """The first code of the app."""

    code = text_field("Code from the app", autocomplete="one-time-code", inputmode="numeric")


def switch_on(request: HttpRequest) -> HttpResponse:
    """Shows the secret as a QR code and takes the first code."""
    who = user_id(request)
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if change(request, lambda c: totp.verify_code(c, who, form.cleaned_data["code"])):
            messages.success(request, "Second factor is on. Your next login asks for a code.")
            return redirect("account")
        form.add_error("code", "This code does not fit. Check the clock of your phone.")

    async def secret(connection: Any) -> str:
        row = await queries.second_factor(connection, who)
        if row is not None and row[1]:
            return ""
        found = await totp.waiting_secret(connection, who)
        return found or await totp.new_secret(connection, who, account_id(request))

    plain = change(request, secret)
    if not plain:
        return redirect("account")
    drawing = segno.make(totp.address(request.user.get_username(), plain), error="m")
    picture = drawing.svg_inline(scale=5, border=2, dark="#111", light="#fff", omitsize=True)
    page = {
        "title": "Second factor",
        "form": form,
        "secret": " ".join(plain[i : i + 4] for i in range(0, len(plain), 4)),
        "picture": mark_safe(picture),  # noqa: S308 - drawn by a library from our own text
    }
    return render(request, "console/second_factor.html", page)


@require_POST
def switch_off(request: HttpRequest) -> HttpResponse:
    """Off, if the password is right."""
    who = user_id(request)

    async def work(connection: Any) -> bool:
        found = await queries.login(connection, who)
        if found is None or not verify_password(found.password, request.POST.get("password", "")):
            return False
        await queries.drop_second_factor(connection, who)
        return True

    if change(request, work):
        messages.success(request, "Second factor is off. The password alone is enough again.")
    else:
        messages.error(request, "The password is wrong; the second factor stays on.")
    return redirect("account")
