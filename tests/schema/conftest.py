"""The schema's own tests look at databases exactly as the migrations leave them."""

import pytest


@pytest.fixture
def dsn(full_dsn: str) -> str:
    """A fresh, migrated, empty database for one test."""
    return full_dsn
