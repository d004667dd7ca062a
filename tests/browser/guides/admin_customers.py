"""The admin guide's first half: logging in, the dashboard, customers and what they ask for."""

import re
from collections.abc import Callable

from tests.browser.console import PASSWORD, Copy
from tests.browser.guides.reader import Reader

At = Callable[..., Reader]
Picture = Callable[..., None]

ADMIN = "priya.sharma"
CUSTOMER = "asha.rao"
ACCOUNT = "Sunrise Foods"
WABA, BOT = "+919845000017", "sunrise_foods"
PE_ID = "1701158019600012345"
#: what a step shows once and a later one needs.
SHOWN: dict[str, str] = {}


def secret(reader: Reader, name: str) -> str:
    """A value of the page that shows secrets once."""
    return str(reader.page.locator(".secret", has_text=name).locator("code").inner_text())


def editor(reader: Reader, section: str) -> None:
    """The editor of the guide's customer, at a section."""
    reader.open("Users")
    with reader.page.expect_navigation(wait_until="load"):
        reader.row(CUSTOMER).get_by_role("link", name="Edit").click()
    reader.tab(section)


def labels(reader: Reader) -> list[str]:
    """The labels of the fields that can be seen."""
    found = reader.page.locator("#content label:visible").all_inner_texts()
    return [re.sub(r"\s+optional$", "", one.strip()) for one in found]


def test_log_in(copy: Copy, reader: At, picture: Picture) -> None:
    """Log in."""
    copy.admin(ADMIN)
    admin = reader("admin")
    admin.page.goto(f"{admin.visitor.base}/")
    admin.shows("Username", "Password", "Log in")
    admin.fill("Username", ADMIN)
    admin.fill("Password", PASSWORD)
    picture(admin)
    admin.press("Log in")
    admin.page.get_by_role("heading", name="Dashboard", level=1).wait_for()
    cookies = {one["name"]: one for one in admin.visitor.context.cookies()}
    assert cookies["cpaas_admin_session"]["httpOnly"]


def test_log_out(reader: At, picture: Picture) -> None:
    """Log out from the user menu."""
    admin = reader("admin")
    admin.page.locator("summary", has_text=ADMIN).click()
    admin.shows("Your account", "Change password", "Log out")
    picture(admin)
    admin.press("Log out")
    admin.shows("Log in")
    admin.enter(ADMIN)


def test_dashboard(reader: At, picture: Picture) -> None:
    """Read the dashboard."""
    admin = reader("admin")
    admin.open("Dashboard")
    for card in ("Total Messages (Today)", "Success Rate", "Active Users", "Revenue"):
        admin.page.get_by_role("heading", name=card, exact=True).wait_for()
    admin.shows("Messages per minute, last hour", "Channels today", "Top errors today")
    admin.shows("Route health")
    picture(admin, name="admin-dashboard")


def test_insights(reader: At, picture: Picture) -> None:
    """Read the AI insights."""
    admin = reader("admin")
    section = admin.page.locator("#insights")
    section.get_by_text("Looking at").wait_for(state="detached")
    section.get_by_role("heading", name="AI insights", exact=True).wait_for()
    said = section.inner_text()
    assert "See the figures" in said or "Nothing unusual" in said
    picture(admin, section)


def test_users(reader: At, picture: Picture) -> None:
    """See all users."""
    admin = reader("admin")
    admin.open("Users")
    assert admin.columns() == [
        "Username", "Account", "Billing", "Balance", "Last login", "Status", "Edit",
    ]  # fmt: skip
    admin.page.get_by_role("link", name="Add User", exact=False).wait_for()
    picture(admin, name="admin-users")


def test_add_user(reader: At, picture: Picture) -> None:
    """Add a user."""
    admin = reader("admin")
    admin.follow("Add User")
    admin.choose("Role", "USER: a customer")
    admin.fill("Username", CUSTOMER)
    admin.fill("Email", "asha@sunrise.example")
    admin.fill("Phone", "+919845012345")
    admin.fill("Temporary password", "Mango pickle 77 jars")
    admin.fill("Account name", ACCOUNT)
    picture(admin)


def test_user_is_active(reader: At, picture: Picture) -> None:
    """Hand over what is shown once."""
    admin = reader("admin")
    admin.press("Add User")
    admin.shows(f"User {CUSTOMER} is active", "Temporary password", "API key", "Test key")
    SHOWN["key"] = secret(admin, "API key")
    picture(admin)
    admin.follow("Done")
    admin.open("Users")
    assert "ACTIVE" in admin.row(CUSTOMER).inner_text()


def test_basic_info(reader: At, picture: Picture) -> None:
    """Edit: Basic Info."""
    admin = reader("admin")
    editor(admin, "Basic Info")
    assert admin.page.get_by_role("tab").all_inner_texts() == [
        "Basic Info", "API Credentials", "DLR Webhook", "Channel Enablement", "SMS Compliance",
        "Route Assignment", "Pricing", "Balance", "Limits",
    ]  # fmt: skip
    assert labels(admin) == [
        "Username", "Account name", "Email", "Phone", "Active", "Whitelisted IPs",
    ]  # fmt: skip
    admin.fill("Whitelisted IPs", "127.0.0.1\n203.0.113.0/24")
    picture(admin, name="admin-user")
    admin.press(f"Save {CUSTOMER}")
    admin.told(f"{CUSTOMER} saved. It is in force now.")


def test_api_credentials(reader: At, picture: Picture) -> None:
    """Edit: API Credentials."""
    admin = reader("admin")
    admin.tab("API Credentials")
    dialog = admin.ask("Regenerate API key")
    assert "All live keys of this account stop working within a second." in dialog.inner_text()
    picture(admin)
    with admin.page.expect_navigation(wait_until="load"):
        dialog.get_by_role("button", name="Regenerate", exact=True).click()
    admin.shows(f"New live key of {ACCOUNT}", "Live key")
    new = secret(admin, "Live key")
    assert new != SHOWN["key"]
    SHOWN["key"] = new
    admin.follow("Done")


def test_dlr_webhook(reader: At, picture: Picture) -> None:
    """Edit: DLR Webhook."""
    admin = reader("admin")
    admin.tab("DLR Webhook")
    admin.fill("Webhook URL", "http://127.0.0.1:9099/dlr")
    picture(admin)
    admin.press(f"Save {CUSTOMER}")
    admin.shows("Webhook saved", "Signing secret")
    admin.follow("Done")
    assert admin.field("Webhook URL").input_value() == "http://127.0.0.1:9099/dlr"


def test_channel_enablement(reader: At, picture: Picture) -> None:
    """Edit: Channel Enablement."""
    admin = reader("admin")
    admin.tab("Channel Enablement")
    assert labels(admin) == ["SMS", "WhatsApp", "RCS", "Voice"]
    for channel in ("SMS", "WhatsApp", "RCS", "Voice"):
        assert admin.field(channel).is_checked()
    admin.field("Voice").uncheck()
    picture(admin)
    admin.press(f"Save {CUSTOMER}")
    admin.tab("Channel Enablement")
    assert not admin.field("Voice").is_checked()


def test_sms_compliance(reader: At, picture: Picture) -> None:
    """Edit: SMS Compliance."""
    admin = reader("admin")
    admin.tab("SMS Compliance")
    admin.fill("Telemarketer ID", "1702157254123456789")
    admin.fill("PE ID", PE_ID)
    admin.choose("DLT check", "Off")
    picture(admin)
    admin.press(f"Save {CUSTOMER}")
    admin.tab("SMS Compliance")
    assert admin.field("PE ID").input_value() == PE_ID


def test_route_assignment(reader: At, picture: Picture) -> None:
    """Edit: Route Assignment."""
    admin = reader("admin")
    admin.tab("Route Assignment")
    assert labels(admin) == ["SMS route", "WhatsApp route", "RCS route", "Voice route"]
    admin.choose("SMS route", "smpp1")
    admin.choose("WhatsApp route", "wa")
    admin.choose("RCS route", "rcs")
    picture(admin)
    admin.press(f"Save {CUSTOMER}")
    admin.tab("Route Assignment")
    assert admin.field("SMS route").input_value() == "smpp1"


def test_pricing(reader: At, picture: Picture) -> None:
    """Edit: Pricing."""
    admin = reader("admin")
    admin.tab("Pricing")
    prices = {
        "SMS price per segment": "0.1800", "UIC (utility)": "0.1450", "MIC (marketing)": "0.8600",
        "SIC (service)": "0.0500", "Auth": "0.1400", "Auth INT": "2.3000",
        "RCS price per message": "0.2500", "Voice price per minute": "0.6000",
    }  # fmt: skip
    assert labels(admin) == [*prices, "Voice price per call"]
    for label, price in prices.items():
        admin.fill(label, price)
    picture(admin, name="admin-user-pricing")
    admin.press(f"Save {CUSTOMER}")
    admin.tab("Pricing")
    assert admin.field("MIC (marketing)").input_value() == "0.8600"


def test_balance(reader: At, picture: Picture) -> None:
    """Edit: Balance."""
    admin = reader("admin")
    admin.tab("Balance")
    admin.fill("Amount", "2500")
    admin.fill("Note", "Bank transfer of 26 November")
    admin.press("Credit")
    admin.told(f"₹2,500.0000 added to {ACCOUNT}. The balance is ₹2,500.0000 now.")
    picture(admin)


def test_waba_number(reader: At, picture: Picture) -> None:
    """Give a user a WhatsApp number."""
    admin = reader("admin")
    admin.open("User Channels")
    assert admin.columns() == ["Number or bot", "Channel", "Route", "Users", "State", "Edit"]
    admin.follow("Add")
    admin.choose("Channel", "WhatsApp")
    admin.fill("Number or bot name", WABA)
    admin.fill("Name for people", "Sunrise Foods orders")
    admin.choose("Route", "wa · WhatsApp")
    admin.fill("Phone number id", "106540352242922")
    admin.fill("WABA id", "102290129340398")
    admin.fill("Access token", "EAAG-kept-encrypted")
    admin.fill("App secret", "8f14e45fceea167a")
    admin.press("Save")
    admin.told(f"{WABA} added. Give it to a user now.")
    admin.fill("Account", ACCOUNT)
    admin.page.get_by_label("Its usual sender on this channel").check()
    admin.press("Give it to this user")
    admin.told(f"{ACCOUNT} may send from {WABA}.")
    picture(admin)


def test_rcs_bot(reader: At, picture: Picture) -> None:
    """Give a user an RCS bot."""
    admin = reader("admin")
    admin.open("User Channels")
    admin.follow("Add")
    admin.choose("Channel", "RCS")
    admin.fill("Number or bot name", BOT)
    admin.choose("Route", "rcs · RCS")
    admin.fill("Bot id", "sunrise_foods_agent")
    admin.fill("Brand", "Sunrise Foods")
    admin.fill("Client id", "sunrise-client")
    admin.fill("Secret", "never-shown-again")
    picture(admin)
    admin.press("Save")
    admin.told(f"{BOT} added. Give it to a user now.")
    admin.fill("Account", ACCOUNT)
    admin.press("Give it to this user")
    admin.told(f"{ACCOUNT} may send from {BOT}.")


def submit(user: Reader, **fields: str) -> None:
    """A template as the customer submits it."""
    user.open("Templates")
    user.follow("New template")
    for label, value in fields.items():
        words = label.replace("_", " ")
        if words in ("Channel and type", "Category", "Media"):
            user.choose(words, value)
        else:
            user.fill(words, value)
    user.press("Submit template")
    user.page.locator(".note.is-ok").wait_for()


def test_templates(reader: At, picture: Picture) -> None:
    """See which templates wait for you."""
    user = reader("portal")
    user.enter(CUSTOMER, "Mango pickle 77 jars")
    user.shows("You logged in with a temporary password. Choose your own to go on.")
    user.fill("Password now", "Mango pickle 77 jars")
    user.fill("New password", PASSWORD)
    user.fill("New password again", PASSWORD)
    user.press("Change password")
    submit(
        user, Channel_and_type="SMS · Text", Name="login_code",
        Text="Your Sunrise code is {{code}}.", Examples="code = 4821",
    )  # fmt: skip
    submit(
        user, Channel_and_type="WhatsApp · Text", Name="order_shipped", Category="Utility",
        Text="Hi {{name}}, your order {{order}} is on its way. It arrives {{day}}.",
        Footer="Sunrise Foods", Buttons="Track | https://sunrise.example/t/{{order}}\nThank you",
        Examples="name = Asha\norder = A-10482\nday = today",
    )  # fmt: skip
    submit(
        user, Channel_and_type="WhatsApp · Media", Name="festive_menu", Category="Marketing",
        Media="Image", Media_URL="https://10.0.0.1/menu.png",
        Text="Hi {{name}}, our festive menu is here.", Examples="name = Asha",
    )  # fmt: skip
    admin = reader("admin")
    admin.open("Templates")
    assert admin.columns() == ["Template name", "Account", "Channel", "Type", "Status", "Review"]
    assert "APPROVED" in admin.row("login_code").inner_text()
    for name in ("order_shipped", "festive_menu"):
        assert "PENDING" in admin.row(name).inner_text()
    picture(admin)


def review(admin: Reader, name: str) -> None:
    """One of the requests."""
    admin.open("Templates")
    with admin.page.expect_navigation(wait_until="load"):
        admin.row(name).get_by_role("link", name="Review").click()


def test_review_template(reader: At, picture: Picture) -> None:
    """Review what a user submitted."""
    admin = reader("admin")
    review(admin, "order_shipped")
    admin.shows(f"{ACCOUNT} · WhatsApp · Text", "Content", "Category", "Preview on the handset")
    assert (
        "Hi Asha, your order A-10482 is on its way." in admin.page.locator(".handset").inner_text()
    )
    for word in ("Approve", "Reject"):
        admin.page.get_by_role("button", name=word).wait_for()
    picture(admin)


def test_approve_template(reader: At, picture: Picture) -> None:
    """Approve."""
    admin = reader("admin")
    assert "good" in admin.page.get_by_role("button", name="Approve").get_attribute("class")
    admin.press("Approve")
    admin.told("Template order_shipped approved. It goes to the carrier")
    admin.page.locator(".badge", has_text="APPROVED").first.wait_for()
    picture(admin)


def test_reject_template(reader: At, picture: Picture) -> None:
    """Reject, with a reason."""
    admin = reader("admin")
    review(admin, "festive_menu")
    admin.press("Check media")
    admin.page.get_by_text("not on the public internet").wait_for()
    assert "danger" in admin.page.get_by_role("button", name="Reject").get_attribute("class")
    admin.fill("Reason", "The picture cannot be fetched from the internet.")
    picture(admin)
    admin.press("Reject")
    admin.told("Template festive_menu rejected.")


def test_user_sees_decision(reader: At, picture: Picture) -> None:
    """What the user sees."""
    user = reader("portal")
    user.open("Templates")
    assert "APPROVED" in user.row("order_shipped").inner_text()
    assert "REJECTED" in user.row("festive_menu").inner_text()
    with user.page.expect_navigation(wait_until="load"):
        user.row("festive_menu").get_by_role("link").first.click()
    user.shows("The picture cannot be fetched from the internet.", "Edit and resubmit")
    picture(user)


def test_sender_requests(reader: At, picture: Picture) -> None:
    """See which senders are asked for."""
    user = reader("portal")
    user.open("Sender IDs")
    for sender in ("SUNRIS", "SHOP24"):
        user.fill("Sender ID", sender)
        user.choose("Channel", "SMS")
        user.fill("PE ID", PE_ID)
        user.press("Request sender")
        user.told(f"{sender} requested.")
    admin = reader("admin")
    admin.open("Sender Requests")
    assert admin.columns() == ["Sender ID", "Account", "Channel", "PE ID", "Status", "Decide"]
    assert "PENDING" in admin.row(ACCOUNT, "SUNRIS").inner_text()
    assert PE_ID in admin.row(ACCOUNT, "SUNRIS").inner_text()
    picture(admin)


def test_approve_sender(reader: At, picture: Picture) -> None:
    """Approve a sender."""
    admin = reader("admin")
    with admin.page.expect_navigation(wait_until="load"):
        admin.row(ACCOUNT, "SUNRIS").get_by_role("link", name="Decide").click()
    admin.shows("Account", "PE ID", PE_ID)
    picture(admin)
    admin.press("Approve")
    admin.told(f"SUNRIS approved. {ACCOUNT} can use it now.")
