"""A person's own password: changed by choice, or because a temporary one was given."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from cpaas.accounts import check
from cpaas.consoles.shared import queries
from cpaas.consoles.shared.fields import password_field
from cpaas.consoles.shared.runtime import change, look, runtime, user_id
from cpaas.consoles.shared.sessions import digest
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import hash_password, verify_password
from cpaas.schema.models import User

HELP = "10 characters and more, mixed of three kinds; or 16 and more of any kind."


class NewPasswordForm(forms.Form):
    """A new password, twice."""

    new = password_field("New password", autocomplete="new-password", help_text=HELP)
    again = password_field("New password again", autocomplete="new-password")
    names: tuple[str, ...] = ()

    def clean(self) -> dict[str, Any]:
        """Strong, and typed the same twice."""
        given = super().clean() or {}
        new = given.get("new", "")
        if new and given.get("again") and new != given["again"]:
            self.add_error("again", "The two differ. Type the same password twice.")
        if new:
            try:
                check.password(new, self.names)
            except InputError as error:
                self.add_error("new", f"{error.what.capitalize()}: {error.todo}")
        return given


class ChangeForm(NewPasswordForm):
    """The same, with the password of now."""

    field_order = ("now", "new", "again")
    now = password_field("Password now", autocomplete="current-password")


def change_password(request: HttpRequest) -> HttpResponse:
    """Ends all other sessions of this person, too."""
    who = user_id(request)
    user = request.user
    form = ChangeForm(request.POST or None)
    form.names = (user.get_username(), str(getattr(user, "email", "")))
    if request.method == "POST" and form.is_valid():
        found = look(request, lambda c: queries.login(c, who))
        given = form.cleaned_data
        if found is None or not verify_password(found.password, given["now"]):
            form.add_error("now", "This is not your password of now.")
        elif given["now"] == given["new"]:
            form.add_error("new", "The new password is the old one. Choose another.")
        else:
            _set(request, who, given["new"])
            messages.success(request, "Password changed. Your other sessions have ended.")
            return redirect("home")
    forced = bool(getattr(user, "must_change_password", False))
    page = {"title": "Change your password", "form": form, "forced": forced}
    return render(request, "console/password.html", page)


def _set(request: HttpRequest, who: int, password: str) -> None:
    table = runtime().console.session_table
    here = digest(request.session.session_key or "")

    async def work(connection: Any) -> None:
        await queries.set_own_password(connection, who, hash_password(password))
        await queries.end_sessions(connection, table, who, but=here)

    change(request, work, note="own password")
    update_session_auth_hash(request, User.objects.get(pk=who))
