"""The portal guide's first half: the first day, templates, messages and replies."""

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.browser.console import PASSWORD, Copy
from tests.browser.guides.reader import Reader
from tests.insights.ollama_server import ollama
from tests.journeys.platform import until

At = Callable[..., Reader]
Picture = Callable[..., None]

USER = "nisha.pillai"
ACCOUNT = "Blue Harbour Tea"
TEMPORARY = "Copper kettle 58 steam"
SENDER = "BLUTEA"
#: the number that replies come to.
ANSWERS = "56170"
#: two weeks of even traffic, then a flood an hour ago.
WEEKS = """
INSERT INTO counter_hour (account_id, channel, route_id, country, hour, accepted, segments,
    submitted, delivered, failed, charged_micro)
SELECT a.id, 'sms', 1, 'IN', date_trunc('hour', now(), 'Asia/Kolkata') - n * interval '1 hour', m,
    m, m, m * 95 / 100, m * 5 / 100, m * 180000
FROM account a, generate_series(1, 15 * 24) n,
    LATERAL (SELECT CASE n WHEN 1 THEN 900 ELSE 90 + n % 24 END AS m) t
WHERE a.name = '{account}'
ON CONFLICT DO NOTHING
"""
DAYS = """
INSERT INTO counter_day (day, account_id, channel, route_id, country, accepted, segments,
    submitted, delivered, failed, charged_micro)
SELECT (now() AT TIME ZONE 'Asia/Kolkata')::date - n, a.id, 'sms', 1, 'IN', m, m, m, m * 95 / 100,
    m * 5 / 100, m * 180000
FROM account a, generate_series(1, 14) n, LATERAL (SELECT 2200 + n * 37 % 300 AS m) t
WHERE a.name = '{account}' ON CONFLICT DO NOTHING
"""


def operator(copy: Copy) -> None:
    """What the operator has done: an account with money, a number for replies, no more."""
    command = copy.platform.cpaas
    command(
        "account", "create", ACCOUNT, "--username", USER, "--email", "nisha@blueharbour.example",
        "--password", TEMPORARY, "--credit", "500",
    )  # fmt: skip
    command("price", "set", "--account", ACCOUNT, "--channel", "sms", "0.18")
    command("number", "create", ANSWERS, "--channel", "sms", "--account", ACCOUNT)
    for one in command("identity", "list", "--account", "sandbox")["identities"]:
        command("identity", "give", one["value"], "--channel", one["channel"], "--account", ACCOUNT)
    caller = ("sender", "create", "+911140000000", "--account", ACCOUNT, "--channel", "voice")
    command(*caller, "--approve")


def says(copy: Copy, text: str) -> None:
    """A phone answers to the account's number, at the simulated carrier."""
    wish = {"source": "919845011201", "destination": ANSWERS, "system_id": "sandbox", "text": text}
    request = urllib.request.Request(
        f"http://127.0.0.1:{2778 + copy.platform.offset}/mo", json.dumps(wish).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request) as answer:
        assert answer.status < 300


def test_first_login(copy: Copy, reader: At, picture: Picture) -> None:
    """Log in and choose your password."""
    operator(copy)
    user = reader("portal")
    user.enter(USER, TEMPORARY)
    user.shows("You logged in with a temporary password. Choose your own to go on.")
    user.fill("Password now", TEMPORARY)
    user.fill("New password", PASSWORD)
    user.fill("New password again", PASSWORD)
    picture(user)
    user.press("Change password")
    user.told("Password changed")


def test_checklist(reader: At, picture: Picture) -> None:
    """Follow the first steps."""
    user = reader("portal")
    user.open("Dashboard")
    steps = user.page.locator("#first-run")
    steps.get_by_role("heading", name="To your first delivered message").wait_for()
    for title in (
        "A sender is approved", "There is balance", "A test message was sent", "A webhook is set",
        "The first message is delivered",
    ):  # fmt: skip
        steps.get_by_text(title, exact=True).wait_for()
    assert steps.locator("li.is-ok").count() == 2, "there is balance, and a caller"
    picture(user)


def test_ask_for_sender(copy: Copy, reader: At, picture: Picture) -> None:
    """Ask for a sender."""
    user = reader("portal")
    user.open("Sender IDs")
    user.fill("Sender ID", SENDER)
    user.choose("Channel", "SMS")
    user.press("Request sender")
    user.told(f"{SENDER} requested. You see here when it is decided.")
    assert "PENDING" in user.row(SENDER).inner_text()
    picture(user)
    copy.platform.cpaas("sender", "approve", SENDER, "--account", ACCOUNT, "--channel", "sms")


def test_template(reader: At, picture: Picture) -> None:
    """Write a template."""
    user = reader("portal")
    user.open("Templates")
    user.follow("New template")
    user.choose("Channel and type", "SMS · Text")
    user.fill("Name", "order_ready")
    user.fill("Text", "Hi {{name}}, your tea {{order}} is ready to be picked up.")
    user.fill("Examples", "name = Leela\norder = BH-204")
    handset = user.page.locator("#preview")
    handset.get_by_text("Hi Leela, your tea BH-204 is ready to be picked up.").wait_for()
    picture(user)
    user.press("Submit template")
    user.told("Template order_ready is approved. You can use it now.")


def test_ai_assist(copy: Copy, reader: At, picture: Picture) -> None:
    """Have a text drafted."""
    user = reader("portal")
    user.open("Templates")
    user.follow("New template")
    user.choose("Channel and type", "WhatsApp · Text")
    user.choose("Category", "Utility")
    user.fill("Name", "order_shipped")
    user.fill("AI Assist", "Tell customers that their order has been shipped")
    said = {
        "body": "Hi {{name}}, your order {{order}} left our shop today.",
        "examples": {"name": "Leela", "order": "BH-204"},
    }
    with ollama(lambda _: json.dumps(said), port=copy.platform.offset + 4434):
        user.page.get_by_role("button", name="Draft a text").click()
        user.page.get_by_role("button", name="Use this text").wait_for()
    assert user.field("Text").input_value() == ""
    picture(user, user.page.get_by_role("button", name="Use this text"))
    user.page.get_by_role("button", name="Use this text").click()
    user.page.locator("#preview").get_by_text("Hi Leela, your order BH-204").wait_for()
    user.press("Submit template")
    user.told("Template order_shipped submitted.")
    submitted = copy.platform.cpaas("template", "list", "--account", ACCOUNT, "--status", "PENDING")
    copy.platform.cpaas("template", "approve", str(submitted["templates"][0]["id"]))


def test_quick_message(reader: At, picture: Picture) -> None:
    """Quick Message: SMS."""
    user = reader("portal")
    user.open("Quick Message")
    user.fill("Recipient", "+91 98450 11201")
    user.fill(
        "Message",
        "Hi Leela, your tea is ready \N{EN DASH} come by until 8 pm today. Your Blue Harbour",
    )
    user.page.locator(".note", has_text="forces Unicode").wait_for()
    user.page.get_by_role("button", name="Replace it").wait_for()
    picture(user, name="portal-quick-message")


def test_quick_message_sent(reader: At, picture: Picture) -> None:
    """Follow it to the phone."""
    user = reader("portal")
    user.page.get_by_role("button", name="Replace it").click()
    dialog = user.ask("Send SMS for ₹0.1800")
    assert "Send this SMS for ₹0.1800?" in dialog.inner_text()
    arrives(user)
    picture(user, name="portal-quick-message-sent")


def arrives(user: Reader) -> None:
    """*Send it*, and the strip follows it to the phone."""
    user.press("Send it")
    ended = user.page.locator("#strip .badge", has_text=re.compile("DELIVERED|READ"))
    ended.first.wait_for(timeout=60_000)


def compose(user: Reader, channel: str) -> None:
    """Another channel of Quick Message."""
    user.open("Quick Message")
    user.page.locator("#composer").get_by_role("link", name=channel).click()
    user.page.locator(f".on-{channel.lower()}").wait_for()
    user.fill("Recipient", "+91 98450 11201")


def test_quick_whatsapp(reader: At, picture: Picture) -> None:
    """Quick Message: WhatsApp."""
    user = reader("portal")

    def is_offered() -> bool:
        compose(user, "WhatsApp")
        names = user.field("Template").locator("option").all_inner_texts()
        return any("order_shipped" in one for one in names)

    # The carrier reviews it too.
    until(is_offered)
    user.page.locator(".note", has_text="The 24-hour window with this person is closed").wait_for()
    user.choose("Template", "order_shipped · Text · Utility")
    user.fill("{{name}}", "Leela")
    user.fill("{{order}}", "BH-204")
    user.page.locator("#preview .bubble", has_text="Hi Leela, your order BH-204").wait_for()
    picture(user)
    user.ask("Send WhatsApp for")
    arrives(user)


def test_quick_rcs(reader: At, picture: Picture) -> None:
    """Quick Message: RCS."""
    user = reader("portal")
    compose(user, "RCS")
    user.fill("Message", "Hi Leela, your tea is ready.")
    user.page.locator("#preview .bubble", has_text="your tea is ready").wait_for()
    user.ask("Send RCS for")
    arrives(user)
    picture(user)


def test_quick_voice(copy: Copy, reader: At, picture: Picture) -> None:
    """Quick Message: Voice."""
    user = reader("portal")
    compose(user, "Voice")
    user.fill("Message", "Hello Leela. Your tea is ready.")
    user.page.locator("#preview .bubble", has_text="Your tea is ready").wait_for()
    dialog = user.ask("Call for")
    assert "are reserved now" in dialog.inner_text()
    # Another test may stop the simulated telephone exchange for a while.
    with copy.alone("simulator-voice"):
        arrives(user)
    picture(user)


def test_campaign(reader: At, picture: Picture, tmp_path: Path) -> None:
    """Prepare a campaign."""
    file = tmp_path / "guests.csv"
    rows = "".join(f"+9198450{n:05d},Guest {n}\n" for n in range(40))
    file.write_text(f"phone,name\n{rows}12,Bob\n+919845000000,again\n")
    user = reader("portal")
    user.open("Campaigns")
    user.follow("New campaign")
    user.fill("Campaign name", "First flush")
    user.page.get_by_label("File").set_input_files(str(file))
    user.fill("Message", "Hello {{name}}, first flush Darjeeling is here.")
    picture(user, user.field("Campaign name"))
    user.press("Check the rows")


def test_campaign_check(reader: At, picture: Picture) -> None:
    """Read what it would cost and reach."""
    user = reader("portal")
    user.page.get_by_role("heading", name="Campaign Intelligence").wait_for(timeout=60_000)
    user.shows("40 of 42 rows are valid; 1 bad, 1 duplicate.", "Predicted delivery")
    user.shows("Hello Guest 0, first flush Darjeeling is here.")
    picture(user)


def test_campaign_progress(reader: At, picture: Picture) -> None:
    """Start it and watch."""
    user = reader("portal")
    dialog = user.ask("Start for ₹7.2000")
    with user.page.expect_navigation(wait_until="load"):
        dialog.get_by_role("button", name="Start for ₹7.2000").click()
    user.page.locator(".badge", has_text="COMPLETED").first.wait_for(timeout=90_000)
    user.shows("COMPLETED · 1 failed")
    picture(user)


def test_dashboard(reader: At, picture: Picture) -> None:
    """Read your dashboard."""
    user = reader("portal")
    user.open("Dashboard")
    for card in ("Messages Today", "Success Rate", "Cost Today", "Balance"):
        user.page.get_by_role("heading", name=card, exact=True).wait_for()
    user.shows("Channels today", "Channels of all time", "Failure insights")
    picture(user, name="portal-dashboard")


def test_inbox(copy: Copy, reader: At, picture: Picture) -> None:
    """Read and answer replies."""
    user = reader("portal")
    user.open("Inbox")
    says(copy, "Thank you! Do you have Darjeeling too?")
    user.page.get_by_text("Do you have Darjeeling too?").wait_for(timeout=60_000)
    with user.page.expect_navigation(wait_until="load"):
        user.page.get_by_role("link", name="+919845011201").click()
    user.page.get_by_placeholder("Your reply").fill("Yes, first flush, 250 g for ₹640.")
    user.press("Send reply")
    user.page.locator(".talk .ours").last.get_by_text("DELIVERED").wait_for(timeout=60_000)
    picture(user)
