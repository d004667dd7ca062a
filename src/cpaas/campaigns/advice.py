"""What to do about each reason for which a campaign's row was not sent to or failed. Pure."""

from typing import Final

_ADVICE: Final = {
    "invalid_number": "Correct the number, with its country code; set mapping.country for others.",
    "duplicate": "Nothing: each number gets one message.",
    "row_too_long": "Put cells that hold the separator in quotation marks.",
    "cell_too_long": "Shorten the cell.",
    "variable_empty": "Fill the cell in, or take the variable out of the text.",
    "text_too_long": "Shorten the text or the cell; 10 segments are the most.",
    "country_not_allowed": "Ask your operator to allow the country.",
    "no_price": "Ask your operator for a price for the country.",
    "sender_required": "Choose an approved sender.",
    "sender_not_approved": "Choose an approved sender, or wait for its approval.",
    "blocked": "Nothing: the number is on the blacklist.",
    "cancelled": "Nothing: it was cancelled and refunded.",
    "no_route": "Ask your operator for a route to these numbers.",
    "route_down": "Retry later: the carrier was away.",
    "no_receipt": "The carrier sent no receipt within 72 hours; retry only if it matters.",
    "expired": "It waited longer than its validity; retry with a higher rate or a longer validity.",
    "expired_at_carrier": "The handset was off for too long; retry later.",
    "undeliverable": "The handset could not be reached; retry later, or drop numbers that repeat.",
    "invalid_destination": "The number does not exist; take it out of your list.",
    "invalid_sender": "The carrier does not allow this sender; choose another.",
    "message_refused": "The carrier refused the text; look at its likeness to spam.",
    "dlt_refused": "Compare the text with the registered DLT template.",
    "unknown_outcome": "It may have arrived; retry only if a second message does no harm.",
    "insufficient_balance": "Top up and resume.",
}
_DLT: Final = "Correct the DLT ids or templates: the detail names the mismatch."
_OTHER: Final = "Look at one of the messages: its timeline tells what the carrier said."


def advice(code: str) -> str:
    """One sentence that says what to do."""
    if code in _ADVICE:
        return _ADVICE[code]
    return _DLT if code.startswith("dlt_") else _OTHER
