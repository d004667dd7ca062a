"""The portal guide's second half: reports, money, blacklist, keys, webhooks and the API."""

from tests.browser.console import Copy
from tests.browser.guides.portal_messages import ACCOUNT, DAYS, SENDER, WEEKS, At, Picture


def test_reports(reader: At, picture: Picture) -> None:
    """Find messages."""
    user = reader("portal")
    user.open("Reports")
    user.page.get_by_role("searchbox", name="Number, message id").fill("+91 98450 11201")
    user.press("Apply")
    assert user.page.locator("tbody tr").count() == 5, "one of each channel and our reply"
    for name in ("Export CSV", "Export XLSX"):
        user.page.get_by_role("button", name=name).wait_for()
    picture(user, name="portal-reports")


def test_one_message(reader: At, picture: Picture) -> None:
    """Look at one message's whole life."""
    user = reader("portal")
    with user.page.expect_navigation(wait_until="load"):
        user.page.locator("tbody a").last.click()
    user.shows("Its whole life", "Accepted from the portal", "Facts", "Provider Message ID")
    user.shows("Hi Leela, your tea is ready - come by until 8 pm today. Your Blue Harbour")
    picture(user, name="portal-message")


def test_report_summary(copy: Copy, reader: At, picture: Picture) -> None:
    """Sum up your traffic."""
    copy.sql(WEEKS.format(account=ACCOUNT))
    copy.sql(DAYS.format(account=ACCOUNT))
    user = reader("portal")
    user.open("Report Summary")
    with user.page.expect_navigation(wait_until="load"):
        user.page.get_by_label("Days").select_option(label="Last 7 days")
    with user.page.expect_navigation(wait_until="load"):
        user.page.get_by_label("Summary").select_option(label="Per day")
    # Fewer than in the week before, which is good of failures.
    user.page.locator(".figure-card", has_text="Failed").locator(".ok-text").wait_for()
    picture(user)


def test_anomalies(reader: At, picture: Picture) -> None:
    """See what is unusual in your traffic."""
    user = reader("portal")
    user.open("Traffic Anomalies")
    found = user.page.locator("#findings .finding", has_text="more messages than usual")
    found.wait_for()
    assert "900 messages were accepted in this hour" in found.inner_text()
    picture(user)


def test_billing(reader: At, picture: Picture) -> None:
    """Know what you paid."""
    user = reader("portal")
    user.open("Billing & Balance")
    user.shows("Statement", "Opening balance", "Closing balance", "Ledger", "Prices")
    picture(user)


def test_price_of_number(reader: At, picture: Picture) -> None:
    """Ask what a number costs."""
    user = reader("portal")
    user.page.get_by_placeholder("+91 98765 43210").fill("+91 98450 11201")
    user.press("Ask")
    search = user.page.locator("#price-search")
    assert "₹0.1800 a segment to +919845011201 (IN)" in search.inner_text()
    picture(user, search)


def test_low_balance(reader: At, picture: Picture) -> None:
    """Be told when money runs low."""
    user = reader("portal")
    user.fill("Tell me below", "50")
    user.press("Save alert")
    user.page.get_by_text("balance.low when less than ₹50.0000").wait_for()
    picture(user)


def test_top_up(reader: At, picture: Picture) -> None:
    """Ask for a top-up."""
    user = reader("portal")
    form = user.page.locator("#top-up form").first
    form.get_by_label("Amount").fill("1500")
    form.get_by_label("Note").fill("Bank transfer 7731")
    user.press("Request a top-up", within=form)
    user.page.locator(".note.is-ok").wait_for()
    user.page.get_by_role("button", name="Withdraw the request for ₹1,500.0000").wait_for()
    picture(user, user.page.locator("#top-up"))


def test_blacklist(reader: At, picture: Picture) -> None:
    """Block a number."""
    user = reader("portal")
    user.open("Blacklist")
    form = user.page.locator("form[action='/blacklist/deed/']")
    form.get_by_label("Phone number").fill("+919876500055")
    form.get_by_label("Reason").fill("asked at the counter")
    with user.page.expect_navigation(wait_until="load"):
        form.get_by_role("button", name="Block", exact=True).click()
    user.told("+919876500055 is blocked now.")
    picture(user)


def test_api_key(reader: At, picture: Picture) -> None:
    """Take a new API key."""
    user = reader("portal")
    user.open("Settings & API Keys")
    dialog = user.ask("Regenerate live key")
    assert "stops working within a second" in dialog.inner_text()
    with user.page.expect_navigation(wait_until="load"):
        dialog.get_by_role("button", name="Regenerate key").click()
    assert user.page.locator("#new-key").inner_text().startswith("live_")
    picture(user, name="portal-settings")


def test_webhook(reader: At, picture: Picture) -> None:
    """Have receipts posted to you."""
    user = reader("portal")
    user.open("Settings & API Keys")
    user.tab("DLR webhook")
    user.fill("URL", "http://127.0.0.1:9099/dlr")
    picture(user)
    user.press("Save webhook")
    user.shows("The webhook's signing secret. It is shown this once.")


def test_addresses(reader: At, picture: Picture) -> None:
    """Say from where your programs call."""
    user = reader("portal")
    user.tab("Whitelisted IPs")
    user.fill("Addresses", "127.0.0.1\n203.0.113.0/24")
    user.press("Save addresses")
    user.page.locator(".note.is-ok").wait_for()
    picture(user)


def test_smpp(reader: At, picture: Picture) -> None:
    """Connect by SMPP."""
    user = reader("portal")
    user.open("Settings & API Keys")
    user.tab("SMPP")
    user.shows("SMPP credentials", "System ID", "Host and port", "State")
    picture(user)


def test_team(reader: At, picture: Picture) -> None:
    """Invite your team."""
    user = reader("portal")
    user.tab("Team")
    user.page.get_by_label("Email", exact=True).fill("devi@blueharbour.example")
    user.page.get_by_label("Role", exact=True).select_option("developer")
    user.press("Invite")
    user.page.locator("#new-link").wait_for()
    user.tab("Team")
    assert "developer" in user.row("devi@blueharbour.example").inner_text()
    picture(user)


def test_api_docs(reader: At, picture: Picture) -> None:
    """Send from your own program."""
    user = reader("portal")
    user.open("API docs")
    for word in ("curl", "Python", "JavaScript"):
        user.tab(word)
    assert SENDER in user.page.locator("[data-panel=javascript] .sample").first.inner_text()
    user.tab("Python")
    picture(user)
