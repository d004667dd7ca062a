"""AI insights on the Dashboard: planted findings are computed; without a model it says so."""

from typing import Any

from tests.browser.console import Copy

Visit = Any
#: two weeks of 100 messages an hour for all accounts together, then a flood an hour ago.
PLANTED = """
INSERT INTO counter_hour (account_id, channel, route_id, country, hour, accepted, submitted,
    delivered, failed)
SELECT 0, 'rcs', 1, 'IN', date_trunc('hour', now(), 'Asia/Kolkata') - n * interval '1 hour',
    CASE n WHEN 1 THEN 40000 ELSE 100 END, 100, 95, 5
FROM generate_series(1, 15 * 24) n ON CONFLICT DO NOTHING
"""


def test_findings_are_shown_with_their_figures(copy: Copy, visit: Visit) -> None:
    board = visit("admin").log_in(copy.admin("seer"))
    page = board.page
    section = page.locator("#insights")
    section.get_by_text("Looking at").wait_for(state="detached")
    copy.sql(PLANTED)
    board.go("/")
    flood = section.locator(".finding", has_text="more messages than usual")
    flood.wait_for()
    assert "were accepted in this hour; usually it is about" in flood.inner_text()
    # No Ollama runs beside the tests: the same section says so, and the page is whole.
    assert "computed findings;" in section.inner_text()
    board.check()
    board.shoot("admin-insights")
    flood.get_by_role("link").click()
    page.wait_for_url("**/reports/**")
