"""Which colour and which word a state has. Colour is meaning, and a word stands with it always."""

from typing import Final

#: status -> kind of Unfold's label.
BADGES: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("SUBMITTED", "QUEUED", "SENDING", "SCHEDULED", "PROCESSING", "PENDING", "CREATED"),
        "warning",
    ),
    **dict.fromkeys(("DELIVERED", "READ", "APPROVED", "UP", "COMPLETED", "ACTIVE"), "success"),
    **dict.fromkeys(("FAILED", "REJECTED", "BLOCKED", "DOWN"), "danger"),
}
#: status -> tone class of dots, points and bars.
TONES: Final[dict[str, str]] = {"success": "is-ok", "warning": "is-wait", "danger": "is-bad"}
#: a route's state -> tone.
ROUTE_TONES: Final[dict[str, str]] = {
    "up": "is-ok", "throttled": "is-wait", "connecting": "is-wait", "draining": "is-wait",
    "down": "is-bad", "off": "is-idle", "": "is-idle",
}  # fmt: skip


def badge(status: str) -> str:
    """Kind of label for a status."""
    return BADGES.get(status, "")


def tone(status: str) -> str:
    """Tone class for a status."""
    return TONES.get(badge(status), "is-idle")
