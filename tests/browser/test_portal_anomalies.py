"""Traffic Anomalies: too little past is said, a planted flood is found and explained."""

from typing import Any

from tests.browser.console import Copy

Visit = Any
#: an even past: 100 messages in every hour of two weeks, 95 of them delivered.
PAST = """
INSERT INTO counter_hour (account_id, channel, route_id, country, hour, accepted, submitted,
    delivered, failed)
SELECT a.id, 'sms', 1, 'IN',
    date_trunc('hour', now(), 'Asia/Kolkata') - n * interval '1 hour', 100, 100, 95, 5
FROM account a, generate_series(25, 15 * 24) n WHERE a.name = '{name}'
"""
#: a flood an hour ago.
FLOOD = """
INSERT INTO counter_hour (account_id, channel, route_id, country, hour, accepted, submitted,
    delivered, failed)
SELECT a.id, 'sms', 1, 'IN',
    date_trunc('hour', now(), 'Asia/Kolkata') - interval '1 hour', 900, 900, 855, 45
FROM account a WHERE a.name = '{name}'
"""


def test_a_flood_is_seen_and_explained(copy: Copy, visit: Visit, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/anomalies/")
    page.get_by_text("Too little past to compare with").wait_for()
    portal.check()
    copy.sql(PAST.format(name=customer["name"]))
    copy.sql(FLOOD.format(name=customer["name"]))
    portal.go("/anomalies/")
    found = page.locator("#findings .finding", has_text="more messages than usual")
    found.wait_for()
    assert "900 messages were accepted in this hour; usually it is about 100." in found.inner_text()
    assert "9.0 times as many" in found.inner_text()
    portal.check()
    portal.shoot("portal-anomalies")
    found.get_by_role("link").click()
    page.wait_for_url("**/reports/**")
