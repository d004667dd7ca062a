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
    page.get_by_role("link", name="Add Route").click()
    for tab in (
        "Gateway",
        "Credentials",
        "Binds and limits",
        "The carrier's accent",
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
    assert shown not in page.content()
    page.get_by_role("button", name="Show address").click()
    page.wait_for_load_state("load")
    assert shown in admin.text()
    admin.check()
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


def test_a_route_of_calls_over_a_trunk(copy: Copy, visit: Visit) -> None:
    copy.admin("trunkadmin")
    admin = visit("admin").log_in("trunkadmin")
    page = admin.page
    admin.go("/routes/add/")
    page.get_by_label("Route name").fill("trunk7")
    assert not page.get_by_label("Voice by").is_visible()
    page.get_by_label("Channel").select_option(label="Voice")
    assert not page.get_by_label("SMS protocol").is_visible()
    page.get_by_label("Voice by").select_option(label="SIP trunk")
    assert page.get_by_role("tab", name="SIP trunk").is_visible()
    assert not page.get_by_role("tab", name="DLT").is_visible()
    assert not page.get_by_label("Bind", exact=True).is_visible()
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "Route trunk7 does not say where the trunk is: give its host" in admin.text()
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "has no system id" in admin.text()
    page.get_by_role("tab", name="Credentials").click()
    page.get_by_label("System ID").fill("trunkuser@example")
    page.get_by_role("tab", name="SIP trunk").click()
    page.locator("#id_sip_ring_seconds").fill("3")
    page.get_by_label("Domain").fill("not a domain")
    admin.check()
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "greater than or equal to 5" in admin.text()
    assert "Only letters, digits" in page.locator("#id_sip_domain_error").inner_text()
    page.locator("#id_sip_ring_seconds").fill("30")
    page.get_by_label("Domain").fill("example.net")
    page.get_by_label("Signalling over").select_option("tcp")
    page.get_by_label("Encrypted sound (SRTP)").select_option("require")
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "srtp needs the transport tls" in page.locator("#id_sip_srtp_error").inner_text()
    page.get_by_label("Encrypted sound (SRTP)").select_option("off")
    page.get_by_label("Codecs").select_option("pcmu")
    page.get_by_role("tab", name="Credentials").click()
    page.get_by_label("Password").fill("s3cretpw")
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "Route trunk7 added." in admin.text()
    assert "s3cretpw" not in page.content()
    page.get_by_role("tab", name="Credentials").click()
    assert "One is kept, encrypted" in admin.text()
    assert page.get_by_label("Port").input_value() == "5060"
    page.get_by_role("tab", name="SIP trunk").click()
    assert page.get_by_label("Domain").input_value() == "example.net"
    assert page.get_by_label("Codecs").input_value() == "pcmu"
    assert page.locator("#id_sip_ring_seconds").input_value() == "30"
    admin.check()
    admin.shoot("admin-route-trunk")
    page.get_by_label("Domain").fill("")
    page.get_by_role("button", name="Save trunk7").click()
    page.wait_for_load_state("load")
    assert "Route trunk7 saved." in admin.text()
    copy.platform.cpaas("route", "delete", "trunk7")


def test_a_route_of_calls_by_an_api_is_tested(copy: Copy, visit: Visit) -> None:
    copy.admin("callsadmin")
    admin = visit("admin").log_in("callsadmin")
    page = admin.page
    admin.go("/routes/add/")
    page.get_by_label("Route name").fill("calls7")
    page.get_by_label("Channel").select_option(label="Voice")
    page.get_by_label("Voice by").select_option(label="Calls API")
    assert not page.get_by_label("Host").is_visible()
    page.get_by_role("tab", name="Credentials").click()
    page.get_by_label("System ID").fill("AC0123456789abcdef0123456789abcdef")
    page.get_by_role("tab", name="Calls API").click()
    page.locator("#id_calls_base_url").fill("ftp://example.net")
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "Write it whole" in page.locator("#id_calls_base_url_error").inner_text()
    address = f"http://127.0.0.1:{8096 + copy.platform.offset}"
    page.locator("#id_calls_base_url").fill(address)
    page.get_by_role("tab", name="Credentials").click()
    page.get_by_label("Password").fill("token")
    page.get_by_role("button", name="Add Route").click()
    page.wait_for_load_state("load")
    assert "Route calls7 added." in admin.text()
    page.get_by_role("link", name="Test", exact=True).click()
    page.get_by_label("Recipient").fill("+999000000001")
    page.get_by_label("Sender").fill("+911140000000")
    assert "It is spoken to who answers." in admin.text()
    page.get_by_role("button", name="Send test").click()
    page.locator(".badge", has_text="DELIVERED").wait_for(timeout=60_000)
    admin.check()
    copy.platform.cpaas("route", "off", "calls7")
    copy.platform.cpaas("route", "delete", "calls7")


def test_whatsapp_and_rcs_by_clicking_alone(copy: Copy, visit: Visit) -> None:
    copy.admin("richadmin")
    admin = visit("admin").log_in("richadmin")
    page = admin.page
    offset = copy.platform.offset
    hub = f"http://127.0.0.1:{8094 + offset}"
    routes = {
        "wa7": ("whatsapp", {"whatsapp_base_url": f"http://127.0.0.1:{8092 + offset}"}),
        "rcs7": (
            "rcs",
            {
                "rcs_api_url": hub, "rcs_token_url": f"{hub}/oauth2/token",
                "rcs_directory_url": f"{hub}/directory/secure/api/v1",
                "rcs_query": "sendGipLink=false", "rcs_duplicate_statuses": "409, 412",
            },
        ),
    }  # fmt: skip
    for name, (kind, fields) in routes.items():
        admin.go("/routes/add/")
        page.get_by_label("Route name").fill(name)
        page.get_by_label("Channel").select_option(kind)
        page.get_by_role("tab", name="Cloud API" if kind == "whatsapp" else "RCS hub").click()
        for field, value in fields.items():
            page.locator(f"#id_{field}").fill(value)
        admin.check(axe=False)
        page.get_by_role("button", name="Add Route").click()
        page.wait_for_load_state("load")
        assert f"Route {name} added." in admin.text()
        # Saved again as it is shown, it stays the same.
        page.get_by_role("button", name=f"Save {name}").click()
        page.wait_for_load_state("load")
        assert f"Route {name} saved." in admin.text()
        for field, value in fields.items():
            assert page.locator(f"#id_{field}").input_value() == value
    identities = {
        "wa7": ("whatsapp", "+15550007777", {
            "phone_number_id": "1000001", "waba_id": "2000001", "access_token": "sandbox-token",
            "app_secret": "sandbox-secret", "daily_limit": "1000",
        }),
        "rcs7": ("rcs", "clicked_bot", {
            "bot_id": "ClickedBot0000001", "client_secret": "s", "tps": "20",
            "directory_client_id": "c2FuZGJveEBleGFtcGxlLm5ldA==", "directory_client_secret": "s",
        }),
    }  # fmt: skip
    for route, (channel, value, fields) in identities.items():
        admin.go("/user-channels/add/")
        page.get_by_label("Channel").select_option(channel)
        page.get_by_label("Number or bot name").fill(value)
        page.get_by_label("Route").select_option(route)
        for field, entered in fields.items():
            page.locator(f"#id_{channel}_{field}").fill(entered)
        page.get_by_role("button", name="Save").click()
        page.wait_for_load_state("load")
        assert f"{value} added." in admin.text()
    admin.go("/routes/rcs7/test/")
    assert page.get_by_label("Sender").input_value() == "clicked_bot"
    page.get_by_label("Recipient").fill("+919876543210")
    page.get_by_role("button", name="Send test").click()
    page.locator(".badge", has_text="SUBMITTED").or_(
        page.locator(".badge", has_text="DELIVERED")
    ).first.wait_for(timeout=60_000)
