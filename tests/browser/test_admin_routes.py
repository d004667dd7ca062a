"""Routes: one is added, refused in words, tested and deleted; its password is never shown."""

from typing import Any

from tests.browser.console import Copy

Visit = Any


def test_a_route_from_add_to_delete(copy: Copy, visit: Visit) -> None:
    copy.admin("routeadmin")
    admin = visit("admin").log_in("routeadmin")
    page = admin.page
    admin.go("/routes/")
    admin.check()
    admin.shoot("admin-routes")
    admin.theme("dark")
    page.wait_for_timeout(200)
    admin.shoot("admin-routes-dark")
    admin.theme("light")
    page.set_viewport_size({"width": 390, "height": 844})
    admin.shoot("admin-routes-phone")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("link", name="Add Route").click()
    for tab in (
        "Gateway",
        "Credentials",
        "Binds and limits",
        "The carrier's accent",
        "HTTP",
        "DLT",
    ):
        page.get_by_role("tab", name=tab).click()
        admin.check(axe=tab == "Gateway")
    page.get_by_role("tab", name="Gateway").click()
    page.get_by_label("Route name").fill("Bad Name")
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(2776 + copy.platform.offset))
    page.get_by_role("button", name="Add Route").click()
    assert "is no route name" in admin.text()
    page.get_by_label("Route name").fill("second")
    page.get_by_role("button", name="Add Route").click()
    assert "has no system id" in admin.text()
    page.get_by_label("System ID").fill("me")
    page.get_by_label("Password").fill("s3cretpw")
    page.get_by_role("tab", name="Binds and limits").click()
    page.get_by_label("Cost per unit").fill("0.08")
    page.get_by_role("tab", name="DLT").click()
    page.get_by_label("DLT tag: PE ID").fill("0x1500")
    page.get_by_role("button", name="Add Route").click()
    assert "Route second added. Its queue is submit_second" in admin.text()
    assert "s3cretpw" not in page.content()
    page.get_by_role("tab", name="Credentials").click()
    assert "One is kept, encrypted" in admin.text()
    page.get_by_role("tab", name="DLT").click()
    assert page.get_by_label("DLT tag: PE ID").input_value() == "0x1500"
    admin.shoot("admin-route")

    page.get_by_role("link", name="Test", exact=True).click()
    admin.check()
    page.get_by_label("Recipient").fill("12")
    page.get_by_role("button", name="Send test").click()
    assert "too short" in admin.text()
    page.get_by_label("Recipient").fill("+919876543210")
    page.get_by_role("button", name="Send test").click()
    page.locator(".badge", has_text="DELIVERED").wait_for(timeout=30_000)
    assert "Written on second." in admin.text()
    admin.check()
    admin.shoot("admin-route-test")
    rows = copy.platform.cpaas("account", "list")["accounts"]
    assert all(one["name"] for one in rows)

    admin.go("/routes/second/")
    page.get_by_role("button", name="Switch off").click()
    page.locator("#confirm").get_by_role("button", name="Switch off").click()
    page.wait_for_load_state("load")
    assert "Route second is off" in admin.text()
    admin.go("/routes/second/test/")
    page.get_by_label("Recipient").fill("+919876543210")
    page.get_by_role("button", name="Send test").click()
    assert "Route second is off. Switch it on" in admin.text()
    admin.go("/routes/second/")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete second").click()
    page.wait_for_load_state("load")
    assert "Route second deleted." in admin.text()
    said = copy.platform.cpaas("audit", "list", "--table", "route", "--actor", "admin:routeadmin")
    assert "s3cretpw" not in str(said)
    assert {one["action"] for one in said["entries"]} == {"insert", "update", "delete"}


def test_a_route_over_http(copy: Copy, visit: Visit) -> None:
    copy.admin("httpadmin")
    admin = visit("admin").log_in("httpadmin")
    page = admin.page
    admin.go("/routes/add/")
    page.get_by_label("Route name").fill("web")
    page.get_by_label("SMS protocol").select_option("template")
    page.get_by_role("tab", name="HTTP").click()
    field = page.get_by_label("Settings of an HTTP route")
    field.fill('{"url": "http://127.0.0.1:9/{nobody}"}')
    page.get_by_role("button", name="Add Route").click()
    assert "no placeholder {nobody}" in admin.text()
    field.fill('{"url": "http://127.0.0.1:9/{to}"}')
    page.get_by_role("button", name="Add Route").click()
    assert "Route web added." in admin.text()
    page.get_by_role("tab", name="HTTP").click()
    assert "127.0.0.1:9/{to}" in field.input_value()
    admin.check()
    assert page.get_by_role("tab", name="DLT").count() == 0
    page.get_by_role("tab", name="Credentials").click()
    page.get_by_label("Password").fill("a longer one than SMPP allows")
    page.get_by_role("button", name="Save web").click()
    assert "Route web saved." in admin.text()
    shown = copy.platform.cpaas("route", "callback", "web")["url"]
    assert "/callbacks/sms/web/" in shown
    assert copy.platform.cpaas("route", "callback", "web", "--renew")["url"] != shown
    copy.platform.cpaas("route", "delete", "web")


def test_a_route_in_use_is_not_deleted(copy: Copy, visit: Visit) -> None:
    copy.admin("useadmin")
    admin = visit("admin").log_in("useadmin")
    admin.go("/routes/smpp1/")
    admin.check()
    admin.page.get_by_role("button", name="Delete").click()
    admin.page.get_by_role("button", name="Delete smpp1").click()
    admin.page.wait_for_load_state("load")
    assert "Not deleted." in admin.text()
    admin.expected.append("/routes/nothing/")
    assert admin.go("/routes/nothing/").status == 404
    assert "There is no such route." in admin.text()
