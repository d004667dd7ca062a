"""Settings in the user menu: name, logo, mail, model, prices, alerts, and what they change."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.browser.console import Copy, Mailbox
from tests.insights.ollama_server import ollama
from tests.journeys.platform import until

Visit = Any
#: one red dot.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture
def mailbox(copy: Copy) -> Iterator[Mailbox]:
    """A mail server; afterwards the copy is as it was for the other tests."""
    made = Mailbox()
    yield made
    made.close()
    for name in ("platform_name", "mail_host", "alert_mail_to", "alert_webhook_url"):
        copy.platform.cpaas("settings", "set", name, "")


def sql(copy: Copy, statement: str) -> list[Any]:
    with psycopg.connect(copy.platform.cpaas("db", "shell-dsn")["dsn"]) as connection:
        return connection.execute(statement.encode()).fetchall()


def owner(copy: Copy, visit: Visit, name: str) -> Any:
    """An admin with an email address, at the Settings page, by way of the user menu."""
    copy.admin(name)
    copy.sql(f"UPDATE app_user SET email = '{name}@example.com' WHERE username = '{name}'")
    board = visit("admin").log_in(name)
    board.page.locator("summary", has_text="User menu of").click()
    board.page.get_by_role("link", name="Settings").click()
    board.page.get_by_role("tab", name="General").wait_for()
    return board


def panel(board: Any, tab: str) -> Any:
    board.page.get_by_role("tab", name=tab).click()
    return board.page.get_by_role("tabpanel", name=tab)


def test_name_and_logo_stand_on_both_consoles(
    copy: Copy, visit: Visit, mailbox: Mailbox, customer: dict[str, Any], tmp_path: Path
) -> None:
    del mailbox
    board = owner(copy, visit, "names")
    page = board.page
    board.check()
    general = panel(board, "General")
    assert "CPAAS_" not in general.inner_text()
    picture = tmp_path / "logo.png"
    picture.write_bytes(PNG)
    wrong = tmp_path / "logo.svg"
    wrong.write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    general.get_by_label("Name", exact=True).fill("Acme Messaging")
    general.get_by_label("Logo").set_input_files(str(wrong))
    general.get_by_role("button", name="Save general").click()
    page.get_by_text("use PNG, JPEG or WebP").wait_for()
    general.get_by_label("Logo").set_input_files(str(picture))
    general.get_by_role("button", name="Save general").click()
    page.get_by_text("General saved.").wait_for()
    assert page.locator(".sidebar .logo img").count() == 1
    assert "Acme Messaging" in page.locator(".sidebar .brand").inner_text()
    board.check()
    board.shoot("admin-settings", each=True)
    portal = visit("portal")

    def named() -> bool:
        portal.go("/login/")
        return "Acme Messaging" in portal.text() and portal.page.locator(".logo img").count() == 1

    until(named, 20)
    portal.log_in(customer["username"])
    assert "Acme Messaging" in portal.page.locator(".sidebar .brand").inner_text()
    general = panel(board, "General")
    general.get_by_label("Remove the logo").check()
    general.get_by_role("button", name="Save general").click()
    page.get_by_text("General saved.").wait_for()
    assert page.locator(".logo img").count() == 0
    told = sql(
        copy, "SELECT count(*) FROM audit_log WHERE actor = 'admin:names'"
        " AND table_name = 'platform_setting'",
    )  # fmt: skip
    assert told[0][0] == 3


def test_mail_is_tried_then_saved_and_links_go_by_it(
    copy: Copy, visit: Visit, mailbox: Mailbox, customer: dict[str, Any]
) -> None:
    board = owner(copy, visit, "posts")
    page = board.page
    mail = panel(board, "Mail")
    mail.get_by_label("SMTP host").fill("127.0.0.1")
    mail.get_by_label("Port").fill("1")
    mail.get_by_label("Encryption").select_option("none")
    mail.get_by_label("From").fill("ops@example.com")
    mail.get_by_role("button", name="Send a test mail").click()
    page.get_by_text("The test mail was not sent").wait_for()
    board.check()
    mail.get_by_label("Port").fill(str(mailbox.port))
    mail.get_by_role("button", name="Send a test mail").click()
    page.get_by_text("A test mail went to posts@example.com").wait_for()
    board.shoot("admin-settings-mail", each=True)
    assert "Test mail of CPaaS" in mailbox.letters[0]
    mail.get_by_label("Password").fill("n0t-to-be-seen")
    mail.get_by_role("button", name="Save mail").click()
    page.get_by_text("Mail saved.").wait_for()
    assert "n0t-to-be-seen" not in page.content()
    stored = sql(copy, "SELECT value::text FROM platform_setting WHERE name = 'mail_password'")
    assert "never shown" not in stored[0][0]
    # The portal cannot read the password: it writes the letter, another service sends it.
    copy.sql(
        f"UPDATE app_user SET email = 'lost@example.com' WHERE username = '{customer['username']}'"
    )
    portal = visit("portal")

    def asks() -> bool:
        portal.go("/forgotten/")
        return bool(portal.page.get_by_label("Username or email").count())

    until(asks, 20)
    portal.page.get_by_label("Username or email").fill("lost@example.com")
    portal.page.get_by_role("button", name="Send the link").click()
    letter = until(lambda: next((one for one in mailbox.letters if "/forgotten/" in one), ""), 30)
    assert "To: lost@example.com" in letter
    sent = "SELECT 1 FROM notice WHERE recipient = 'lost@example.com' AND body = ''"
    until(lambda: sql(copy, f"{sent} AND sent_at IS NOT NULL"))


def test_the_model_is_tried_prices_are_set_and_faults_stand_at_their_fields(
    copy: Copy, visit: Visit, mailbox: Mailbox
) -> None:
    board = owner(copy, visit, "tries")
    page = board.page
    model = panel(board, "Ollama")
    # The copy's environment names a host: it is shown, and fixed.
    assert model.get_by_label("Ollama host").is_disabled()
    assert "Set by the environment (OLLAMA_HOST)." in model.inner_text()
    model.get_by_role("button", name="Try it").click()
    page.get_by_text("The language model cannot be reached now").wait_for()
    host = model.get_by_label("Ollama host").input_value()
    with ollama(lambda _: '{"answer": "Hello"}', port=int(host.rpartition(":")[2])):
        model.get_by_role("button", name="Try it").click()
        page.get_by_text("answered “Hello”").wait_for()
    prices = panel(board, "Default prices")
    field = prices.get_by_label("Voice price per call")
    for amount, answer in (("a few", "is not an amount"), ("1.5000", "saved."), ("", "saved.")):
        field.fill(amount)
        prices.get_by_role("button", name="Save default prices").click()
        page.get_by_text(answer).first.wait_for()
        board.check(axe=answer != "saved.")
        found = copy.platform.cpaas("price", "list")["prices"]
        calls = [one["amount"] for one in found if one["category"] == "call"]
        assert calls == (["1.5000"] if amount == "1.5000" else [])
    board.shoot("admin-settings-prices", each=True)
    retention = panel(board, "Retention")
    retention.get_by_label("Messages").fill("3")
    retention.get_by_role("button", name="Save retention").click()
    retention.get_by_text("at least 7 days").wait_for()
    alerts = panel(board, "Operator alerts")
    alerts.get_by_label("Mail to").fill("not an address")
    alerts.get_by_role("button", name="Save operator alerts").click()
    alerts.get_by_text("is no email address").wait_for()
    alerts.get_by_label("Mail to").fill("tries@example.com")
    alerts.get_by_label("Webhook").fill("http://10.1.2.3/alerts")
    alerts.get_by_role("button", name="Save operator alerts").click()
    alerts.get_by_text("cannot be a webhook").wait_for()
    alerts.get_by_label("Webhook").fill(f"http://127.0.0.1:{mailbox.port}/alerts")
    alerts.get_by_role("button", name="Save operator alerts").click()
    page.get_by_text("whsec_").wait_for()
    board.check()
    board.shoot("admin-settings-alerts", each=True)


def test_only_an_owner_changes_settings(copy: Copy, visit: Visit) -> None:
    board = owner(copy, visit, "looks")
    token = board.page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    copy.sql("UPDATE app_user SET member_role = 'viewer' WHERE username = 'looks'")
    board.go("/settings/")
    assert "Only an admin with the role owner changes these." in board.text()
    assert board.page.get_by_role("button", name="Save general").count() == 0
    board.expected.append("/settings/general/")
    answer = board.context.request.post(
        f"{board.base}/settings/general/",
        form={"csrfmiddlewaretoken": token, "general-platform_name": "Mine"},
        headers={"Referer": board.base},
    )
    assert answer.status == 403
