"""The admin guide's second half: routing, campaigns, reports, monitoring, blacklist, audit."""

import re
from pathlib import Path
from typing import Any

from tests.browser.console import PASSWORD, Copy
from tests.browser.guides.admin_customers import ACCOUNT, ADMIN, SHOWN, At, Picture
from tests.browser.guides.reader import Reader


def test_routes(reader: At, picture: Picture) -> None:
    """See the routes."""
    admin = reader("admin")
    admin.open("Routes")
    shown = admin.columns()
    assert [one for one in ("Route Name", "Channel", "Host / Port") if one not in shown] == []
    picture(admin, name="admin-routes")


def test_add_route(copy: Copy, reader: At, picture: Picture) -> None:
    """Add a route."""
    admin = reader("admin")
    admin.follow("Add Route")
    admin.fill("Route Name", "smpp2")
    admin.choose("Channel", "SMS")
    admin.fill("Label", "Second carrier, direct")
    admin.fill("Host", "127.0.0.1")
    admin.fill("Port", str(2776 + copy.platform.offset))
    assert admin.field("Active").is_checked()
    picture(admin)
    admin.tab("Credentials")
    admin.fill("System ID", "sunrise2")
    admin.fill("Password", "s3cretpw")
    admin.tab("Binds and limits")
    admin.fill("Cost per unit", "0.0900")
    admin.press("Add Route")
    admin.told("Route smpp2 added. Its queue is submit_smpp2; test it now.")


def test_test_route(reader: At, picture: Picture) -> None:
    """Test it."""
    admin = reader("admin")
    admin.follow("Test")
    admin.fill("Recipient", "+919845011201")
    admin.press("Send test")
    admin.page.locator(".badge", has_text="DELIVERED").wait_for(timeout=60_000)
    admin.shows("What happened", "Written on smpp2.")
    picture(admin)


def test_add_rule(reader: At, picture: Picture) -> None:
    """Add a routing rule."""
    admin = reader("admin")
    admin.open("Routing Rules")
    assert admin.columns() == [
        "Priority", "Account", "Channel", "Route", "Conditions", "Active", "Edit",
    ]  # fmt: skip
    admin.follow("Add Rule")
    admin.choose("Account", "ALL accounts")
    admin.choose("Channel", "SMS")
    admin.choose("Route", "smpp2 (SMS)")
    admin.fill("Priority", "5")
    admin.fill("Countries", "AE, SA")
    assert admin.field("Active").is_checked()
    picture(admin)
    admin.press("Add Rule")
    admin.told("added. Messages obey it within a second.")


def test_rules(reader: At, picture: Picture) -> None:
    """Read the rules from the top."""
    admin = reader("admin")
    row = admin.row("countries: AE, SA", "smpp2").inner_text()
    assert "ALL" in row
    assert "ACTIVE" in row
    picture(admin)


def test_explain(reader: At, picture: Picture) -> None:
    """Ask why a message goes where it goes."""
    admin = reader("admin")
    admin.follow("Explain")
    admin.fill("Account", "sandbox")
    admin.fill("Number", "+971501234567")
    admin.press("Explain")
    admin.page.locator(".note.is-ok", has_text="smpp2").wait_for()
    admin.shows("decides")
    picture(admin)


def test_strategy(reader: At, picture: Picture) -> None:
    """Let a strategy choose among routes."""
    admin = reader("admin")
    admin.open("Strategies")
    admin.follow("Add Strategy")
    kinds = admin.field("Algorithm").locator("option").all_inner_texts()
    assert [one.partition(":")[0] for one in kinds] == [
        "Failover", "Round robin", "Weighted split", "Least cost", "Best delivery", "Sticky",
        "Time of day",
    ]  # fmt: skip
    admin.fill("Strategy name", "india_split")
    admin.choose("Channel", "SMS")
    admin.choose("Algorithm", "Weighted split: by the weights")
    for number, (route, weight) in enumerate((("smpp1", "70"), ("smpp2", "30")), 1):
        admin.choose(f"Route {number}", f"{route} (SMS)")
        admin.fill(f"Weight of route {number}", weight)
    picture(admin)
    admin.press("Add Strategy")
    admin.page.locator(".note.is-ok").wait_for()
    admin.shows("smpp1 70%, smpp2 30%")


def test_campaigns(copy: Copy, reader: At, picture: Picture, tmp_path: Path) -> None:
    """Watch all campaigns."""
    file = tmp_path / "festive.csv"
    file.write_text(
        "phone,name\n" + "".join(f"+9198450{n:05d},Guest {n}\n" for n in range(300)) + "12,Bob\n"
    )
    copy.platform.cpaas(
        "campaign", "create", str(file), "--name", "Festive menu", "--account", ACCOUNT,
        "--text", "Hi {{name}}, our festive menu is here. Team Sunrise", "--from", "SUNRIS",
        "--rate", "3", "--start",
    )  # fmt: skip
    admin = reader("admin")
    admin.open("Campaigns")
    assert admin.columns() == [
        "Campaign Name", "Account", "Channel", "Status", "Total Records", "Processed", "Failed",
    ]  # fmt: skip
    row = admin.row("Festive menu")
    row.get_by_text("PROCESSING").wait_for(timeout=60_000)
    assert ACCOUNT in row.inner_text()
    assert "SMS" in row.inner_text()
    picture(admin)


def test_pause_campaign(reader: At, picture: Picture) -> None:
    """Pause, resume or cancel one."""
    admin = reader("admin")
    with admin.page.expect_navigation(wait_until="load"):
        admin.row("Festive menu").get_by_role("link", name="Festive menu").click()
    for word, status in (("Pause", "PAUSED"), ("Resume", "PROCESSING"), ("Cancel", "CANCELLED")):
        dialog = admin.ask(word)
        with admin.page.expect_navigation(wait_until="load"):
            dialog.get_by_role("button", name=word, exact=True).click()
        admin.page.locator(".badge", has_text=status).first.wait_for(timeout=60_000)
        if status == "PAUSED":
            picture(admin)


def test_reports(copy: Copy, reader: At, picture: Picture) -> None:
    """Find messages."""
    copy.platform.send(
        SHOWN["key"], to="+919845077777", text="Your order A-10482 is on its way.",
        **{"from": "SUNRIS"},
    )  # fmt: skip
    admin = reader("admin")
    admin.open("Reports")
    shown = admin.columns()
    fields = (
        "Recipient", "Channel", "Status", "Provider Message ID", "Cost", "Sent At",
        "Delivered At", "Error Code", "Campaign",
    )  # fmt: skip
    assert [one for one in fields if one not in shown] == []
    for name in ("CSV", "XLSX"):
        admin.page.get_by_role("button", name=name, exact=True).wait_for()
    picture(admin, name="admin-reports")


def test_one_message(reader: At, picture: Picture) -> None:
    """Look at one message's whole life."""
    admin = reader("admin")
    admin.page.get_by_placeholder("Number, or its start and *").fill("+919845077777")
    admin.press("Apply")
    with admin.page.expect_navigation(wait_until="load"):
        admin.page.locator("tbody a").first.click()
    admin.shows("What happened", "Accepted by the API", "Route smpp1 chosen", "Carrier cost")
    admin.shows("₹0.1800", "Margin")
    picture(admin, name="admin-message")


def test_export(reader: At, picture: Picture) -> None:
    """Export a list."""
    admin = reader("admin")
    admin.open("Reports")
    admin.press("CSV")
    admin.page.get_by_role("link", name="Download").wait_for(timeout=60_000)
    picture(admin)


def test_report_summary(reader: At, picture: Picture) -> None:
    """Sum up traffic."""
    admin = reader("admin")
    admin.open("Report Summary")
    for card in ("Messages", "Success Rate", "Revenue", "Margin"):
        admin.page.locator(".figure-card", has_text=card).first.wait_for()
    assert admin.page.locator("select[name=by] option").all_inner_texts() == [
        "Per account", "Per channel", "Per route", "Per country", "Per day", "Per hour",
    ]  # fmt: skip
    picture(admin)


def test_monitoring(reader: At, picture: Picture) -> None:
    """See what runs."""
    admin = reader("admin")
    admin.open("Monitoring")
    # Alerts that are open stand above.
    heads = admin.page.locator("#services thead th").all_inner_texts()
    assert [one.strip() for one in heads] == [
        "Service", "Status", "Ping", "Uptime", "Restarts in 24 h", "Control",
    ]  # fmt: skip
    for name in ("cpaas-core", "cpaas-sms", "cpaas-whatsapp", "cpaas-rcs"):
        row = admin.page.locator("#services tr", has_text=name).inner_text()
        assert "UP" in row, row
        assert " ms" in row, row
    admin.page.locator("#services tr", has_text="RabbitMQ").wait_for()
    picture(admin)


def test_queues(reader: At, picture: Picture) -> None:
    """See what waits in the queues."""
    admin = reader("admin")
    for queue in ("cpaas.sms.submit", "submit_smpp1", "submit_wa", "cpaas.rcs.submit"):
        admin.page.get_by_text(queue, exact=True).wait_for()
    picture(admin, admin.page.get_by_text("submit_smpp1", exact=True))


def test_stop_service(copy: Copy, reader: At, picture: Picture) -> None:
    """Stop and start a service."""
    admin = reader("admin")
    dialog = admin.ask("Stop cpaas-rcs")
    assert "Messages wait in their queues." in dialog.inner_text()
    picture(admin)
    dialog.get_by_role("button", name="Keep running").click()
    # What other tests need least of all is what really stops here.
    name = "simulator-voice"
    with copy.alone(name):
        dialog = admin.ask(f"Stop {name}")
        with admin.page.expect_navigation(wait_until="load"):
            dialog.get_by_role("button", name=f"Stop {name}").click()
        admin.told(f"{name} stops. It stays stopped, also after a restart, until you start it.")
        row = admin.page.locator("#services tr", has_text=name)
        row.get_by_text("DOWN").wait_for(timeout=60_000)
        admin.press(f"Start {name}")
        admin.told(f"{name} starts")
        row.get_by_text("UP", exact=True).wait_for(timeout=60_000)


def block(admin: Reader, number: str, account: str, reason: str) -> None:
    """The form beside the list."""
    form = admin.page.locator("form[action='/blacklist/add/']")
    form.get_by_label("Phone number").fill(number)
    form.get_by_label("Account").fill(account)
    form.get_by_label("Reason").fill(reason)
    admin.press("Block", within=form)


def test_block_globally(reader: At, picture: Picture) -> None:
    """Block a number for all accounts."""
    admin = reader("admin")
    admin.open("Blacklist")
    block(admin, "+919876500077", "", "asked by phone on 26 November")
    admin.told("+919876500077 is blocked now (Global).")
    assert "Global" in admin.row("+919876500077").inner_text()
    picture(admin)


def test_blocked_message(copy: Copy, reader: At, picture: Picture) -> None:
    """What becomes of a message to it."""
    sent = copy.platform.send(SHOWN["key"], to="+919876500077", text="Hi", **{"from": "SUNRIS"})
    assert sent["status"] == "QUEUED"
    admin = reader("admin")
    admin.open("Reports")
    admin.page.get_by_placeholder("Number, or its start and *").fill("+919876500077")
    admin.press("Apply")
    row = admin.page.locator("tbody tr").first.inner_text()
    assert "BLOCKED" in row
    assert "₹0.0000" in row
    picture(admin)


def test_block_for_account(reader: At, picture: Picture) -> None:
    """Block a number for one account."""
    admin = reader("admin")
    admin.open("Blacklist")
    block(admin, "+919876500078", ACCOUNT, "complained to the shop")
    admin.told(f"+919876500078 is blocked now ({ACCOUNT}).")
    admin.page.get_by_role("searchbox", name="Account").fill(ACCOUNT)
    admin.press("Apply")
    assert ACCOUNT in admin.row("+919876500078").inner_text()
    picture(admin)


def test_audit_logs(reader: At, picture: Picture) -> None:
    """See who did what."""
    admin = reader("admin")
    admin.open("Audit Logs")
    assert admin.columns() == ["Time", "Who", "Action", "What", "Account", "Change"]
    admin.page.get_by_placeholder("Who, such as admin:anna").fill(f"admin:{ADMIN}")
    admin.press("Apply")
    assert "export" in admin.page.locator("tbody").inner_text()
    picture(admin)


def test_verify_audit(reader: At, picture: Picture) -> None:
    """Check that nobody edited the log."""
    admin = reader("admin")
    admin.follow("Verify")
    told = admin.page.locator(".note.is-ok", has_text="The audit log is whole")
    assert re.search(r"whole: [1-9][0-9,]* sealed entries", told.inner_text())
    picture(admin)


def test_add_admin(reader: At, picture: Picture) -> None:
    """Add an admin."""
    admin = reader("admin")
    admin.open("Admins")
    admin.follow("Add Admin")
    admin.fill("Username", "rahul.menon")
    admin.fill("Email", "rahul@platform.example")
    admin.fill("Password", PASSWORD)
    picture(admin)


def test_new_admin(reader: At, picture: Picture) -> None:
    """The new admin is in at once."""
    admin = reader("admin")
    admin.press("Add Admin")
    admin.told("Admin rahul.menon can log in now.")
    assert "ACTIVE" in admin.row("rahul.menon").inner_text()
    picture(admin)
    other: Any = reader("admin", "rahul.menon")
    other.enter("rahul.menon")
    other.page.get_by_role("heading", name="Dashboard", level=1).wait_for()
