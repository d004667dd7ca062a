"""Copies of the platform, shared by the tests of a module."""

from collections.abc import Iterator

import pytest
from tests.journeys.platform import Platform


@pytest.fixture(scope="module")
def channels() -> str:
    """What the copies of a module run; a module that needs more says so by a fixture of its own."""
    return "sms"


@pytest.fixture(scope="module")
def sandbox(postgres: str, channels: str) -> Iterator[Platform]:
    """A copy with the sandbox on."""
    platform = Platform(CPAAS_CHANNELS=channels)
    try:
        platform.lay_database()
        platform.up()
        yield platform
    finally:
        platform.down()


@pytest.fixture(scope="module")
def bare(postgres: str) -> Iterator[Platform]:
    """A copy without the sandbox, and an account `acme` with money, price and sender."""
    platform = Platform(CPAAS_SANDBOX="off")
    try:
        platform.lay_database()
        platform.up()
        made = platform.cpaas("account", "create", "acme", "--username", "acme", "--credit", "1000")
        platform.cpaas("price", "set", "--account", "acme", "--channel", "sms", "0.12")
        platform.cpaas(
            "sender", "create", "MYBRAND", "--account", "acme", "--channel", "sms", "--approve"
        )
        platform.answer["acme"] = made
        yield platform
    finally:
        platform.down()
