"""Every address of a console as Django knows them, so that no test forgets the newest screen."""

import json
import re
import subprocess
import sys

from tests.browser.console import Copy
from tests.journeys.platform import ROOT

#: lists them without serving anything.
LIST = """
import json, os, sys
from importlib import import_module
from cpaas.config import load
from cpaas.consoles.shared import application, runtime
from django.conf import settings
import django
console = import_module(f"cpaas.consoles.{sys.argv[1]}.application").CONSOLE
keyring = type("Keyring", (), {"derive": lambda self, _: b"x"})()
here = runtime.Runtime(
    console=console, settings=load(os.environ), database=None, current=None, keyring=keyring
)
runtime.begin(here)
settings.configure(**application._settings(here))
django.setup()
from django.urls import get_resolver
def walk(patterns, before="", space=""):
    for one in patterns:
        route = before + str(one.pattern)
        if hasattr(one, "url_patterns"):
            yield from walk(one.url_patterns, route, f"{one.namespace}:")
        else:
            open_to_all = bool(getattr(one.callback, "open_to_all", False))
            yield f"{space}{one.name or route}", [f"/{route}", open_to_all]
print(json.dumps(dict(walk(get_resolver().url_patterns))))
"""


def addresses(copy: Copy, console: str) -> dict[str, tuple[str, bool]]:
    """Name -> (route as in Django's `path`, whether it is open without a login)."""
    done = subprocess.run(
        [str(sys.executable), "-c", LIST, console],
        env=copy.platform.environment | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name: (route, is_open) for name, (route, is_open) in json.loads(done.stdout).items()}


def parts(route: str) -> list[str]:
    """The names of what varies in a route."""
    return re.findall(r"<(?:\w+:)?(\w+)>", route)


def filled(route: str, values: dict[str, str]) -> str:
    """The address with these values; KeyError for a part that none is known for."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match[1]], route)
