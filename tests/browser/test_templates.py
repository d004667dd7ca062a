"""Templates: written on the portal, decided on the dashboard, used; both consoles, one life."""

import json
from typing import Any

from tests.browser.console import Copy
from tests.insights.ollama_server import ollama

Visit = Any


def test_a_template_from_the_first_word_to_approval(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    user = visit("portal").log_in(customer["username"])
    page = user.page
    user.go("/templates/")
    assert "No templates yet" in user.text()
    user.check()
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name").fill("otp")
    page.locator("#id_body").fill("Your code is {{code}}.")
    page.get_by_label("Examples").fill("code = 4821")
    handset = page.locator("#preview")
    handset.get_by_text("Your code is 4821.").wait_for()
    assert "18 characters, 1 segment" in handset.inner_text()
    assert not page.get_by_label("Footer").is_visible()
    user.check()
    user.shoot("portal-template")
    page.get_by_role("button", name="Submit template").click()
    page.wait_for_load_state("load")
    assert "Template otp is approved. You can use it now." in user.text()
    assert "version 1 is in use" in user.text()

    user.go("/templates/add/")
    page.get_by_label("Channel and type").select_option("whatsapp:media")
    page.get_by_label("Name").fill("order_update")
    page.get_by_label("Category").select_option("UTILITY")
    page.locator("#id_media_kind").select_option("image")
    page.get_by_label("Media URL").fill("https://10.0.0.1/a.png")
    page.locator("#id_body").fill("Order {{no}} is on its way {{name")
    handset.get_by_text("belongs to no variable").wait_for()
    page.get_by_role("button", name="Save draft").click()
    page.wait_for_load_state("load")
    assert "belongs to no variable" in page.locator(".fault").inner_text()
    page.locator("#id_body").fill("Order {{no}} is on its way to you.")
    page.get_by_label("Buttons").fill("Track | https://example.com/t/{{no}}\nThanks")
    page.get_by_label("Examples").fill("no = 17")
    handset.get_by_text("Order 17 is on its way to you.").wait_for()
    page.get_by_role("button", name="Submit template").click()
    page.wait_for_load_state("load")
    assert "Template order_update submitted." in user.text()
    user.check()

    name = "templateadmin"
    copy.admin(name)
    admin = visit("admin").log_in(name)
    review = admin.page
    admin.go("/templates/?status=PENDING")
    admin.check()
    admin.shoot("admin-templates")
    review.get_by_role("link", name="order_update").click()
    review.wait_for_load_state("load")
    review.get_by_role("button", name="Check media").click()
    review.get_by_text("not on the public internet").wait_for()
    admin.check()
    admin.shoot("admin-template")
    review.get_by_label("Reason").fill("  ")
    review.get_by_role("button", name="Reject").click()
    review.wait_for_load_state("load")
    assert "Reason is missing." in admin.text()
    review.get_by_label("Reason").fill("The picture cannot be fetched.")
    review.get_by_role("button", name="Reject").click()
    review.wait_for_load_state("load")
    assert "Template order_update rejected." in admin.text()

    page.reload()
    assert "REJECTED" in user.text()
    assert "The picture cannot be fetched." in user.text()
    page.get_by_role("link", name="Edit and resubmit").click()
    page.wait_for_load_state("load")
    assert page.get_by_label("Buttons").input_value().startswith("Track | https://")
    page.get_by_role("button", name="Submit template").click()
    page.wait_for_load_state("load")
    assert "version 2" in user.text()

    review.reload()
    review.get_by_role("button", name="Approve").click()
    review.wait_for_load_state("load")
    assert "Template order_update approved. It goes to the carrier" in admin.text()
    review.get_by_role("button", name="Hand over now").click()
    review.wait_for_load_state("load")
    assert "Template order_update is handed over to its carrier now." in admin.text()
    review.get_by_text("Enter what the carrier's portal says").click()
    review.get_by_label("Carrier id").fill("7731")
    review.get_by_role("button", name="Enter", exact=True).click()
    review.wait_for_load_state("load")
    assert "Template order_update is approved with its carrier." in admin.text()
    assert "approved · 7731" in admin.text()
    admin.check()
    page.reload()
    assert "APPROVED" in user.text()
    steps = page.locator(".plain-list li b").all_inner_texts()
    assert steps[:3] == ["Approved by the carrier", "Approved", "Submitted for review"]
    page.get_by_role("button", name="Delete").click()
    page.locator("#confirm").get_by_role("button", name="Delete template").click()
    page.wait_for_load_state("load")
    assert "Template order_update deleted." in user.text()


def test_ai_assist_drafts_and_the_person_decides(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    user = visit("portal").log_in(customer["username"])
    page = user.page
    user.go("/templates/add/")
    page.get_by_label("AI Assist").fill("tell them their code")
    said = {"body": "Your code is {{code}}.", "examples": {"code": "4821"}}
    with ollama(lambda _: json.dumps(said), port=copy.platform.offset + 4434):
        page.get_by_role("button", name="Draft a text").click()
        page.get_by_role("button", name="Use this text").wait_for()
    user.check()
    user.shoot("portal-template-assist")
    assert page.locator("#id_body").input_value() == "", "the person decides"
    page.get_by_role("button", name="Use this text").click()
    page.locator("#preview").get_by_text("Your code is 4821.").wait_for()
    assert page.locator("#id_body").input_value() == said["body"]
    assert page.get_by_label("Examples").input_value() == "code = 4821"
    page.get_by_role("button", name="Draft a text").click()
    page.get_by_text("cannot be reached now. You can write the text yourself.").wait_for()
    page.get_by_label("Name").fill("assisted")
    page.get_by_role("button", name="Submit template").click()
    page.wait_for_load_state("load")
    assert "Template assisted is approved." in user.text()
