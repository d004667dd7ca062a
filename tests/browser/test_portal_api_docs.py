"""API docs and Channel Identities: the samples are run as they stand, with the account's key."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.browser.console import Copy

Visit = Any


def run(language: str, sample: str, key: str, folder: Path | None = None) -> str:
    """Runs a sample as a person would, with the key in place of its beginning."""
    text = re.sub(r"test_\w*…", key, sample)
    commands = {
        "curl": ["sh", "-c", text],
        "python": [sys.executable, "-c", text],
        "javascript": ["node", "--input-type=module", "-e", text],
    }
    done = subprocess.run(
        commands[language], capture_output=True, text=True, check=True, cwd=folder
    )
    return done.stdout


def test_every_sample_works_as_it_stands(
    copy: Copy, visit: Visit, customer: dict[str, Any]
) -> None:
    command, name = copy.platform.cpaas, customer["name"]
    command("sender", "create", "DOCS24", "--account", name, "--channel", "sms", "--approve")
    portal = visit("portal").log_in(customer["username"])
    page = portal.page
    portal.go("/api/")
    portal.check()
    portal.shoot("portal-api-docs")
    samples = {}
    for language, word in (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript")):
        page.get_by_role("tab", name=word).click()
        samples[language] = page.locator(f"#{language}-1").inner_text()
        assert "DOCS24" in samples[language]
    for language, sample in samples.items():
        if language == "python" or shutil.which({"javascript": "node"}.get(language, language)):
            assert "QUEUED" in run(language, sample, customer["test_key"]), language
    balance = page.get_by_label("Read the balance in Python").text_content()
    assert "balance" in run("python", balance, customer["test_key"])


def test_every_channel_and_a_campaign(copy: Copy, visit: Visit, tmp_path: Path) -> None:
    copy.sandbox()
    key = copy.platform.answer["account"]["test_key"]
    portal = visit("portal").log_in("sandbox")
    page = portal.page
    portal.go("/api/#python")
    portal.check()

    def sample(title: str) -> str:
        return str(
            page.locator(f"pre[aria-label^='{title}'][aria-label$='in Python']").inner_text()
        )

    for channel in ("SMS", "WhatsApp", "RCS", "Voice"):
        assert "QUEUED" in run("python", sample(f"Send {channel}"), key), channel
    made = ast.literal_eval(run("python", sample("Make a campaign"), key))
    (tmp_path / "numbers.csv").write_text("phone,name\n+999000000001,Asha\n")
    filled = sample("Give it its file").replace("CAMPAIGN_ID", str(made["id"]))
    assert "WAITING" in run("python", filled, key, tmp_path)


def test_identities_that_were_given(copy: Copy, visit: Visit, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    portal.go("/identities/")
    portal.page.get_by_text("No WhatsApp number and no RCS bot yet").wait_for()
    portal.check()
