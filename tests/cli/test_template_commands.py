"""`cpaas template`, run as a person runs it."""

import json
from pathlib import Path

from tests.cli.test_commands import Run, run

__all__ = ["run"]
ORDER = {
    "type": "text", "category": "UTILITY",
    "content": {"body": "Order {{no}} is here.", "examples": {"no": "17"}},
}  # fmt: skip


def test_from_draft_to_both_verdicts(run: Run, tmp_path: Path) -> None:
    run("account", "create", "acme")
    body = "Your code is {{code}}."
    made = run("template", "create", "otp", "--account", "acme", "--body", body, "--submit")
    assert (made["status"], made["live_version"]) == ("APPROVED", 1)
    again = run("template", "create", "otp", "--account", "acme", "--body", body, code=1)
    assert "already" in again["error"]
    file = tmp_path / "order.json"
    file.write_text(json.dumps(ORDER))
    whatsapp = ("--account", "acme", "--channel", "whatsapp", "--file", str(file))
    order = run("template", "create", "order", *whatsapp)
    one = str(order["id"])
    assert order["version"]["variables"] == ["no"]
    assert "submit it first" in run("template", "approve", one, code=1)["todo"]
    assert run("template", "submit", one)["status"] == "PENDING"
    assert run("template", "list", "--status", "pending")["templates"][0]["id"] == order["id"]
    approved = run("template", "approve", one)
    assert (approved["status"], approved["live_version"]) == ("APPROVED", 0)
    assert run("template", "carrier", one, "--status", "fine", code=1)["todo"].startswith("use one")
    told = run("template", "carrier", one, "--status", "approved", "--carrier-id", "77")
    assert (told["live_version"], told["version"]["carrier_id"]) == (1, "77")
    assert "reason" in run("template", "reject", one, "--reason", " ", code=1)["error"]
    refused = run("template", "reject", one, "--reason", "Too loud")
    assert (refused["status"], refused["version"]["reason"]) == ("REJECTED", "Too loud")
    steps = [event["kind"] for event in run("template", "show", one)["history"]]
    assert steps == ["rejected", "carrier_approved", "approved", "submitted", "created"]
    assert run("template", "delete", one)["deleted"]
    assert "list them" in run("template", "show", one, code=1)["todo"]
    file.write_text("{")
    assert "cannot be read" in run("template", "create", "x", *whatsapp, code=1)["error"]
