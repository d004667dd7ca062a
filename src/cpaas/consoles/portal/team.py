"""The team: its owner invites by a link, gives roles and removes; who is invited joins by the link.

Shown as a tab of *Settings & API Keys*. Without a mail server the link is shown once instead.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from cpaas.accounts import team, team_queries
from cpaas.accounts.team_types import Invited, Opened
from cpaas.consoles.shared import queries
from cpaas.consoles.shared.database import Acting
from cpaas.consoles.shared.fields import add_fault, text_field
from cpaas.consoles.shared.gate import open_to_all
from cpaas.consoles.shared.mail import send_soon
from cpaas.consoles.shared.password import NewPasswordForm
from cpaas.consoles.shared.runtime import account_id, acting, address, change, runtime, user_id
from cpaas.consoles.shared.screen import Page
from cpaas.kit.errors import InputError

OWNERS: Final = frozenset({"owner"})
#: what a role is for, where one is chosen.
ROLES: Final = (
    ("developer", "developer: keys, webhook, SMPP, sending"),
    ("marketer", "marketer: campaigns, templates, sending"),
    ("finance", "finance: billing and balance"),
    ("viewer", "viewer: looks, changes nothing"),
    ("owner", "owner: everything, and the team"),
)


async def look(connection: Any, account: int) -> dict[str, Any]:
    """What the tab shows."""
    return {
        "team": await team_queries.members(connection, account),
        "invitations": await team_queries.invitations(connection, account),
        "roles": ROLES,
    }


def _refusing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What cannot be done is said on the tab."""

    @wraps(view)
    def wrapped(request: HttpRequest, **given: int) -> HttpResponse:
        try:
            return view(request, **given)
        except InputError as error:
            messages.error(request, f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}.")
            return _back()

    return wrapped


@require_POST
@_refusing
def invite(request: HttpRequest) -> HttpResponse:
    """Invites an address."""
    email, role = request.POST.get("email", ""), request.POST.get("role", "")
    account, by = account_id(request), acting(request).actor
    made = change(request, lambda c: team.invite(c, account, email, role, by=by))
    return _hand_over(request, made)


@require_POST
@_refusing
def resend(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Another link; the one before is over."""
    account = account_id(request)
    made = change(request, lambda c: team.renew(c, account, invitation_id))
    return _hand_over(request, made)


@require_POST
@_refusing
def revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Takes an invitation back."""
    account = account_id(request)
    email = change(request, lambda c: team.revoke(c, account, invitation_id))
    messages.success(request, f"The invitation of {email} is revoked; its link works no more.")
    return _back()


@require_POST
@_refusing
def role(request: HttpRequest, member_id: int) -> HttpResponse:
    """Another role for a person."""
    account, wanted = account_id(request), request.POST.get("role", "")
    member = change(request, lambda c: team.change_role(c, account, member_id, wanted))
    messages.success(request, f"{member.username} is {wanted} from the next page on.")
    # An owner who is one no more may not see this screen's team any longer.
    mine = member.id == user_id(request) and wanted not in {"owner", "developer"}
    return redirect("home") if mine else _back()


@require_POST
@_refusing
def remove(request: HttpRequest, member_id: int) -> HttpResponse:
    """Ends a membership, with every session of it."""
    account = account_id(request)
    member = change(request, lambda c: team.remove(c, account, member_id))
    if member.id == user_id(request):
        return redirect("login")
    messages.success(request, f"{member.username} is removed; open sessions have ended.")
    return _back()


def _hand_over(request: HttpRequest, made: Invited) -> HttpResponse:
    here = runtime().settings
    link = f"{here.console_url('portal')}{reverse('settings:invitation', args=[made.token])}"
    to = made.invitation.email
    if not runtime().current.has_mail:
        from cpaas.consoles.portal.settings import settings

        return settings(request, new_link=link, new_link_for=to)
    who = request.user.get_username()
    text = (
        f"{who} invites you to the team of an account on the {runtime().console.title},"
        f" as {made.invitation.role}.\n\n"
        f"Choose a username and a password here within {team.INVITATION_DAYS} days:\n{link}\n\n"
        "If you do not know why, do nothing: without the link nobody joins.\n"
    )
    send_soon(to, f"Invitation to the {runtime().console.title}", text)
    messages.success(
        request, f"The invitation to {to} is on its way; it holds {team.INVITATION_DAYS} days."
    )
    return _back()


def _back() -> HttpResponse:
    return redirect(f"{reverse('settings:home')}#team")


class JoinForm(NewPasswordForm):
    """The name and password of who joins."""

    field_order = ("username", "new", "again")
    username = text_field("Username", autocomplete="username", autofocus=True, max_length=64)


@open_to_all
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind an invitation's link."""
    found = _opened(request, token)
    if found is None:
        messages.error(
            request,
            "This invitation is over: it was used, revoked or has expired. Ask for another one.",
        )
        return redirect("login")
    account, invitation = found
    form = JoinForm(request.POST or None)
    form.names = (request.POST.get("username", ""), invitation.email)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        who = Acting(f"user:{given['username'][:64]}", address(request), account)
        try:
            runtime().database.change(
                who,
                lambda c: team.accept(c, account, invitation, given["username"], given["new"]),
                note="invitation accepted",
            )
        except InputError as error:
            add_fault(form, error)
        else:
            messages.success(request, f"Welcome to {invitation.account}. Log in now.")
            return redirect("login")
    page = {"title": "Join the team", "form": form, "invitation": invitation}
    return render(request, "portal/invitation.html", page)


def _opened(request: HttpRequest, token: str) -> tuple[int, Opened] | None:
    async def work(connection: Any) -> tuple[int, Opened] | None:
        pair = await team_queries.invitation_of(connection, team.digest(token))
        if pair is None:
            return None
        await queries.set_account(connection, pair[1])
        found = await team_queries.opened(connection, pair[1], pair[0])
        return None if found is None else (pair[1], found)

    return runtime().database.look(Acting("login:invitation", address(request)), work)


PAGES: Final = (
    Page("team/invite/", invite, "invite", OWNERS),
    Page("team/invitation/<int:invitation_id>/resend/", resend, "resend", OWNERS),
    Page("team/invitation/<int:invitation_id>/revoke/", revoke, "revoke", OWNERS),
    Page("team/<int:member_id>/role/", role, "role", OWNERS),
    Page("team/<int:member_id>/remove/", remove, "remove", OWNERS),
    Page("invitation/<str:token>/", accept, "invitation"),
)
