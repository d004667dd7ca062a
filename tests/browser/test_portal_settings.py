"""Settings & API Keys: secrets shown once, the old ones dead, and each role kept to its own."""

import urllib.error
import urllib.request
from typing import Any

import psycopg
import pytest
from tests.browser.console import PASSWORD, Copy
from tests.journeys.platform import until

Visit = Any


def status(copy: Copy, key: str) -> int:
    request = urllib.request.Request(
        f"{copy.url('core')}/v1/balance", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_key_is_shown_once_and_the_old_one_dies(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/settings/")
    portal.check()
    portal.shoot("portal-settings")
    assert customer["api_key"] not in portal.text()
    page.get_by_role("button", name="Regenerate live key").click()
    assert "stops working within a second" in page.get_by_role("dialog").inner_text()
    page.get_by_role("button", name="Regenerate key").click()
    key = page.locator("#new-key").inner_text()
    assert key.startswith("live_")
    portal.check()
    portal.shoot("portal-settings-new-key")
    until(lambda: status(copy, key) == 200)
    until(lambda: status(copy, customer["api_key"]) == 401)
    portal.go("/settings/")
    assert key not in page.content()


def test_webhook_addresses_smpp_and_team(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/settings/#webhook")
    page.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    page.get_by_role("button", name="Save webhook").click()
    page.locator(".note.is-bad").wait_for()
    assert "cannot be a webhook" in portal.text()
    page.get_by_role("tab", name="Whitelisted IPs").click()
    page.get_by_label("Addresses").fill("not an address")
    page.get_by_role("button", name="Save addresses").click()
    page.locator(".note.is-bad").wait_for()
    page.get_by_label("Addresses").fill("203.0.113.7\n198.51.100.0/24")
    page.get_by_role("button", name="Save addresses").click()
    page.locator(".note.is-ok").wait_for()
    portal.check()
    until(lambda: status(copy, customer["api_key"]) == 403)
    # The portal itself is open from anywhere.
    page.get_by_role("tab", name="Team").click()
    assert customer["username"] in page.locator("[data-panel=team]").inner_text()
    portal.check()


@pytest.mark.parametrize(
    ("role", "closed"),
    [
        ("viewer", ("/settings/", "/quick/", "/reports/export/1/")),
        ("finance", ("/settings/", "/quick/", "/reports/export/1/")),
        ("marketer", ("/settings/", "/settings/key/live/", "/settings/addresses/")),
    ],
)
def test_what_a_role_may_not_open(
    copy: Copy, visit: Visit, customer: dict[str, Any], role: str, closed: tuple[str, ...]
) -> None:
    dsn = copy.platform.cpaas("db", "shell-dsn")["dsn"]
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE app_user SET member_role = %s WHERE username = %s", [role, customer["username"]]
        )
    portal = visit("portal").log_in(customer["username"], PASSWORD)
    for path in closed:
        assert portal.context.request.get(f"{portal.base}{path}").status == 403, path
    portal.go("/reports/")
    assert "Settings" not in portal.page.locator(".sidebar").inner_text()
