"""Meta's error codes in our words: what a code means for the message and for its number.

Codes not listed are permanent: sending the same again would be refused again.
"""

from typing import Any, Final

import msgspec

from cpaas.channels.base import ReceiptState

#: code -> the catalogue's class.
_CODES: Final[dict[int, str]] = {
    0: "account_stopped", 3: "account_stopped", 10: "account_stopped", 190: "account_stopped",
    368: "account_stopped", 131031: "account_stopped", 131037: "account_stopped",
    131042: "account_stopped", 131045: "account_stopped", 133010: "account_stopped",
    130497: "carrier_refused_route",
    4: "carrier_throttled", 80007: "carrier_throttled", 130429: "number_throttled",
    131056: "pair_throttled", 131048: "number_throttled", 131064: "daily_limit",
    133016: "number_throttled",
    131000: "carrier_temporary", 131016: "carrier_temporary", 131057: "carrier_temporary",
    132069: "carrier_temporary", 135000: "carrier_once",
    131026: "not_capable", 131062: "not_capable",
    131047: "no_conversation",
    131049: "marketing_capped", 130472: "marketing_capped", 131050: "opted_out",
    131063: "marketing_capped",
    131021: "invalid_destination", 131030: "invalid_destination",
    131051: "message_refused", 131052: "media_failed", 131053: "media_failed",
    131008: "message_refused", 131009: "message_refused",
    132000: "template_refused", 132001: "template_refused", 132005: "template_refused",
    132007: "template_refused", 132008: "template_refused", 132012: "template_refused",
    132015: "template_refused", 132016: "template_refused", 132068: "template_refused",
    137000: "message_refused",
}  # fmt: skip
#: a template that is paused or disabled takes no more messages.
TEMPLATE_PAUSED: Final = frozenset({132015, 132016})
#: pauses of a number in seconds, by class.
PAUSES: Final[dict[str, float]] = {"number_throttled": 5.0}
_STATES: Final[dict[str, ReceiptState]] = {
    "sent": "ENROUTE", "delivered": "DELIVERED", "read": "READ", "played": "READ",
    "failed": "FAILED",
}  # fmt: skip


class MetaError(msgspec.Struct, frozen=True):
    """An error object of the API or of a status."""

    code: int
    words: str
    transient: bool = False

    @property
    def name(self) -> str:
        """Its class in the catalogue."""
        found = _CODES.get(self.code)
        if found is None and 200 <= self.code <= 299:
            return "account_stopped"
        if found is None:
            return "carrier_temporary" if self.transient else "message_refused"
        return found

    @property
    def shown(self) -> str:
        """The carrier's own words."""
        return f"{self.code} {self.words}".strip()


def meta_error(error: Any) -> MetaError:
    """An error object read; what is none becomes code -1."""
    if not isinstance(error, dict):
        return MetaError(-1, "")
    code = error.get("code")
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    words = details or error.get("message") or error.get("title") or ""
    return MetaError(
        code if isinstance(code, int) else -1, str(words)[:300],
        transient=error.get("is_transient") is True,
    )  # fmt: skip


def receipt_state(status: str) -> ReceiptState | None:
    """The state that a status tells; None = none of ours."""
    return _STATES.get(status)
