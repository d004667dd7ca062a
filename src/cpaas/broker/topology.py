"""Every queue of the platform by name; nothing else makes up a queue name."""

from typing import Final

from cpaas.messages.envelopes import CHANNELS, Channel

SUBMIT: Final[dict[Channel, str]] = {channel: f"cpaas.{channel}.submit" for channel in CHANNELS}
WEBHOOK: Final = "cpaas.webhook"


def gateway_queue(route_name: str) -> str:
    """The queue of one route: smpp1 -> submit_smpp1."""
    return f"submit_{route_name}"
