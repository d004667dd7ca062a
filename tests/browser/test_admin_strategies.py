"""Strategies: one is made, refused in words, changed, and what best delivery did stands there."""

from typing import Any

from tests.browser.console import Copy

Visit = Any


def test_a_strategy_from_add_to_delete(copy: Copy, visit: Visit) -> None:
    platform = copy.platform
    platform.cpaas("route", "create", "stratb", "--host", "127.0.0.1", "--port", "9",
                   "--system-id", "me", "--password", "secret")  # fmt: skip
    admin = visit("admin").log_in(copy.admin("stratadmin"))
    page = admin.page
    admin.go("/strategies/")
    if not page.locator("tbody tr").count():
        assert "No strategies yet" in admin.text()
    admin.check()
    page.get_by_role("link", name="Add Strategy").click()
    admin.check()
    page.get_by_label("Strategy name").fill("Bad Name")
    page.get_by_label("Algorithm").select_option("weighted")
    page.get_by_label("Route 1", exact=True).select_option("smpp1")
    page.get_by_label("Weight of route 1").fill("70")
    page.get_by_role("button", name="Add Strategy").click()
    page.locator(".fault").first.wait_for()
    page.get_by_label("Strategy name").fill("india")
    page.get_by_label("Route 2", exact=True).select_option("stratb")
    page.get_by_label("Weight of route 2").fill("30")
    page.get_by_role("button", name="Add Strategy").click()
    page.locator(".note.is-ok").wait_for()
    assert "smpp1 70%, stratb 30%" in admin.text()
    admin.check()
    rule = platform.cpaas("rule", "create", "--channel", "sms", "--strategy", "india",
                          "--priority", "1", "--sender", "NOBODY")["id"]  # fmt: skip
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete india").click()
    page.locator(".note.is-bad").wait_for()
    assert "1 rules lead to strategy india" in admin.text()

    copy.sql(
        "INSERT INTO strategy_change (strategy_id, at, kind, reason, route_ids, before, after)"
        " SELECT s.id, now(), 'errors', '30 of 30 answers within a minute were errors',"
        " array_agg(m.route_id), '{50,50}', '{40,60}' FROM strategy s"
        " JOIN strategy_member m ON m.strategy_id = s.id WHERE s.name = 'india' GROUP BY s.id"
    )
    sent = platform.send(platform.answer["account"]["api_key"], to="+919876543210", text="counted")
    platform.becomes(platform.answer["account"]["api_key"], sent["id"], "DELIVERED")
    admin.go("/strategies/india/")
    page.get_by_label("Algorithm").select_option("best_delivery")
    page.get_by_role("button", name="Save strategy").click()
    page.locator(".note.is-ok").wait_for()
    assert "30 of 30 answers within a minute were errors" in admin.text()
    assert "50 → 40" in admin.text()
    assert page.locator("canvas.chart").count() == 1
    admin.check()
    admin.shoot("admin-strategy")
    admin.go("/strategies/")
    admin.check()
    platform.cpaas("rule", "delete", str(rule))
    admin.go("/strategies/india/")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete india").click()
    page.locator(".note.is-ok").wait_for()
    platform.cpaas("route", "delete", "stratb")
    said = platform.cpaas("audit", "list", "--table", "strategy")["entries"]
    mine = [one for one in said if one["actor"] == "admin:stratadmin"]
    assert {one["action"] for one in mine} == {"insert", "update", "delete"}
    admin.expected.append("/strategies/nothing/")
    assert admin.go("/strategies/nothing/").status == 404
