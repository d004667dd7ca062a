"""A newcomer's walk, by clicking only: from the printed password to the first delivered message."""

import sys
import time
from typing import Any

import pytest
from tests.browser.console import PASSWORD, Copy
from tests.browser.guides.reader import Reader

Visit = Any
USER, TEMPORARY = "leela.nair", "Silver anklet 12 bells"
#: each click of a person, and each list from which one is taken.
COUNT = """
addEventListener("click", event => { if (event.isTrusted) window.clicked("click"); }, true);
addEventListener("change", event => window.clicked(event.target.tagName), true);
"""


def watched(reader: Reader, seen: list[str]) -> Reader:
    """Notes each click and each field."""
    reader.visitor.context.expose_binding("clicked", lambda _source, what: seen.append(str(what)))
    reader.visitor.context.add_init_script(COUNT)
    return reader


def choose_password(reader: Reader, now: str) -> None:
    """The first login asks for an own password."""
    reader.shows("You logged in with a temporary password. Choose your own to go on.")
    reader.fill("Password now", now)
    reader.fill("New password", PASSWORD)
    reader.fill("New password again", PASSWORD)
    reader.press("Change password")
    reader.told("Password changed")


def make_route(admin: Reader, port: int) -> None:
    """A route to the simulated carrier."""
    admin.open("Routes")
    admin.follow("Add Route")
    admin.fill("Route Name", "newcomer")
    admin.fill("Host", "127.0.0.1")
    admin.fill("Port", str(port))
    admin.tab("Credentials")
    admin.fill("System ID", "newcomer")
    admin.fill("Password", "s3cretpw")
    admin.press("Add Route")
    admin.told("Route newcomer added.")
    admin.open("Routes")
    admin.row("newcomer").get_by_text("up", exact=True).wait_for(timeout=60_000)


def make_user(admin: Reader) -> None:
    """A customer with money and a price."""
    admin.open("Users")
    admin.follow("Add User")
    admin.fill("Username", USER)
    admin.fill("Temporary password", TEMPORARY)
    admin.press("Add User")
    admin.shows(f"User {USER} is active")
    admin.follow("Done")
    admin.tab("Pricing")
    admin.fill("SMS price per segment", "0.15")
    admin.press(f"Save {USER}")
    admin.tab("Balance")
    admin.fill("Amount", "100")
    admin.press("Credit")
    admin.told(f"₹100.0000 added to {USER}.")


def make_rule(admin: Reader) -> None:
    """That customer's messages take that route."""
    admin.open("Routing Rules")
    admin.follow("Add Rule")
    admin.choose("Account", USER)
    admin.choose("Route", "newcomer (SMS)")
    admin.fill("Priority", "1")
    admin.press("Add Rule")
    admin.told("Messages obey it within a second.")


def get_sender(user: Reader, admin: Reader) -> None:
    """Asked for on the portal, approved on the dashboard."""
    user.open("Sender IDs")
    user.fill("Sender ID", "LEELAS")
    user.press("Request sender")
    user.told("LEELAS requested.")
    admin.open("Sender Requests")
    with admin.page.expect_navigation(wait_until="load"):
        admin.row("LEELAS").get_by_role("link", name="Decide").click()
    admin.press("Approve")
    admin.told("LEELAS approved.")


def test_from_the_printed_password_to_a_delivered_message(
    copy: Copy, visit: Visit, capsys: pytest.CaptureFixture[str]
) -> None:
    started, seen = time.monotonic(), list[str]()
    printed = copy.platform.answer["admin"]
    admin = watched(Reader(visit("admin")), seen)
    admin.enter(printed["username"], printed["password"])
    choose_password(admin, printed["password"])
    make_route(admin, 2776 + copy.platform.offset)
    make_user(admin)
    make_rule(admin)
    user = watched(Reader(visit("portal")), seen)
    user.enter(USER, TEMPORARY)
    choose_password(user, TEMPORARY)
    get_sender(user, admin)
    user.open("Quick Message")
    user.fill("Recipient", "+91 98450 11201")
    user.fill("Message", "Hello from a new user over a new route")
    user.page.locator("#preview .bubble").wait_for()
    user.ask("Send SMS for ₹0.1500")
    user.press("Send it")
    user.page.locator("#strip", has_text="DELIVERED").wait_for(timeout=60_000)
    took, clicks = time.monotonic() - started, sum(one in ("click", "SELECT") for one in seen)
    admin.open("Reports")
    with admin.page.expect_navigation(wait_until="load"):
        admin.row(USER).locator("a").first.click()
    admin.shows("Route newcomer chosen", "Accepted from the portal")
    assert 0 < clicks < 60
    with capsys.disabled():
        fields = sum(one == "INPUT" or one == "TEXTAREA" for one in seen)
        words = f"delivered after {clicks} clicks and {fields} fields in {took:.0f} s"
        sys.stdout.write(f"\nnewcomer: {words}\n")
