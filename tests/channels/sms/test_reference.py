"""The reference page names every setting of an SMS route."""

from pathlib import Path

import msgspec

from cpaas.channels.sms.config import SmsSettings

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "channels" / "sms.md"


def test_every_setting_is_on_the_page() -> None:
    text = PAGE.read_text()
    missing = [f.name for f in msgspec.structs.fields(SmsSettings) if f"`{f.name}`" not in text]
    assert not missing
