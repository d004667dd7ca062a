"""What one account can reach of another's: nothing, at any address of the portal, in any role."""

import json
import re
import subprocess
import sys
from typing import Any

from tests.browser.console import Copy
from tests.journeys.platform import ROOT

Visit = Any
#: lists the portal's addresses as Django knows them, without serving anything.
LIST_URLS = """
import json, os
from cpaas.config import load
from cpaas.consoles.portal.application import CONSOLE
from cpaas.consoles.shared import application, runtime
from django.conf import settings
import django
here = runtime.Runtime(
    console=CONSOLE, settings=load(os.environ), database=None, current=None, keyring=KEYRING
)
runtime.begin(here)
settings.configure(**application._settings(here))
django.setup()
from django.urls import get_resolver
def walk(patterns, before=""):
    for one in patterns:
        route = before + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from walk(one.url_patterns, route)
        else:
            yield "/" + route
print(json.dumps(sorted(walk(get_resolver().url_patterns))))
""".replace("KEYRING", "type('K', (), {'derive': lambda self, _: b'x'})()")
OPEN = (
    "/logo",
    "/health",
    "/metrics",
    "/favicon.ico",
    "/login",
    "/forgotten",
    "/settings/invitation/",
)


def portal_urls(copy: Copy) -> list[str]:
    """Every address of the portal."""
    done = subprocess.run(
        [str(sys.executable), "-c", LIST_URLS],
        env=copy.platform.environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return list(json.loads(done.stdout))


def filled(route: str, ids: dict[str, str]) -> str:
    """The address with another account's ids in it."""
    return re.sub(r"<(\w+:)?(\w+)>", lambda m: ids.get(m[1] or "", ids["str:"]), route)


def test_every_address_with_anothers_ids_and_with_none(copy: Copy, visit: Visit) -> None:
    ours, theirs = copy.customer("tenanta"), copy.customer("tenantb")
    platform = copy.platform
    platform.cpaas(
        "sender", "create", "THEIRS", "--account", "tenantb", "--channel", "sms", "--approve"
    )
    sent = platform.send(theirs["api_key"], to="+919777000111", text="for tenantb only, 7731")
    platform.becomes(theirs["api_key"], sent["id"], "DELIVERED", "SUBMITTED")
    ids = {"uuid:": sent["id"], "int:": str(theirs["id"]), "str:": "tenantb", "slug:": "tenantb"}
    marks = ("7731", "919777000111", "tenantb only", theirs["api_key"][:9])
    visitor = visit("portal").log_in(ours["username"])
    visitor.expected.append(".*")
    nobody = visit("portal")
    nobody.expected.append(".*")
    tried = 0
    for route in portal_urls(copy):
        for address in {filled(route, ids), filled(route, ids | {"int:": "999999", "str:": "x"})}:
            if address == "/logout/":
                continue
            tried += 1
            token = {"X-CSRFToken": "none"}
            got = visitor.context.request.get(visitor.base + address)
            posted = visitor.context.request.post(visitor.base + address, headers=token, form={})
            for answer in (got, posted):
                assert answer.status < 500, address
                assert not any(mark in answer.text() for mark in marks), address
            if not address.startswith(OPEN):
                closed = nobody.context.request.get(visitor.base + address, max_redirects=0)
                assert closed.status in (302, 204), (address, closed.status)
                assert "/login/" in closed.headers.get("location", ""), address
    assert tried > 15


def test_a_viewer_opens_only_what_the_role_allows(copy: Copy, visit: Visit) -> None:
    copy.customer("roleowner")
    copy.sql("UPDATE app_user SET member_role = 'viewer' WHERE username = 'roleowner'")
    viewer = visit("portal").log_in("roleowner")
    assert "Dashboard" in viewer.page.title()
    assert viewer.page.locator(".chip-balance").count() == 0
