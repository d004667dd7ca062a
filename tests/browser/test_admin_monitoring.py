"""Monitoring as an operator uses it: what runs, stop and start, queues, dead letters."""

from typing import Any

import psycopg
from tests.browser.console import Copy
from tests.journeys.platform import until

Visit = Any


def sql(copy: Copy, statement: str) -> list[Any]:
    dsn = copy.platform.cpaas("db", "shell-dsn")["dsn"]
    with psycopg.connect(dsn) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def test_services_are_seen_stopped_and_started(copy: Copy, visit: Visit) -> None:
    admin = copy.admin("watcher")
    board = visit("admin").log_in(admin)
    page = board.page
    board.go("/monitoring/")
    services = page.locator("#services")
    for name in ("cpaas-core", "cpaas-sms", "cpaas-voice", "cpaas-portal"):
        row = services.locator("tr", has_text=name)
        assert "UP" in row.inner_text(), name
        assert "ms" in row.inner_text(), name
    assert (
        "PostgreSQL carries the queues" in services.locator("tr", has_text="RabbitMQ").inner_text()
    )
    for queue in ("cpaas.sms.submit", "cpaas.webhook", "submit_smpp1"):
        page.get_by_text(queue, exact=True).wait_for()
    board.check()
    board.shoot("admin-monitoring")
    with copy.alone("simulator-voice"):
        page.get_by_role("button", name="Stop simulator-voice").click()
        assert "stays stopped" in page.get_by_role("dialog").inner_text()
        page.get_by_role("dialog").get_by_role("button", name="Stop simulator-voice").click()
        page.get_by_text("simulator-voice stops.").wait_for()
        stopped = services.locator("tr", has_text="simulator-voice")
        until(lambda: "DOWN" in stopped.inner_text(), 60)
        assert "stopped by admin:" in stopped.inner_text()
        page.get_by_role("button", name="Start simulator-voice").click()
        page.get_by_text("simulator-voice starts").wait_for()
        until(lambda: "UP" in stopped.inner_text(), 60)
        assert services.locator("tr", has_text="cpaas-admin").get_by_role("button").count() == 0
        told = sql(
            copy,
            "SELECT actor FROM audit_log WHERE table_name = 'service_state'"
            " AND row_id = 'simulator-voice' ORDER BY id DESC LIMIT 2",
        )
        assert [one[0] for one in told] == [f"admin:{admin}"] * 2


def test_what_could_not_be_worked(copy: Copy, visit: Visit) -> None:
    sql(
        copy,
        "INSERT INTO dead_letter (queue, lane, account_id, messages, payload, tries, reason)"
        " VALUES ('cpaas.webhook', 1, 0, 1, '\\x00', 20, 'unreadable')",
    )
    board = visit("admin").log_in(copy.admin("mender"))
    page = board.page
    board.go("/monitoring/")
    page.get_by_role("link", name="Dead letters", exact=True).click()
    row = page.locator("tbody tr", has_text="unreadable")
    row.wait_for()
    board.check()
    row.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    page.get_by_text("Discarded;").wait_for()
    page.get_by_text("No dead letters").wait_for()
    page.get_by_role("link", name="Monitoring").first.click()
    page.get_by_role("link", name="Unmatched receipts").click()
    page.get_by_text("Every receipt found its message").wait_for()
    board.check()
