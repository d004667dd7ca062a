"""Every queue of the platform by name; nothing else makes up a queue name."""

from typing import Final

WEBHOOK: Final = "cpaas.webhook"
#: fallback steps that are due, or will be.
FALLBACK: Final = "cpaas.fallback"
SMPP_RECEIPT: Final = "cpaas.smpp.receipt"


def submit_queue(channel: str) -> str:
    """The queue of what was accepted for a channel: sms -> cpaas.sms.submit."""
    return f"cpaas.{channel}.submit"


def revoke_queue(channel: str) -> str:
    """The queue of what carriers shall not deliver any more: sms -> cpaas.sms.revoke."""
    return f"cpaas.{channel}.revoke"


def unreceipted_queue(channel: str) -> str:
    """The queue of messages whose receipt is waited for: sms -> cpaas.sms.unreceipted."""
    return f"cpaas.{channel}.unreceipted"


def gateway_queue(route_name: str) -> str:
    """The queue of one route: smpp1 -> submit_smpp1."""
    return f"submit_{route_name}"
