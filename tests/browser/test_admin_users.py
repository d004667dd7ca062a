"""Users: a customer is added, edited in every section of the guide, credited, and can then send."""

import re
from typing import Any

from tests.browser.console import PASSWORD, Copy

Visit = Any
SECTIONS = (
    "Basic Info", "API Credentials", "DLR Webhook", "Channel Enablement", "SMS Compliance",
    "Route Assignment", "Pricing", "Balance", "Limits",
)  # fmt: skip


def secret(visitor: Any, name: str) -> str:
    """A value of the page that shows secrets once."""
    line = visitor.page.locator(".secret", has_text=name)
    return str(line.locator("code").inner_text())


def test_a_customer_from_add_to_the_first_message(copy: Copy, visit: Visit) -> None:
    copy.admin("useradmin")
    admin = visit("admin").log_in("useradmin")
    page = admin.page
    admin.go("/users/")
    page.get_by_role("link", name="Add User").click()
    admin.check()
    page.get_by_label("Username").fill("not a name")
    page.get_by_role("button", name="Add User").click()
    assert "is no username" in admin.text()
    page.get_by_label("Username").fill("bharat")
    page.get_by_label("Email").fill("bharat@example.com")
    page.get_by_label("Phone").fill("+919876543210")
    assert page.get_by_label("Role").input_value() == "USER"
    page.get_by_role("button", name="Add User").click()
    assert "User bharat is active" in admin.text()
    admin.check()
    temporary, key = secret(admin, "Temporary password"), secret(admin, "API key")
    assert re.fullmatch(r"live_\w{43}", key)
    page.get_by_role("link", name="Done").click()
    assert key not in page.content()

    for section in SECTIONS:
        page.get_by_role("tab", name=section, exact=True).click()
        admin.check(axe=section in ("API Credentials", "Pricing"))
    admin.shoot("admin-user-limits")
    page.get_by_role("tab", name="Basic Info").click()
    page.get_by_label("Whitelisted IPs").fill("127.0.0.1\nnonsense")
    page.get_by_role("button", name="Save bharat").click()
    assert "'nonsense' is no IP address" in admin.text()
    page.get_by_label("Whitelisted IPs").fill("127.0.0.1\n10.1.2.0/24")
    page.get_by_role("tab", name="SMS Compliance").click()
    page.get_by_label("DLT check").select_option("off")
    page.get_by_role("tab", name="Pricing").click()
    page.get_by_label("SMS price per segment").fill("0.25")
    page.get_by_label("UIC (utility)").fill("0.5")
    page.get_by_role("tab", name="Route Assignment").click()
    page.get_by_label("SMS route").select_option("smpp1")
    page.get_by_role("tab", name="Channel Enablement").click()
    page.get_by_label("Voice", exact=True).uncheck()
    page.get_by_role("tab", name="Limits").click()
    page.get_by_label("Messages per second").fill("50")
    page.get_by_label("Countries").fill("in, us")
    page.get_by_role("button", name="Save bharat").click()
    assert "bharat saved. It is in force now." in admin.text()
    page.get_by_role("tab", name="Pricing").click()
    assert page.get_by_label("SMS price per segment").input_value() == "0.2500"

    page.get_by_role("tab", name="Balance").click()
    page.get_by_label("Amount").fill("20")
    page.get_by_label("Note").fill("first invoice")
    page.get_by_role("button", name="Credit").click()
    assert "₹20.0000 added to bharat. The balance is ₹20.0000 now." in admin.text()
    page.get_by_label("Amount").fill("5")
    page.get_by_role("button", name="Debit").click()
    assert "stands in the ledger" in admin.text()
    page.locator("#confirm").get_by_role("button", name="Debit").click()
    page.wait_for_load_state("load")
    assert "a debit needs a reason" in admin.text().lower()

    platform = copy.platform
    platform.cpaas(
        "sender", "create", "BHARAT", "--account", "bharat", "--channel", "sms", "--approve"
    )
    sent = platform.send(key, to="+919876543210", text="Hello", **{"from": "BHARAT"})
    assert sent["price"] == "0.2500"
    assert platform.becomes(key, sent["id"], "DELIVERED")["status"] == "DELIVERED"
    assert platform.call(
        "POST", "/v1/messages", {"channel": "voice", "to": "+919876543210", "text": "x"}, key=key
    )[0] in (403, 422)

    portal = visit("portal").log_in("bharat", temporary)
    assert "temporary password" in portal.text()


def test_a_key_is_regenerated_after_asking(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    copy.admin("keyadmin")
    admin = visit("admin").log_in("keyadmin")
    page = admin.page
    admin.go(f"/users/?q={customer['name']}")
    admin.check()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("tab", name="API Credentials").click()
    page.get_by_role("button", name="Regenerate API key").click()
    assert "stop working within a second" in admin.text()
    admin.shoot("admin-confirm")
    page.get_by_role("button", name="Keep the key").click()
    assert copy.platform.call("GET", "/v1/balance", key=customer["api_key"])[0] == 200
    page.get_by_role("button", name="Regenerate API key").click()
    page.get_by_role("button", name="Regenerate", exact=True).click()
    page.wait_for_load_state("load")
    new = secret(admin, "Live key")
    platform = copy.platform

    def in_force() -> bool:
        old, now = (
            platform.call("GET", "/v1/balance", key=k)[0] for k in (customer["api_key"], new)
        )
        return (old, now) == (401, 200)

    from tests.journeys.platform import until

    until(in_force)
    entries = platform.cpaas("audit", "list", "--table", "api_key", "--actor", "admin:keyadmin")
    assert {one["action"] for one in entries["entries"]} == {"insert", "update"}


def test_the_table_is_searched_filtered_and_kept_as_a_view(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    copy.admin("listadmin")
    # Long names and a large balance must not push the row's button out of sight.
    copy.platform.cpaas(
        "account", "create", "a-company-with-a-rather-long-name-limited", "--username",
        "somebody.with.a.long.name.at.work", "--email", "somebody.with.a.long.name@example.com",
        "--credit", "99999999",
    )  # fmt: skip
    admin = visit("admin").log_in("listadmin")
    page = admin.page
    admin.go("/users/")
    admin.check()
    page.get_by_label("Search").fill("nobody-at-all")
    page.get_by_role("button", name="Apply").click()
    assert "Nothing fits these filters" in admin.text()
    assert "Search: nobody-at-all" in admin.text()
    page.get_by_role("link", name="Reset").last.click()
    page.get_by_label("Search").fill(customer["name"][:6])
    page.get_by_label("Status").select_option("active")
    page.wait_for_url("**status=active**")
    page.locator("summary", has_text="Views").click()
    page.get_by_placeholder("Save these filters as …").fill("Mine")
    page.get_by_role("button", name="Save", exact=True).click()
    assert "View “Mine” saved." in admin.text()
    admin.go("/users/")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("link", name="Mine").click()
    assert customer["name"] in admin.text()
    page.locator("summary", has_text="Views").click()
    page.get_by_label("Forget the view Mine").click()
    assert "Mine" not in page.locator(".views").inner_text()


def test_an_admin_may_be_added_here_too(copy: Copy, visit: Visit) -> None:
    copy.admin("firstadmin")
    admin = visit("admin").log_in("firstadmin")
    admin.go("/users/add/")
    admin.page.get_by_label("Username").fill("secondadmin")
    admin.page.get_by_label("Temporary password").fill(PASSWORD)
    admin.page.get_by_label("Role").select_option("ADMIN")
    admin.page.get_by_role("button", name="Add User").click()
    assert "Admin secondadmin is active" in admin.text()
    assert "/dashboard/" in visit("admin").log_in("secondadmin").page.url
