"""Audit Logs: what was done is found, exported and checked; nobody can edit it unseen."""

import csv
from pathlib import Path
from typing import Any

from tests.browser.console import Copy

Visit = Any


def test_a_change_is_found_exported_and_the_chain_checked(copy: Copy, visit: Visit) -> None:
    name = copy.admin("auditadmin")
    copy.customer("auditedone")
    admin = visit("admin").log_in(name)
    page = admin.page
    admin.go("/audit-logs/")
    headings = [one.strip() for one in page.locator("thead th").all_inner_texts()]
    assert headings == ["Time", "Who", "From", "Action", "What", "Account", "Change"]
    admin.check()
    admin.shoot("admin-audit-logs")
    page.get_by_label("Who").fill("admin:auditadmin")
    page.get_by_label("Action").select_option("login")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_load_state("load")
    rows = page.locator("tbody tr")
    assert rows.count() >= 1
    assert "127.0.0.1" in rows.first.inner_text()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Export CSV").click()
    text = Path(caught.value.path()).read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(text.splitlines()))
    assert {(one["actor"], one["action"]) for one in lines} == {("admin:auditadmin", "login")}
    admin.go("/audit-logs/?what=account&actor=cli")
    page.locator("tbody a").first.click()
    page.wait_for_url("**/audit-logs/*/")
    assert "Before and after" in admin.text()
    admin.check()
    admin.go("/audit-logs/?actor=nobody-at-all")
    assert "Nothing fits these filters" in admin.text()
    admin.check()
    admin.go("/audit-logs/?action=export")
    assert "auditadmin" in page.locator("tbody").inner_text()

    admin.go("/audit-logs/")
    page.get_by_role("link", name="Verify").click()
    page.locator(".note.is-ok").wait_for()
    assert "The audit log is whole" in admin.text()
    admin.check()
    admin.expected.append("/audit-logs/999999999/")
    assert admin.go("/audit-logs/999999999/").status == 404
