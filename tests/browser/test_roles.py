"""Each role of an account opens what it may and nothing else, at every address of the portal."""

from typing import Any, Final

import pytest
from tests.browser.addresses import addresses, filled, parts
from tests.browser.console import PASSWORD, Copy
from tests.browser.test_tenants import asked

from cpaas.kit.ids import new_id

Visit = Any
ROLES: Final = ("owner", "developer", "marketer", "finance", "viewer")
EVERYBODY: Final = set(ROLES)
WRITES: Final = {"owner", "developer", "marketer"}
PROGRAMS: Final = {"owner", "developer"}
MONEY: Final = {"owner", "finance"}
BOOKS: Final = {"owner", "developer", "finance", "viewer"}
#: who has the balance in the top bar.
CHIP: Final = {"owner", "finance", "marketer"}
#: address by name -> who may. Written down here once more: a role is widened in two places.
MAY: Final[dict[str, set[str]]] = {
    "password": EVERYBODY, "account": EVERYBODY, "end_session": EVERYBODY, "home": EVERYBODY,
    "second_factor": EVERYBODY, "second_factor_off": EVERYBODY, "save_view": EVERYBODY,
    "forget_view": EVERYBODY, "logout": EVERYBODY,
    "dashboard:home": EVERYBODY, "dashboard:insights": EVERYBODY,
    "dashboard:dismiss": EVERYBODY, "dashboard:recall": EVERYBODY,
    "quick:home": WRITES, "quick:compose": WRITES, "quick:counter": WRITES, "quick:strip": WRITES,
    "templates:home": EVERYBODY, "templates:show": EVERYBODY, "templates:add": WRITES,
    "templates:preview": WRITES, "templates:assist": WRITES, "templates:use": WRITES,
    "templates:edit": WRITES, "templates:submit": WRITES, "templates:delete": WRITES,
    "campaigns:home": EVERYBODY, "campaigns:one": EVERYBODY, "campaigns:new": WRITES,
    "campaigns:compose": WRITES, "campaigns:preview": WRITES, "campaigns:edit": WRITES,
    "campaigns:download": WRITES, "campaigns:deed": WRITES,
    "identities:home": EVERYBODY,
    "senders:home": EVERYBODY, "senders:ask": WRITES, "senders:deed": WRITES,
    "reports:home": EVERYBODY, "reports:message": EVERYBODY, "reports:export": WRITES,
    "reports:job": WRITES, "reports:file": WRITES,
    "report-summary:home": EVERYBODY, "anomalies:home": EVERYBODY,
    "billing:home": BOOKS, "billing:file": BOOKS, "billing:alert": MONEY,
    "billing:details": MONEY, "billing:ask": MONEY, "billing:withdraw": MONEY,
    "billing:invoice": BOOKS, "billing:statement": BOOKS,
    "blacklist:home": EVERYBODY, "blacklist:deed": WRITES, "blacklist:upload": WRITES,
    "blacklist:file": WRITES,
    "inbox:home": EVERYBODY, "inbox:conversation": EVERYBODY, "inbox:reply": WRITES,
    "settings:home": PROGRAMS, "settings:key": PROGRAMS, "settings:smpp": PROGRAMS,
    "settings:addresses": PROGRAMS, "settings:webhook": PROGRAMS,
    "settings:webhook_test": PROGRAMS, "settings:replay": PROGRAMS,
    "settings:invite": {"owner"}, "settings:resend": {"owner"}, "settings:revoke": {"owner"},
    "settings:role": {"owner"}, "settings:remove": {"owner"},
    "api:home": PROGRAMS,
}  # fmt: skip
#: sidebar's line -> the address whose roles it follows.
LINES: Final = {
    "Quick Message": "quick:home", "Billing": "billing:home", "Settings": "settings:home",
    "API docs": "api:home", "Reports": "reports:home",
}  # fmt: skip


@pytest.fixture
def team(copy: Copy, customer: dict[str, Any]) -> dict[str, str]:
    """Role -> a person of it, all of one account."""
    name = customer["username"]
    for role in ROLES[1:]:
        copy.sql(
            "INSERT INTO app_user (username, password, role, account_id, member_role)"
            f" SELECT '{name}{role}', password, role, account_id, '{role}' FROM app_user"
            f" WHERE username = '{name}'"
        )
    return {"owner": name} | {role: f"{name}{role}" for role in ROLES[1:]}


def test_every_address_is_refused_to_whom_it_is_not_for(
    copy: Copy, visit: Visit, team: dict[str, str]
) -> None:
    routes = {name: route for name, (route, opened) in addresses(copy, "portal").items()
              if not opened}  # fmt: skip
    assert set(routes) == set(MAY), "every address says here which roles it is for"
    for role, username in team.items():
        portal = visit("portal").log_in(username)
        for name, route in routes.items():
            if name == "logout":
                continue
            values = dict.fromkeys(parts(route), "999999999")
            values |= {"message_id": str(new_id()), "kind": "test", "channel": "sms"}
            for form in (None, {"name": "x"}):
                status = asked(portal, filled(route, values), form).status
                assert status < 500, (role, name, status)
                assert (status == 403) == (role not in MAY[name]), (role, name, status)
        portal.go("/reports/")
        lines = portal.page.locator(".sidebar").inner_text()
        for line, name in LINES.items():
            assert (line in lines) == (role in MAY[name]), (role, line)
        assert (portal.page.locator(".chip-balance").count() > 0) == (role in CHIP), role
        # No role of an account opens the operator's console.
        portal.move("admin").log_in(username, PASSWORD)
        assert "/login/" in portal.page.url
    # A refusal is one line of the service's log, with its reason and without a traceback.
    log = (copy.platform.home / "h" / "logs" / "cpaas-portal.log").read_text()
    refused = [line for line in log.splitlines() if "does not open this page" in line]
    assert refused
    assert not any("Traceback" in line for line in refused)
    assert "PermissionDenied" not in log


def test_who_may_only_look_sees_no_deed(copy: Copy, visit: Visit, team: dict[str, str]) -> None:
    """What a viewer could not do is not offered either."""
    viewer = visit("portal").log_in(team["viewer"])
    for path, deeds in {
        "/templates/": ("New template",), "/campaigns/": ("New campaign",),
        "/senders/": ("Request sender",), "/blacklist/": ("Block",), "/reports/": ("CSV", "XLSX"),
    }.items():  # fmt: skip
        viewer.go(path)
        for deed in deeds:
            for kind in ("button", "link"):
                found = viewer.page.locator("main").get_by_role(kind, name=deed, exact=True)
                assert found.count() == 0, (path, deed)
