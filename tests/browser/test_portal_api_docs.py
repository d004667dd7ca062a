"""API docs and Channel Identities: the samples are run as they stand, with the account's key."""

import re
import shutil
import subprocess
import sys
from typing import Any

from tests.browser.console import Copy

Visit = Any


def run(language: str, sample: str, key: str) -> str:
    """Runs a sample as a person would, with the key in place of its beginning."""
    text = re.sub(r"test_\w*…", key, sample)
    commands = {
        "curl": ["sh", "-c", text],
        "python": [sys.executable, "-c", text],
        "javascript": ["node", "--input-type=module", "-e", text],
    }
    done = subprocess.run(commands[language], capture_output=True, text=True, check=True)
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
    assert "balance" in run(
        "python", page.locator("#python-3").text_content(), customer["test_key"]
    )


def test_identities_that_were_given(copy: Copy, visit: Visit, customer: dict[str, Any]) -> None:
    portal = visit("portal").log_in(customer["username"])
    portal.go("/identities/")
    portal.page.get_by_text("No WhatsApp number and no RCS bot yet").wait_for()
    portal.check()
