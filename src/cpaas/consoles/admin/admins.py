"""Admins: who runs the platform. Only admins make admins; the last active one stays."""

from typing import Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cpaas.accounts import admin_queries, admins, people
from cpaas.accounts.admin_queries import AdminRow
from cpaas.consoles.admin import user_editor
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import add_fault, password_field, text_field
from cpaas.consoles.shared.runtime import change, look, user_id
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError

PAGE: Final = 50


def home(request: HttpRequest) -> HttpResponse:
    """The table."""
    after = cursor(request)
    found = look(request, lambda c: admin_queries.admins(c, after, PAGE + 1))
    shown = found[:PAGE]
    me = user_id(request)
    table = Table(
        columns=[
            Column("Username", wide=True), Column("Email"), Column("Second factor"),
            Column("Last login"), Column("Status"), Column("Edit", right=True),
        ],
        rows=[_row(one, me) for one in shown],
        next_cursor=shown[-1].username if len(found) > PAGE else "",
        first_page=not after,
        empty_title="No admins",
        empty_text="Make the first one: cpaas admin create.",
        dense=False,
    )  # fmt: skip
    return render(request, "admin_console/admins.html", {"title": "Admins", "table": table})


def _row(one: AdminRow, me: int) -> Row:
    link = f"/admins/{one.id}/"
    return Row(
        [
            cells.name(one.username, "you" if one.id == me else "", link),
            one.email or cells.NOTHING,
            "on" if one.has_second_factor else cells.grey("off"),
            cells.time(one.last_login),
            cells.badge("ACTIVE" if one.is_active else "INACTIVE"),
            cells.button("Edit", link, "edit"),
        ],
        link,
    )


class AddForm(forms.Form):
    """A new admin, who may log in at once with the password chosen here."""

    username = text_field("Username", autofocus=True, autocomplete="off")
    email = text_field("Email", type="email")
    password = password_field(
        "Password", autocomplete="new-password",
        help_text="At least 12 characters that are no common password and not the username.",
    )  # fmt: skip


def add(request: HttpRequest) -> HttpResponse:
    """*Add Admin*."""
    form = AddForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            change(
                request,
                lambda c: people.create_admin(
                    c, given["username"], email=given["email"], password=given["password"]
                ),
            )
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, f"Admin {given['username']} can log in now.")
            return redirect("admins:home")
    return render(request, "admin_console/admin_add.html", {"title": "Admins", "form": form})


def _known(request: HttpRequest, admin_id: int) -> AdminRow:
    known = look(request, lambda c: admin_queries.admin(c, admin_id))
    if known is None:
        raise Http404("There is no such admin.")
    return known


def edit(request: HttpRequest, admin_id: int) -> HttpResponse:
    """One admin: status, password."""
    known = _known(request, admin_id)
    page = {"title": "Admins", "known": known, "me": known.id == user_id(request)}
    return render(request, "admin_console/admin_edit.html", page)


@require_POST
def switch(request: HttpRequest, admin_id: int) -> HttpResponse:
    """Activate or deactivate."""
    known = _known(request, admin_id)
    try:
        change(request, lambda c: admins.set_active(c, known.id, active=not known.is_active))
    except InputError as error:
        what = f"{error.what[:1].upper()}{error.what[1:]}"
        messages.error(request, f"Not deactivated. {what}: {error.todo}.")
        return redirect("admins:edit", admin_id=known.id)
    words = "is deactivated; open sessions have ended" if known.is_active else "can log in again"
    messages.success(request, f"Admin {known.username} {words}.")
    return redirect("admins:home")


@require_POST
def new_password(request: HttpRequest, admin_id: int) -> HttpResponse:
    """A temporary password; the lock of failed logins is lifted."""
    known = _known(request, admin_id)
    password = change(request, lambda c: people.reset_password(c, known.username))
    return user_editor.secrets_page(
        request, f"New password of {known.username}",
        [("Username", known.username), ("Temporary password", password)],
        f"/admins/{known.id}/", "It must be changed at the first login; open sessions end.",
    )  # fmt: skip


SCREEN = Screen(
    title="Admins",
    icon="shield_person",
    slug="admins",
    group="Platform",
    pages=[
        Page("", home, "home"),
        Page("add/", add, "add"),
        Page("<int:admin_id>/", edit, "edit"),
        Page("<int:admin_id>/switch/", switch, "switch"),
        Page("<int:admin_id>/password/", new_password, "password"),
    ],
)
