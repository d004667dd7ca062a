"""The portal's Dashboard: the account's own figures, and its first steps to a delivered one."""

import re
from typing import Any

from tests.browser.console import Copy

#: 400 SMS of 600 segments, for ₹60 in all, three days ago.
WEEK = """
INSERT INTO counter_minute (minute, account_id, channel, route_id, country, instance_id, accepted,
    segments, submitted, delivered, failed, charged_micro)
SELECT now() - interval '3 days', id, 'sms', 1, 'IN', 1, 400, 600, 400, 380, 20, 60000000
FROM account WHERE name = '{account}'
"""
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
    ever = page.locator(".card-head", has_text="Channels of all time").locator("+ .card-body")
    assert re.search(r"SMS\s+1\s+100.0%", ever.inner_text()), "of all time, today included"
    assert "₹99.8800" in page.locator(".chip-balance").inner_text()
    assert steps.count() == 0, "it ends with the first delivered message"
    portal.check()


def test_usage_is_told_with_its_figures(copy: Copy, visit: Any, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    section = portal.page.locator("#insights")
    section.get_by_text("After some 20 messages").wait_for()
    copy.sql(WEEK.format(account=customer["name"]))
    portal.go("/dashboard/")
    section.get_by_role("heading", name="AI usage insights").wait_for()
    section.locator(".finding").first.wait_for()
    said = section.inner_text()
    for words in (
        "Your balance lasts about 11 days",
        "₹100.0000 at ₹8.5714 a day, as over the last 7 days.",
        "1.5 segments an SMS",
        "400 SMS of the last 7 days were 600 segments",
        "SMS carries 100.0%",
        "95.0% of what was handed to carriers arrived",
        "₹0.1579 for a message that arrives",
        "computed findings;",
    ):
        assert words in said, words
    portal.check()
    section.locator(".finding", has_text="segments an SMS").get_by_role("link").click()
    portal.page.wait_for_url("**/quick/")
