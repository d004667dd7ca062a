"""Report Summary of one account: its own figures only, by each key, against the period before."""

from typing import Any

from tests.browser.console import Copy

Visit = Any
DAYS = """
INSERT INTO counter_day (account_id, channel, route_id, country, day, accepted, segments, submitted,
    delivered, failed, charged_micro)
SELECT a.id, 'sms', 0, 'IN', (now() AT TIME ZONE 'Asia/Kolkata')::date - n, m, m, m, m - 5, 5,
    m * 120000
FROM account a, (VALUES (1, 200), (2, 100)) AS past (n, m) WHERE a.name = '{name}'
"""


def test_a_period_against_the_one_before(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    copy.sql(DAYS.format(name=customer["name"]))
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/report-summary/")
    page.get_by_text("No messages in this period").wait_for()
    portal.check()
    portal.go("/report-summary/?days=yesterday")
    text = portal.text()
    for told in ("200", "+100.0%", "97.5%", "₹24.0000"):
        assert told in text, told
    assert "Margin" not in text
    portal.check()
    portal.shoot("portal-report-summary")
    for by in ("country", "day", "hour"):
        page.get_by_label("Summary").select_option(by)
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url(f"**by={by}**")
        assert "200" in portal.text() or by == "hour"
