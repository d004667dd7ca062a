"""A forgotten password by mail: a link for one hour and one use."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.console import PASSWORD, Copy, Mailbox
from tests.journeys.platform import ROOT, free_offset, until

Visit = Any
NEW = "Another harbour 42 lamps"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture(params=["admin", "portal"])
def console(
    request: pytest.FixtureRequest, copy: Copy, mailbox: Mailbox
) -> Iterator[tuple[str, str]]:
    """A further process of the console, with mail; its name and address."""
    name = str(request.param)
    port = 8087 + free_offset()
    environment = copy.platform.environment | {
        f"CPAAS_{name.upper()}_PORT": str(port),
        "CPAAS_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
        "CPAAS_MAIL_FROM": "ops@example.com",
        "PYTHONPATH": str(ROOT / "src"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cpaas", "serve", f"cpaas-{name}"],
        env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    until(lambda: _up(url), 60)
    yield name, url
    process.terminate()
    process.wait(30)


def _up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=60) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_a_link_sets_a_new_password_once(
    copy: Copy, visit: Visit, mailbox: Mailbox, console: tuple[str, str]
) -> None:
    name, url = console
    person = f"forgot{name}"
    copy.admin(person) if name == "admin" else copy.customer(person)
    copy.sql(f"UPDATE app_user SET email = '{person}@example.com' WHERE username = '{person}'")
    visitor = visit(name)
    visitor.base, visitor.visited = url, (url,)
    open_session = visit(name).log_in(person)

    def ask(who: str) -> None:
        visitor.go("/forgotten/")
        visitor.page.get_by_label("Username or email").fill(who)
        visitor.page.get_by_role("button", name="Send the link").click()
        assert "If we know this name or address" in visitor.text()

    ask("nobody@example.com")
    ask(f"{person}@example.com")
    letter = until(lambda: mailbox.letters and mailbox.letters[0])
    assert f"To: {person}@example.com" in letter
    assert "From: ops@example.com" in letter
    link = re.search(r"/forgotten/\S+/", letter.replace("=\r\n", "").replace("=3A", ":"))
    assert link is not None
    visitor.go(link[0])
    visitor.check(axe=False)
    visitor.page.get_by_label("New password", exact=True).fill(NEW)
    visitor.page.get_by_label("New password again").fill(NEW)
    visitor.page.get_by_role("button", name="Set the password").click()
    assert "Password changed. Log in with it." in visitor.text()
    assert len(mailbox.letters) == 1

    visitor.go(link[0])
    assert "This link is over" in visitor.text()
    visitor.go("/forgotten/nonsense/")
    assert "This link is over" in visitor.text()
    open_session.go("/dashboard/")
    assert "/login/" in open_session.page.url
    assert "wrong" in visitor.log_in(person, PASSWORD).text()
    assert "/dashboard/" in visitor.log_in(person, NEW).page.url
