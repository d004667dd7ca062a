"""Users: every account with its owner; *Add User* makes both, *Edit* opens the full editor."""

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.accounts import editing_queries, people
from cpaas.accounts.create import create_account
from cpaas.accounts.editing_types import Listed, ListFilter
from cpaas.accounts.types import NewAccount
from cpaas.consoles.admin import top_ups, user_editor, user_tax
from cpaas.consoles.shared import cells
from cpaas.consoles.shared.fields import add_fault, choice_field, text_field
from cpaas.consoles.shared.filters import Choice, Filters, Text
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import change, look
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table, cursor
from cpaas.kit.errors import InputError

PAGE: Final = 50
_STATUS: Final = (("", "Any status"), ("active", "Active"), ("inactive", "Inactive"))
_BILLING: Final = (("", "Any billing"), ("prepaid", "Prepaid"), ("postpaid", "Postpaid"))


def users(request: HttpRequest) -> HttpResponse:
    """The table with its filters."""
    filters = Filters(
        request, "users",
        [
            Text("q", "Search", "Name, username or email"),
            Choice("status", "Status", _STATUS),
            Choice("billing", "Billing", _BILLING),
        ],
        with_days=False,
    )  # fmt: skip
    wanted = ListFilter(text=filters["q"], status=filters["status"], billing=filters["billing"])
    after = cursor(request)
    found = look(request, lambda c: editing_queries.listed(c, wanted, after, PAGE + 1))
    table = _table(found, filters, first=not after)
    return render(
        request, "admin_console/users.html",
        {"title": "Users", "filters": filters, "table": table},
    )  # fmt: skip


def _table(found: list[Listed], filters: Filters, *, first: bool) -> Table:
    shown = found[:PAGE]
    return Table(
        columns=[
            Column("Username", wide=True), Column("Account"),
            Column("Email", extra=True, wide=True), Column("Channels", extra=True),
            Column("Billing"), Column("Balance", right=True),
            Column("Last login"), Column("Status"), Column("Edit", right=True),
        ],
        rows=[_row(one) for one in shown],
        next_cursor=shown[-1].name if len(found) > PAGE else "",
        first_page=first,
        query=filters.query,
        empty_title="No users yet",
        empty_text="A user is a customer: an account with its owner. Add the first one.",
        dense=False,
    )  # fmt: skip


def _row(one: Listed) -> Row:
    link = f"/users/{one.id}/"
    on = [CHANNEL_NAMES[channel] for channel in one.channels]
    return Row(
        [
            cells.name(one.username or "no owner", link=link),
            one.name,
            one.email or cells.NOTHING,
            "All" if len(on) == len(CHANNEL_NAMES) else ", ".join(on) or cells.NOTHING,
            one.billing_mode,
            cells.money(one.balance_micro),
            cells.time(one.last_login),
            cells.badge("ACTIVE" if one.active else "INACTIVE"),
            cells.button("Edit", link, "edit"),
        ],
        link,
    )


class AddForm(forms.Form):
    """A new user: account and owner in one."""

    username = text_field("Username", autofocus=True, autocomplete="off")
    email = text_field("Email", required=False, type="email")
    phone = text_field("Phone", required=False, placeholder="+919876543210")
    password = text_field(
        "Temporary password", required=False, autocomplete="off",
        help_text="Left empty: one is generated. It must be changed at the first login.",
    )  # fmt: skip
    role = choice_field(
        "Role", (("USER", "USER: a customer"), ("ADMIN", "ADMIN: runs the platform")),
        initial="USER",
    )  # fmt: skip
    account = text_field(
        "Account name", required=False, help_text="Left empty: the username.",
    )  # fmt: skip


def add(request: HttpRequest) -> HttpResponse:
    """*Add User*: afterwards its secrets, once."""
    form = AddForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            if given["role"] == "ADMIN":
                return _added_admin(request, given)
            new = NewAccount(
                name=given["account"] or given["username"], username=given["username"],
                email=given["email"], phone=given["phone"], password=given["password"],
            )  # fmt: skip
            made = change(request, lambda c: create_account(c, new))
        except InputError as error:
            add_fault(form, error, {"name": "account"})
        else:
            secrets = [
                ("Username", made.username), ("Temporary password", made.password),
                ("API key", made.api_key), ("Test key", made.test_key),
                ("SMPP system id", made.smpp_system_id), ("SMPP password", made.smpp_password),
            ]  # fmt: skip
            return user_editor.secrets_page(
                request, f"User {made.username} is active", secrets, f"/users/{made.id}/",
                "The owner changes the password at the first login. Give the account money and "
                "prices before it sends.",
            )  # fmt: skip
    page = {"title": "Users", "form": form}
    return render(request, "admin_console/user_add.html", page)


def _added_admin(request: HttpRequest, given: dict[str, Any]) -> HttpResponse:
    password = change(
        request,
        lambda c: people.create_admin(
            c, given["username"], email=given["email"], password=given["password"]
        ),
    )
    return user_editor.secrets_page(
        request, f"Admin {given['username']} is active",
        [("Username", given["username"]), ("Password", password)], "/users/",
        "Admins work here, not on the portal.",
    )  # fmt: skip


SCREEN = Screen(
    title="Users",
    icon="group",
    slug="users",
    group="Customers",
    badge=top_ups.waiting,
    pages=[
        Page("", users, "home"),
        Page("add/", add, "add"),
        Page("<int:account_id>/", user_editor.edit, "edit"),
        Page("<int:account_id>/key/", user_editor.regenerate_key, "key"),
        Page("<int:account_id>/smpp/", user_editor.regenerate_smpp, "smpp"),
        Page("<int:account_id>/password/", user_editor.new_password, "password"),
        Page("<int:account_id>/money/", user_editor.book, "money"),
        *user_tax.PAGES,
        *top_ups.PAGES,
    ],
)
