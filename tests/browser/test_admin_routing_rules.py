"""Routing Rules: one is added, refused in words, explained, changed and deleted."""

import re
from typing import Any

from tests.browser.console import Copy

Visit = Any
COLUMNS = ["Priority", "Account", "Channel", "Route", "Conditions", "Active", "Edit"]


def test_a_rule_from_add_to_delete(copy: Copy, visit: Visit) -> None:
    name = copy.customer("ruledone")["name"]
    admin = visit("admin").log_in(copy.admin("ruleadmin"))
    page = admin.page
    admin.go("/routing-rules/")
    assert [one.strip() for one in page.locator("thead th").all_inner_texts()] == COLUMNS
    admin.check()
    page.get_by_role("link", name="Add Rule").click()
    admin.check()
    page.get_by_label("Account").select_option(name)
    page.get_by_role("button", name="Add Rule").click()
    assert "Choose a route." in admin.text()
    page.get_by_label("Route").select_option("route:smpp1")
    page.get_by_label("Priority").fill("7")
    page.get_by_label("Countries").fill("IN, XX")
    page.get_by_role("button", name="Add Rule").click()
    page.locator(".fault").first.wait_for()
    assert "is no country" in admin.text()
    page.get_by_label("Countries").fill("in, ae")
    page.get_by_label("Hours").fill("00:00-23:59")
    page.get_by_label("Templates").fill("otp")
    page.get_by_role("button", name="Add Rule").click()
    page.locator(".note.is-ok").wait_for()
    row = page.locator("tbody tr", has_text=name)
    assert "countries: IN, AE" in row.inner_text()
    assert "templates: otp" in row.inner_text()
    admin.shoot("admin-routing-rules")
    rule = row.locator("a").first.get_attribute("href").split("/")[2]

    page.get_by_role("link", name="Explain").click()
    page.get_by_label("Account").fill(name)
    page.get_by_label("Number").fill("12")
    page.get_by_role("button", name="Explain").click()
    page.locator(".fault").first.wait_for()
    page.get_by_label("Number").fill("+919876543210")
    page.get_by_role("button", name="Explain").click()
    page.locator(".note.is-ok").wait_for()
    assert "it is for the template otp, and this is none" in admin.text()
    page.get_by_label("Template").fill("otp")
    page.get_by_role("button", name="Explain").click()
    page.get_by_text(re.compile(r"rule \d+ \(.*template otp")).first.wait_for()
    said = admin.text()
    assert "smpp1" in said
    assert "decides" in said
    assert "follows" in said or "passed over" in said
    admin.check()
    admin.shoot("admin-routing-explain")

    admin.go(f"/routing-rules/{rule}/")
    assert page.get_by_label("Countries").input_value() == "IN, AE"
    admin.check()
    page.get_by_label("Active").uncheck()
    page.get_by_role("button", name="Save rule").click()
    page.locator(".note.is-ok").wait_for()
    assert "INACTIVE" in page.locator("tbody tr", has_text=name).inner_text()
    admin.go(f"/routing-rules/{rule}/")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name=f"Delete rule {rule}").click()
    page.locator(".note.is-ok").wait_for()
    assert page.locator("tbody tr", has_text=name).count() == 0
    said = copy.platform.cpaas("audit", "list", "--table", "routing_rule")["entries"]
    mine = [one for one in said if one["actor"] == "admin:ruleadmin"]
    assert {one["action"] for one in mine} == {"insert", "update", "delete"}
    admin.expected.append("/routing-rules/999999/")
    assert admin.go("/routing-rules/999999/").status == 404
    admin.go("/routing-rules/?channel=voice")
    admin.check()
