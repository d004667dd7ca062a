"""Report Summary: the same day per account, channel, route, country and time, and as a file."""

import csv
from pathlib import Path
from typing import Any

import pytest
from tests.browser.console import Copy

Visit = Any
#: what it is summed by -> the heading, and a row that must be there.
KINDS = {
    "account": ("Account", "sandbox"), "channel": ("Channel", "SMS"), "route": ("Route", "smpp1"),
    "country": ("Country", "IN"), "day": ("Day", "20"), "hour": ("Hour", "20"),
}  # fmt: skip


def test_every_summary_counts_the_same(copy: Copy, visit: Visit) -> None:
    key = copy.platform.answer["account"]["api_key"]
    sent = copy.platform.send(key, to="+919876543210", text="counted")
    copy.platform.becomes(key, sent["id"], "DELIVERED")
    admin = visit("admin").log_in(copy.admin("sumadmin"))
    page = admin.page
    admin.go("/report-summary/")
    for card in ("Messages", "Success Rate", "Revenue", "Margin"):
        assert page.locator(".figure-card", has_text=card).first.is_visible()
    for by, (heading, row) in KINDS.items():
        admin.go(f"/report-summary/?by={by}" if by != "account" else "/report-summary/")
        headings = [one.strip() for one in page.locator("thead th").all_inner_texts()]
        assert headings == [
            heading, "Messages", "Change", "Delivered", "Success Rate", "Failed", "Revenue",
            "Carrier cost", "Margin",
        ]  # fmt: skip
        assert row in page.locator("tbody").inner_text()
        admin.check(axe=by in {"account", "hour"})
    admin.shoot("admin-report-summary")
    admin.go("/report-summary/?days=30d&by=hour")
    assert "30 days by hour are too many" in admin.text()
    admin.go("/report-summary/?days=custom&from=2020-01-01&to=2020-01-02")
    assert "Nothing fits these filters" in admin.text()
    admin.check()


@pytest.mark.parametrize("kind", ["CSV"])
def test_a_summary_is_exported(copy: Copy, visit: Visit, kind: str) -> None:
    admin = visit("admin").log_in(copy.admin("sumexport"))
    page = admin.page
    admin.go("/report-summary/?by=channel")
    page.get_by_role("button", name=kind, exact=True).click()
    link = page.get_by_role("link", name="Download")
    link.wait_for(timeout=60_000)
    assert "Summary as CSV" in admin.text()
    with page.expect_download() as caught:
        link.click()
    rows = list(csv.reader(Path(caught.value.path()).read_text("utf-8-sig").splitlines()))
    assert len(rows) >= 1
    said = copy.platform.cpaas("audit", "list", "--actor", "admin:sumexport")["entries"]
    assert any((one["action"], one["table"]) == ("export", "summary") for one in said)
