"""Dashboard and Reports: figures that move, the log with the guide's fields, a message's life."""

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.browser.console import Copy

Visit = Any
FIELDS = (
    "Recipient", "Channel", "Status", "Provider Message ID", "Cost", "Sent At", "Delivered At",
    "Error Code", "Campaign",
)  # fmt: skip
CARDS = ("Total Messages (Today)", "Success Rate", "Active Users", "Revenue")

LIFE = (
    "What happened", "Accepted by the API", "Route smpp1 chosen", "the carrier has it", "Delivered",
    "₹0.1200", "Margin",
)  # fmt: skip


def delivered(copy: Copy, key: str, to: str = "+919876543210") -> dict[str, Any]:
    """A message that has reached its end."""
    sent = copy.platform.send(key, to=to, text="Your parcel 4821 is at the gate")
    return dict(copy.platform.becomes(key, sent["id"], "DELIVERED", "FAILED"))


def test_the_dashboard_counts_a_message_by_itself(copy: Copy, visit: Visit) -> None:
    copy.admin("dashadmin")
    key = copy.platform.answer["account"]["api_key"]
    delivered(copy, key)
    admin = visit("admin").log_in("dashadmin")
    page = admin.page
    for card in CARDS:
        assert page.get_by_role("heading", name=card).is_visible()
    admin.check()
    total = page.locator(".figure-card", has_text="Total Messages (Today)").locator(".headline")
    before = int(total.inner_text().replace(",", ""))
    delivered(copy, key)
    page.wait_for_function(
        "n => Number(document.querySelector('.headline').textContent.replaceAll(',', '')) > n",
        arg=before, timeout=20_000,
    )  # fmt: skip
    colours = page.evaluate(
        "() => Chart.getChart(document.querySelector('canvas.chart')).data.datasets"
        ".map(set => set.hoverBackgroundColor)"
    )
    assert all("rgba" in one for one in colours)
    assert "smpp1" in page.locator("table.grid").last.inner_text()


def test_the_log_has_the_guides_fields_and_a_message_its_whole_life(
    copy: Copy, visit: Visit
) -> None:
    copy.admin("logadmin")
    key = copy.platform.answer["account"]["api_key"]
    message = delivered(copy, key, "+919811122233")
    admin = visit("admin").log_in("logadmin")
    page = admin.page
    admin.go("/reports/?days=7d")
    headings = [one.strip() for one in page.locator("thead th").all_inner_texts()]
    assert [one for one in FIELDS if one not in headings] == []
    admin.check()
    assert "9811122233" not in page.content()

    page.get_by_label("Number").fill("+919811122233")
    page.get_by_role("button", name="Apply").click()
    assert page.locator("tbody tr").count() >= 1
    page.get_by_label("Number").fill("nonsense!")
    page.get_by_role("button", name="Apply").click()
    assert "is no number" in admin.text().lower()
    admin.go(f"/reports/?id={message['id']}")
    page.locator("tbody a").first.click()
    page.wait_for_url(f"**/reports/{message['id']}/")
    said = admin.text()
    for words in LIFE:
        assert words in said, words
    assert "9811122233" not in page.content()
    assert "parcel 4821" not in page.content()
    admin.check()
    page.get_by_role("button", name="Show", exact=True).click()
    assert "+919811122233" in admin.text()
    assert "Your parcel 4821 is at the gate" in admin.text()
    entries = copy.platform.cpaas("audit", "list", "--table", "message")["entries"]
    assert (entries[0]["action"], entries[0]["row"]) == ("view", message["id"])
    assert entries[0]["actor"] == "admin:logadmin"
    admin.expected.append("/reports/0190")
    assert admin.go("/reports/01900000-0000-7000-8000-000000000000/").status == 404


def sheet(path: Path, kind: str) -> list[list[str]]:
    """The rows of a downloaded file, as a spreadsheet reads them."""
    if kind == "CSV":
        return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True)
    found = book.worksheets[0].iter_rows(values_only=True)
    return [[str(cell or "") for cell in row] for row in found]


@pytest.mark.parametrize("kind", ["CSV", "XLSX"])
def test_an_export_is_made_in_the_background(copy: Copy, visit: Visit, kind: str) -> None:
    name = copy.admin(f"{kind.lower()}admin")
    key = copy.platform.answer["account"]["api_key"]
    message = delivered(copy, key)
    admin = visit("admin").log_in(name)
    page = admin.page
    admin.go("/reports/?status=DELIVERED")
    page.get_by_role("button", name=kind, exact=True).click()
    link = page.get_by_role("link", name="Download")
    link.wait_for(timeout=60_000)
    admin.check()
    with page.expect_download() as caught:
        link.click()
    assert caught.value.suggested_filename.endswith(f".{kind.lower()}")
    rows = sheet(Path(caught.value.path()), kind)
    assert any(message["id"] in row for row in rows)
    assert len({len(row) for row in rows}) == 1
    entries = copy.platform.cpaas("audit", "list", "--actor", f"admin:{name}")["entries"]
    assert any(one["action"] == "export" for one in entries)


def test_on_a_phone_and_by_keyboard(copy: Copy, visit: Visit) -> None:
    copy.admin("phoneadmin")
    admin = visit("admin", width=390).log_in("phoneadmin")
    page = admin.page
    page.get_by_label("Show or hide the menu").click()
    page.get_by_role("link", name="Reports").click()
    page.wait_for_url("**/reports/**")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "content"
