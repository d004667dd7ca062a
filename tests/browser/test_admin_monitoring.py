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


def test_alerts_stand_in_monitoring_and_are_acknowledged(copy: Copy, visit: Visit) -> None:
    sql(
        copy,
        "INSERT INTO alert (kind, subject, title, body, link, closed_at) VALUES"
        " ('disk', '', 'The disk is 93% full', 'Few GB are free.', '/monitoring/', now())",
    )
    board = visit("admin").log_in(copy.admin("answers"))
    board.go("/monitoring/")
    card = board.page.locator("#alerts")
    card.get_by_text("The disk is 93% full").wait_for()
    sql(
        copy,
        "INSERT INTO dead_letter (queue, lane, account_id, messages, payload, tries, reason)"
        " VALUES ('cpaas.webhook', 1, 0, 1, '\\x00', 20, 'planted')",
    )
    # The watcher finds it by itself, and ends it when it is gone.
    mine = card.locator("tr", has_text="Dead letters appeared")
    mine.filter(has_text="open").wait_for(timeout=60_000)
    board.check()
    board.shoot("admin-monitoring-alerts")
    board.page.get_by_role("button", name="Acknowledge: Dead letters appeared").click()
    board.page.get_by_text("Acknowledged: it is told again only when it is over.").wait_for()
    assert "answers" in mine.first.inner_text()
    sql(copy, "DELETE FROM dead_letter WHERE reason = 'planted'")
    until(
        lambda: sql(
            copy, "SELECT 1 FROM alert WHERE kind = 'dead_letters' AND closed_at IS NOT NULL"
            " AND acknowledged_by = 'admin:answers'",
        ),
        60,
    )  # fmt: skip
    board.page.get_by_role("link", name="History").click()
    board.page.get_by_text("Dead letters appeared").first.wait_for()
    board.check()
