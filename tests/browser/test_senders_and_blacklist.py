"""Sender IDs and Blacklist on both consoles: asked for, decided, used, blocked, unblocked."""

from pathlib import Path
from typing import Any

from tests.browser.console import Copy

Visit = Any


def test_a_sender_is_asked_for_and_decided(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    user = visit("portal").log_in(customer["username"])
    page = user.page
    user.go("/senders/")
    assert "No senders yet" in user.text()
    page.get_by_label("Sender ID").fill("no-way")
    page.get_by_role("button", name="Request sender").click()
    page.wait_for_load_state("load")
    assert "cannot be a sender" in user.text()
    for sender in ("SHOP24", "SHOPIN"):
        page.get_by_label("Sender ID").fill(sender)
        page.get_by_role("button", name="Request sender").click()
        page.wait_for_load_state("load")
        assert f"{sender} requested." in user.text()
    user.check()
    user.shoot("portal-senders")

    copy.admin("senderadmin")
    admin = visit("admin").log_in("senderadmin")
    review = admin.page
    admin.go(f"/senders/?q={customer['name']}")
    admin.check()
    admin.shoot("admin-senders")
    review.get_by_role("link", name="SHOP24").click()
    review.wait_for_load_state("load")
    assert "six letters" in admin.text()
    admin.check()
    review.get_by_label("Reason").fill("  ")
    review.get_by_role("button", name="Reject").click()
    review.wait_for_load_state("load")
    assert "Reason is missing." in admin.text()
    review.get_by_label("Reason").fill("Not your brand.")
    review.get_by_role("button", name="Reject").click()
    review.wait_for_load_state("load")
    assert "SHOP24 rejected." in admin.text()
    admin.go(f"/senders/?q={customer['name']}&status=PENDING")
    review.get_by_role("link", name="SHOPIN").click()
    review.get_by_role("button", name="Approve").click()
    review.wait_for_load_state("load")
    assert f"SHOPIN approved. {customer['name']} can use it now." in admin.text()

    page.reload()
    assert "Not your brand." in user.text()
    page.get_by_role("button", name="Make default").click()
    page.wait_for_load_state("load")
    assert "SHOPIN is taken where a message names no sender." in user.text()
    page.get_by_role("button", name="Delete SHOP24").click()
    page.wait_for_load_state("load")
    assert "SHOP24 deleted." in user.text()


def test_numbers_are_blocked_for_all_and_for_one(
    copy: Copy, visit: Visit, customer: dict[str, Any], tmp_path: Path
) -> None:
    copy.admin("blockadmin")
    admin = visit("admin").log_in("blockadmin")
    page = admin.page
    admin.go("/blacklist/")
    form = page.locator("form[action='/blacklist/add/']")
    form.get_by_label("Phone number").fill("12")
    form.get_by_role("button", name="Block").click()
    page.wait_for_load_state("load")
    assert "too short" in admin.text()
    form.get_by_label("Phone number").fill("+919876500001")
    form.get_by_label("Reason").fill("asked by phone")
    form.get_by_role("button", name="Block").click()
    page.wait_for_load_state("load")
    assert "+919876500001 is blocked now (Global)." in admin.text()
    admin.check()
    admin.shoot("admin-blacklist")
    file = tmp_path / "block.csv"
    file.write_text("number,reason\n+919876500002,a\nnonsense,b\n+919876500003,c\n")
    form.locator("input[type=file]").set_input_files(file)
    form.get_by_label("Account").fill(customer["name"])
    form.get_by_role("button", name="Block").click()
    page.wait_for_load_state("load")
    assert "2 numbers blocked, 0 were blocked before. 1 rows are no numbers" in admin.text()
    admin.go(f"/blacklist/?account={customer['name']}")
    assert "+919876500003" in admin.text()
    assert "+919876500001" not in admin.text()
    admin.go("/blacklist/?account=nobody")
    assert "There is no account 'nobody'" in admin.text()
    admin.go("/blacklist/?number=%2B919876500001")
    page.get_by_role("button", name="Unblock +919876500001").click()
    page.wait_for_load_state("load")
    assert "+919876500001 is no longer blocked." in admin.text()

    user = visit("portal").log_in(customer["username"])
    user.go("/blacklist/")
    assert "+919876500002" in user.text()
    own = user.page.locator("form[action='/blacklist/deed/']")
    own.get_by_label("Phone number").fill("+919876500004")
    own.get_by_role("button", name="Block", exact=True).click()
    user.page.wait_for_load_state("load")
    assert "+919876500004 is blocked now." in user.text()
    own.get_by_label("Phone number").fill("+919876500002")
    own.get_by_role("button", name="Unblock").click()
    user.page.wait_for_load_state("load")
    assert "+919876500002 is no longer blocked." in user.text()
    own.get_by_label("Phone number").fill("12")
    own.get_by_role("button", name="Block", exact=True).click()
    user.page.wait_for_load_state("load")
    assert "too short" in user.text()
    upload = user.page.locator("form[action='/blacklist/upload/']")
    upload.locator("input[type=file]").set_input_files(file)
    upload.get_by_role("button", name="Upload CSV").click()
    user.page.wait_for_load_state("load")
    assert user.page.locator("#bad-rows").count(), user.text()
    assert "1 numbers blocked, 1 were blocked before." in user.text()
    assert "nonsense" in user.page.locator("#bad-rows").inner_text()
    user.check()
    user.shoot("portal-blacklist")
    with user.page.expect_download() as waited:
        user.page.get_by_role("link", name="Download CSV").click()
    lines = waited.value.path().read_text().splitlines()
    assert lines[0] == "number,reason,channel,source,since"
    assert {line.split(",")[0] for line in lines[1:]} == {
        "+919876500002", "+919876500003", "+919876500004",
    }  # fmt: skip
