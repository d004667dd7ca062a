"""Settings & API Keys: secrets shown once, the old ones dead; the webhook, addresses, team."""

import urllib.error
import urllib.request
from typing import Any

from tests.browser.console import PASSWORD, Copy
from tests.journeys.platform import until

Visit = Any


def status(copy: Copy, key: str) -> int:
    request = urllib.request.Request(
        f"{copy.url('core')}/v1/balance", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_key_is_shown_once_and_the_old_one_dies(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/settings/")
    portal.check()
    assert customer["api_key"] not in portal.text()
    page.get_by_role("button", name="Regenerate live key").click()
    assert "stops working within a second" in page.get_by_role("dialog").inner_text()
    page.get_by_role("button", name="Regenerate key").click()
    key = page.locator("#new-key").inner_text()
    assert key.startswith("live_")
    portal.check()
    portal.shoot("portal-settings-new-key")
    until(lambda: status(copy, key) == 200)
    until(lambda: status(copy, customer["api_key"]) == 401)
    portal.go("/settings/")
    assert key not in page.content()


def test_webhook_addresses_smpp_and_team(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/settings/#webhook")
    page.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    page.get_by_role("button", name="Save webhook").click()
    page.locator(".note.is-bad").wait_for()
    assert "cannot be a webhook" in portal.text()
    page.get_by_role("tab", name="Whitelisted IPs").click()
    page.get_by_label("Addresses").fill("not an address")
    page.get_by_role("button", name="Save addresses").click()
    page.locator(".note.is-bad").wait_for()
    page.get_by_label("Addresses").fill("203.0.113.7\n198.51.100.0/24")
    page.get_by_role("button", name="Save addresses").click()
    page.locator(".note.is-ok").wait_for()
    portal.check()
    until(lambda: status(copy, customer["api_key"]) == 403)
    # The portal itself is open from anywhere.
    page.get_by_role("tab", name="SMPP").click()
    assert "No program is bound" in page.locator("[data-panel=smpp]").inner_text()
    page.get_by_role("tab", name="Team").click()
    assert customer["username"] in page.locator("[data-panel=team]").inner_text()
    portal.check()


def test_a_person_is_invited_joins_changes_role_and_is_removed(
    visit: Visit, customer: dict[str, Any]
) -> None:
    portal, name = visit("portal").log_in(customer["username"]), customer["username"]
    page = portal.page
    portal.go("/settings/#team")
    page.get_by_role("button", name=f"Remove {name}").click()
    page.get_by_role("dialog").get_by_role("button", name=f"Remove {name}").click()
    page.locator(".note.is-bad").wait_for()
    assert "is the last owner" in portal.text()

    page.get_by_label("Email", exact=True).fill("devi@shop.example")
    page.get_by_label("Role", exact=True).select_option("developer")
    page.get_by_role("button", name="Invite").click()
    first = page.locator("#new-link").inner_text()
    portal.go("/settings/#team")
    assert first not in page.content()
    portal.check()
    portal.shoot("portal-team")
    page.get_by_role("button", name="Resend to devi@shop.example").click()
    link = page.locator("#new-link").inner_text()

    guest = visit("portal")
    guest.page.goto(first)
    assert "This invitation is over" in guest.text()
    guest.page.goto(link)
    guest.check()
    guest.page.get_by_label("Username").fill(name)
    guest.page.get_by_label("New password", exact=True).fill(PASSWORD)
    guest.page.get_by_label("New password again").fill(PASSWORD)
    guest.page.get_by_role("button", name="Join the team").click()
    assert "is taken" in guest.text()
    guest.page.get_by_label("Username").fill(f"{name}devi")
    guest.page.get_by_label("New password", exact=True).fill(PASSWORD)
    guest.page.get_by_label("New password again").fill(PASSWORD)
    guest.page.get_by_role("button", name="Join the team").click()
    assert "Log in now" in guest.text()
    guest.log_in(f"{name}devi").go("/settings/#team")
    assert guest.page.get_by_role("button", name="Invite").count() == 0
    guest.page.goto(link)
    assert "This invitation is over" in guest.text()

    portal.go("/settings/#team")
    page.get_by_label(f"Role of {name}devi", exact=True).select_option("viewer")
    page.get_by_role("button", name=f"Save the role of {name}devi").click()
    page.locator(".note.is-ok").wait_for()
    guest.expected.append("/settings/")
    assert guest.go("/settings/").status == 403
    page.get_by_role("button", name=f"Remove {name}devi").click()
    page.get_by_role("dialog").get_by_role("button", name=f"Remove {name}devi").click()
    page.locator(".note.is-ok").wait_for()
    guest.go("/dashboard/")
    assert "/login/" in guest.page.url


def test_a_link_to_another_tab_switches_it(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    portal = visit("portal").log_in(customer["username"])
    portal.go("/settings/#webhook")
    portal.page.evaluate("location.hash = '#team'")
    portal.page.locator("[data-panel=team]").wait_for()
    assert not portal.page.locator("[data-panel=webhook]").is_visible()
