"""The portal's Dashboard: the account's own figures, in light, dark and on a phone."""

from typing import Any

from tests.browser.console import Copy

CARDS = ("Messages Today", "Success Rate", "Cost Today", "Balance")


def test_the_cards_are_the_accounts_own(copy: Copy, visit: Any, customer: dict[str, Any]) -> None:
    platform, name = copy.platform, customer["name"]
    platform.cpaas("sender", "create", "MINE", "--account", name, "--channel", "sms", "--approve")
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    for card in CARDS:
        assert page.get_by_role("heading", name=card).is_visible()
    assert "after the first receipt" in portal.text()
    steps = page.locator("#first-run")
    assert steps.locator("li.is-ok").count() == 2, "a sender and balance"
    assert "A message sent with the key" not in steps.inner_text()
    steps.get_by_text("Numbers for tests").click()
    assert "+999 00 0000 0007" in steps.inner_text()
    portal.check()
    portal.shoot("portal-first-run")
    test = platform.send(customer["test_key"], to="+999000000001", text="Hello")
    platform.becomes(customer["test_key"], test["id"], "DELIVERED")
    page.reload()
    assert steps.locator("li.is-ok").count() == 3
    steps.get_by_role("button", name="Hide this list").click()
    page.get_by_role("button", name="Show the first steps").click()
    steps.wait_for()
    for part in ("Channels today", "Channels of all time", "Failure insights"):
        assert page.get_by_role("heading", name=part).is_visible()
    sent = platform.send(customer["api_key"], to="+919876543210", text="Hello")
    platform.becomes(customer["api_key"], sent["id"], "DELIVERED")
    page.locator(".figure-card", has_text="100.0%").wait_for(timeout=20_000)
    page.reload()
    assert "₹99.8800" in page.locator(".chip-balance").inner_text()
    assert steps.count() == 0, "it ends with the first delivered message"
    portal.check()
    portal.shoot("portal-dashboard")
    portal.theme("dark")
    page.wait_for_timeout(200)
    portal.shoot("portal-dashboard-dark")
    phone = visit("portal", width=390).log_in(customer["username"])
    phone.shoot("portal-dashboard-phone")
