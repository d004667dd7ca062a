"""Admins: made with a strong password, in at once, deactivated; never the last one."""

from typing import Any

from tests.browser.console import PASSWORD, Copy

Visit = Any


def test_an_admin_is_made_logs_in_and_is_deactivated(copy: Copy, visit: Visit) -> None:
    admin = visit("admin").log_in(copy.admin("chiefadmin"))
    page = admin.page
    admin.go("/admins/")
    admin.check()
    admin.shoot("admin-admins")
    page.get_by_role("link", name="Add Admin").click()
    admin.check()
    page.get_by_role("button", name="Add Admin").click()
    assert "Username is missing." in admin.text()
    page.get_by_label("Username").fill("newadmin")
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Add Admin").click()
    page.locator(".fault").first.wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Add Admin").click()
    page.locator(".note.is-ok").wait_for()
    assert "Admin newadmin can log in now." in admin.text()
    other = visit("admin").log_in("newadmin", PASSWORD)
    other.go("/users/")
    assert "/users/" in other.page.url, "no change of the password is asked for"

    page.get_by_role("link", name="newadmin").click()
    admin.check()
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("button", name="Deactivate newadmin").click()
    page.locator(".note.is-ok").wait_for()
    other.go("/users/")
    assert "/login/" in other.page.url
    said = copy.platform.cpaas("audit", "list", "--actor", "admin:chiefadmin")["entries"]
    assert {one["action"] for one in said if one["table"] == "app_user"} >= {"insert", "update"}
    copy.sql("UPDATE app_user SET is_active = false WHERE role = 'ADMIN' AND username = 'newadmin'")
    admin.expected.append("/admins/999999/")
    assert admin.go("/admins/999999/").status == 404
