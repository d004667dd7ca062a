"""A campaign by clicking: the customer makes, checks and starts it; the operator watches."""

from pathlib import Path
from typing import Any

import pytest
from tests.browser.console import Copy

Visit = Any


@pytest.fixture
def sender(copy: Copy, customer: dict[str, Any]) -> dict[str, Any]:
    """The customer with an approved sender and a price."""
    copy.platform.cpaas(
        "sender", "create", "MYBRAND", "--account", customer["name"], "--channel", "sms",
        "--approve",
    )  # fmt: skip
    copy.platform.cpaas("price", "set", "--account", customer["name"], "--channel", "sms", "0.12")
    return customer


def test_from_the_file_to_the_result(
    copy: Copy, visit: Visit, sender: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "offer.csv"
    rows = "".join(f"+9196{n:08d},Person {n}\n" for n in range(20))
    file.write_text(f"phone,name\n{rows}12,Bob\n+919600000000,again\n")
    portal = visit("portal").log_in(sender["username"])
    page = portal.page
    portal.go("/campaigns/")
    assert "No campaigns yet" in portal.text()
    portal.check()
    page.get_by_role("link", name="New campaign").click()
    page.get_by_label("Campaign name").fill("Diwali offer")
    page.get_by_label("File").set_input_files(str(file))
    page.get_by_label("Message", exact=True).fill("Hello {{name}}, see our FREE offer")
    portal.check()
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("heading", name="Campaign Intelligence").wait_for(timeout=40_000)
    said = portal.text()
    assert "20 of 22 rows are valid; 1 bad, 1 duplicate." in said
    assert "Hello Person 0, see our FREE offer" in said
    assert "It uses words that lure" in said
    assert "Predicted delivery" in said
    assert "Countries: IN 20" in said
    assert "Segments: 20 rows of 1" in said
    portal.check()
    portal.shoot("portal-campaign-checks")
    page.get_by_role("button", name="Start for ₹2.4000").click()
    page.locator("#confirm").get_by_role("button", name="Start for ₹2.4000").click()
    page.locator(".badge", has_text="COMPLETED").wait_for(timeout=60_000)
    assert "COMPLETED · 1 failed" in portal.text()
    portal.check()
    portal.shoot("portal-campaign")
    with page.expect_download() as waited:
        page.get_by_role("link", name="All results").click()
    lines = Path(waited.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 23
    assert lines[1].startswith("2,+919600000000,DELIVERED")
    admin = visit("admin").log_in(copy.admin("watches-campaigns"))
    admin.go("/campaigns/")
    said = admin.text()
    for word in (
        "Campaign Name", "Account", "Channel", "Status", "Total Records", "Processed", "Failed",
        "Diwali offer", sender["name"], "SMS", "COMPLETED",
    ):  # fmt: skip
        assert word in said or word.upper() in said, word
    admin.page.get_by_label("Account").select_option(label=sender["name"])
    admin.page.wait_for_url("**account=*")
    admin.page.get_by_label("Search").fill("diWALI")
    admin.page.get_by_role("button", name="Apply").click()
    admin.page.wait_for_url("**q=diWALI*")
    assert admin.page.locator("tbody tr").count() == 1
    admin.check()
    admin.shoot("admin-campaigns")
    admin.page.get_by_label("Status").select_option("PAUSED")
    admin.page.get_by_role("heading", name="Nothing fits these filters").wait_for()
    admin.go("/campaigns/?days=yesterday&q=diWALI")
    assert "Nothing fits these filters" in admin.text()
    admin.page.get_by_role("link", name="Reset").first.click()
    admin.page.get_by_role("link", name="Diwali offer").first.click()
    admin.page.get_by_role("heading", name="Errors by reason").wait_for()
    admin.check()


@pytest.fixture
def sandbox(copy: Copy) -> str:
    """The sandbox's user, whose account has all four channels."""
    return copy.sandbox()


def test_pasted_numbers_a_template_and_a_fallback(visit: Visit, sandbox: str) -> None:
    portal = visit("portal").log_in(sandbox)
    page = portal.page
    portal.go("/campaigns/new/")
    page.get_by_label("Campaign name").fill("Calls")
    page.get_by_label("Or paste numbers").fill("+999 00 0000 0001, +999 00 0000 0002")
    page.get_by_role("link", name="Voice").click()
    page.get_by_role("heading", name="What they get by Voice").wait_for()
    # What stands outside the channel's part stays as it is.
    assert page.get_by_label("Campaign name").input_value() == "Calls"
    page.get_by_label("Template").select_option(label="otp")
    page.get_by_label("{{code}}").wait_for()
    # The page listens to what it was just given a moment after it shows it.
    page.wait_for_function("!document.querySelector('.htmx-added')")
    page.get_by_label("{{code}}").fill("4 8 2 1")
    page.locator("#preview", has_text="Your code is 4 8 2 1").wait_for()
    page.get_by_label("If not delivered").select_option("sms")
    page.get_by_role("group", name="Then by SMS").wait_for()
    portal.check()
    portal.shoot("portal-campaign-new")
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("heading", name="Campaign Intelligence").wait_for(timeout=60_000)
    assert "2 of 2 rows are valid" in portal.text()
    assert "Your code is 4 8 2 1. Do not share it." in portal.text()
    # What is changed keeps what was chosen.
    page.get_by_role("link", name="Change it").click()
    page.get_by_label("{{code}}").wait_for()
    assert page.get_by_label("{{code}}").input_value() == "4 8 2 1"
    assert page.get_by_label("If not delivered").input_value() == "sms"
    page.get_by_role("button", name="Check the rows").click()
    page.get_by_role("button", name="Start for").click(timeout=60_000)
    page.locator("#confirm [data-yes]").click()
    page.locator(".badge", has_text="COMPLETED").wait_for(timeout=90_000)
    assert "The called number is busy" in portal.text()
    assert "Call again later." in portal.text()
    portal.check()
    portal.shoot("portal-campaign-voice")


def test_who_may_only_look_sees_no_button(
    copy: Copy, visit: Visit, sender: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "few.csv"
    file.write_text("phone\n+919500000001\n")
    made = copy.platform.cpaas(
        "campaign", "create", str(file), "--text", "hello", "--account", sender["name"]
    )
    copy.sql(f"UPDATE app_user SET member_role = 'viewer' WHERE username = '{sender['username']}'")
    viewer = visit("portal").log_in(sender["username"])
    viewer.go("/campaigns/")
    assert viewer.page.get_by_role("link", name="New campaign").count() == 0
    viewer.go(f"/campaigns/{made['id']}/")
    words = ("Start for", "Cancel", "Change it", "Pause", "All results")
    for word in words:
        assert viewer.page.get_by_role("button", name=word).count() == 0, word
        assert viewer.page.get_by_role("link", name=word).count() == 0, word
    for path in ("/campaigns/new/", "/quick/"):
        assert viewer.context.request.get(f"{viewer.base}{path}").status == 403, path


def test_the_operator_stops_what_runs(
    copy: Copy, visit: Visit, sender: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "slow.csv"
    file.write_text("phone\n" + "".join(f"+9195{n:08d}\n" for n in range(200)))
    made = copy.platform.cpaas(
        "campaign", "create", str(file), "--text", "hello", "--account", sender["name"],
        "--rate", "2", "--start",
    )  # fmt: skip
    admin = visit("admin").log_in(copy.admin("stops-campaigns"))
    page = admin.page
    admin.go(f"/campaigns/{made['id']}/")
    for word, status in (("Pause", "PAUSED"), ("Resume", "PROCESSING"), ("Cancel", "CANCELLED")):
        page.get_by_role("button", name=word).click()
        page.locator("#confirm").get_by_role("button", name=word).click()
        page.locator(".badge", has_text=status).wait_for(timeout=20_000)
    admin.check()
