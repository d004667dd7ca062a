"""Logging in, staying in, being kept out: the same rules on both consoles, roles apart."""

import base64
import re
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from tests.browser.console import PASSWORD, Copy

Visit = Any


def test_a_temporary_password_must_be_changed_first(copy: Copy, visit: Visit) -> None:
    made = copy.platform.cpaas("admin", "create", "--username", "temp")
    admin = visit("admin").log_in("temp", made["password"])
    assert "temporary password" in admin.text()
    admin.go("/dashboard/")
    assert admin.page.url.endswith("/password/")
    admin.check()
    page = admin.page
    page.get_by_label("Password now").fill(made["password"])
    page.get_by_label("New password", exact=True).fill("weak")
    page.get_by_label("New password again").fill("weak")
    page.get_by_role("button", name="Change password").click()
    assert "Use 10 to 128 characters" in admin.text() or "10 to 128" in admin.text()
    page.get_by_label("Password now").fill(made["password"])
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/dashboard/")
    assert "Password changed" in admin.text()


def test_roles_are_kept_apart(copy: Copy, visit: Visit, customer: dict[str, Any]) -> None:
    copy.admin("apart")
    wrong = "The username or the password is wrong."
    portal = visit("portal").log_in("apart")
    assert wrong in portal.text()
    admin = visit("admin").log_in(customer["username"])
    assert wrong in admin.text()
    # Both logins live side by side in one browser, in cookies that scripts cannot read.
    both = visit("admin").log_in("apart")
    both.move("portal")
    both.log_in(customer["username"])
    cookies = {one["name"]: one for one in both.context.cookies()}
    for console in ("admin", "portal"):
        assert cookies[f"cpaas_{console}_session"]["httpOnly"]
        assert cookies[f"cpaas_{console}_session"]["sameSite"] == "Lax"
    both.go("/dashboard/")
    assert customer["name"] in both.text()
    both.move("admin")
    both.go("/dashboard/")
    assert "Total Messages (Today)" in both.text()


@pytest.mark.parametrize("console", ["admin", "portal"])
def test_repeated_failures_lock_out_and_a_new_password_lifts_it(
    copy: Copy, visit: Visit, console: str
) -> None:
    name = f"locked{console}"
    copy.admin(name) if console == "admin" else copy.customer(name)
    visitor = visit(console)
    for _ in range(5):
        visitor.log_in(name, "Wrong guess 99 times")
    assert "locked for 15 minutes" in visitor.text()
    visitor.log_in(name)
    assert "locked for 15 minutes" in visitor.text()
    copy.platform.cpaas("admin", "reset-password", name, "--password", PASSWORD)
    visitor.log_in(name)
    assert "Dashboard" in visitor.page.title()
    said = copy.platform.cpaas("audit", "list", "--table", "login", "--limit", "500")["entries"]
    # Others log in at the same time.
    told = [(one["action"], one["row"]) for one in said if one["row"] == name]
    assert told[0] == ("login", name)
    assert told.count(("login_failed", name)) >= 5


def test_an_inactive_account_is_refused_and_put_out(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(customer["username"])
    copy.platform.cpaas("account", "set", customer["name"], "--inactive")
    portal.go("/dashboard/")
    assert "/login/" in portal.page.url
    portal.log_in(customer["username"])
    assert "This account is inactive" in portal.text()


@pytest.mark.parametrize("console", ["admin", "portal"])
def test_second_factor(copy: Copy, visit: Visit, console: str) -> None:
    name = f"totp{console}"
    copy.admin(name) if console == "admin" else copy.customer(name)
    first = visit(console).log_in(name)
    first.go("/account/second-factor/")
    first.check()
    shown = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", first.text())
    assert shown is not None
    totp = TOTP(base64.b32decode(shown[0].replace(" ", "")), 6, SHA1(), 30)
    first.page.get_by_label("Code from the app").fill("000000")
    first.page.get_by_role("button", name="Switch on").click()
    assert "does not fit" in first.text()
    used = totp.generate(int(time.time())).decode()
    first.page.get_by_label("Code from the app").fill(used)
    first.page.get_by_role("button", name="Switch on").click()
    assert "Second factor is on" in first.text()

    second = visit(console).log_in(name)
    assert "/login/code/" in second.page.url
    second.go("/dashboard/")
    assert "/login/" in second.page.url
    second.log_in(name)
    second.page.get_by_label("Code").fill(used)
    second.page.get_by_role("button", name="Go on").click()
    assert "wrong or was used" in second.text()
    second.page.get_by_label("Code").fill(totp.generate(int(time.time()) + 30).decode())
    second.page.get_by_role("button", name="Go on").click()
    second.page.wait_for_url("**/dashboard/")

    second.go("/account/")
    second.page.get_by_label("Your password").fill(PASSWORD)
    second.page.get_by_role("button", name="Switch off").click()
    assert "Second factor is off" in second.text()
    assert "/dashboard/" in visit(console).log_in(name).page.url


@pytest.mark.parametrize("console", ["admin", "portal"])
def test_sessions_are_listed_and_ended(copy: Copy, visit: Visit, console: str) -> None:
    name = f"sessions{console}"
    copy.admin(name) if console == "admin" else copy.customer(name)
    here, there = visit(console).log_in(name), visit(console).log_in(name)
    here.go("/account/")
    here.check()
    here.shoot(f"{console}-account")
    here.page.get_by_role("button", name="End all others").click()
    here.page.get_by_role("button", name="End them").click()
    here.page.wait_for_load_state("load")
    assert "1 session ended" in here.text()
    there.go("/dashboard/")
    assert "/login/" in there.page.url
    here.page.locator("summary", has_text="User menu of").click()
    here.page.get_by_role("button", name="Log out").click()
    here.page.wait_for_url("**/login/")
    here.go("/dashboard/")
    assert "/login/" in here.page.url


def test_a_forgotten_password_names_the_command_without_mail(copy: Copy, visit: Visit) -> None:
    visitor = visit("portal")
    visitor.go("/login/")
    visitor.check()
    visitor.page.get_by_role("link", name="Forgotten your password?").click()
    assert "./cpaas admin reset-password" in visitor.text()
    visitor.check()


def test_an_open_part_of_a_page_sends_to_the_login_when_the_session_ends(
    copy: Copy, visit: Visit
) -> None:
    copy.admin("parted")
    visitor = visit("admin").log_in("parted")
    visitor.context.clear_cookies()
    with visitor.page.expect_navigation(url="**/login/", timeout=20_000):
        pass


def test_headers_and_health(copy: Copy, visit: Visit) -> None:
    visitor = visit("admin")
    for console in ("admin", "portal"):
        visitor.move(console)
        answer = visitor.context.request.get(f"{visitor.base}/health").json()
        assert answer["service"] == f"cpaas-{console}"
        assert answer["status"] == "UP"
        page = visitor.context.request.get(f"{visitor.base}/login/")
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe-eval" not in policy
        assert "<script>" not in page.text()
        metrics = visitor.context.request.get(f"{visitor.base}/metrics").text()
        assert "cpaas_console_seconds_bucket" in metrics
    forged = visitor.context.request.post(
        f"{visitor.base}/login/", form={"username": "x", "password": "y"}
    )
    assert forged.status == 403
