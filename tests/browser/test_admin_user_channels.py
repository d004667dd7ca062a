"""User Channels: a WABA number and an RCS bot are added and given to a user; tokens stay secret."""

from typing import Any

from tests.browser.console import Copy

Visit = Any
TOKEN = "EAAGsecrettoken42"


def test_an_identity_is_added_given_and_taken(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    copy.sql(
        "INSERT INTO route (name, channel, dialect) VALUES ('uc_wa', 'whatsapp', 'cloud')"
        " ON CONFLICT DO NOTHING"
    )
    copy.admin("channeladmin")
    admin = visit("admin").log_in("channeladmin")
    page = admin.page
    admin.go("/user-channels/add/")
    assert not page.get_by_label("Bot id").is_visible()
    page.get_by_label("Number or bot name").fill("12")
    page.get_by_label("Route").select_option("uc_wa")
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state("load")
    assert "is no WhatsApp number" in admin.text()
    number = f"+9198{customer['id']:08d}"
    page.get_by_label("Number or bot name").fill(number)
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state("load")
    assert "hone_number_id, waba_id of the whatsapp identity is missing" in admin.text()
    page.get_by_label("Phone number id").fill("1062")
    page.get_by_label("WABA id").fill("1071")
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_label("App secret").fill("appsecret")
    admin.check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state("load")
    assert f"{number} added. Give it to a user now." in admin.text()
    assert TOKEN not in page.content()
    assert "One is kept, encrypted." in admin.text()
    page.get_by_label("Account").fill("nobody")
    page.get_by_role("button", name="Give it to this user").click()
    page.wait_for_load_state("load")
    assert "There is no account 'nobody'" in admin.text()
    page.get_by_label("Account").fill(customer["name"])
    page.get_by_label("Its usual sender").check()
    page.get_by_role("button", name="Give it to this user").click()
    page.wait_for_load_state("load")
    assert f"{customer['name']} may send from {number}." in admin.text()
    page.get_by_label("Name for people").fill("Shop")
    page.get_by_role("button", name="Save").click()
    page.wait_for_load_state("load")
    assert f"{number} saved." in admin.text()
    admin.check()
    admin.shoot("admin-user-channel")
    admin.go("/user-channels/")
    assert customer["name"] in admin.text()
    admin.check()
    admin.shoot("admin-user-channels")
    page.get_by_role("link", name=number).click()
    page.wait_for_load_state("load")
    page.get_by_role("button", name=f"Take back from {customer['name']}").click()
    page.wait_for_load_state("load")
    assert f"{customer['name']} no longer sends from {number}." in admin.text()
