"""What to do about each reason for which a message or a campaign's row did not arrive. Pure."""

from typing import Final

_ADVICE: Final = {
    "invalid_number": "Correct the number, or write it with its country code.",
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
    "not_capable": "Reach this person by SMS: set a fallback.",
    "no_conversation": "Send an approved template, or wait until the person writes to you.",
    "opted_out": "Do not write to this person again on this channel.",
    "template_refused": "Look at the template's state under Templates; edit and resubmit it.",
    "template_not_approved": "Wait for the template's approval, or choose another.",
    "template_not_found": "Choose a template that there is, in a language that it has.",
    "variable_missing": "Fill in every variable of the template.",
    "variable_unknown": "Use the variables that the template names.",
    "variable_invalid": "Correct the variable; the detail says what is wrong with it.",
    "media_failed": "Check the file's type and size; the detail says what the carrier refused.",
    "media_unreachable": "Put the file at a public https address and send again.",
    "marketing_capped": "Wait a day: WhatsApp limits how many offers a person gets.",
    "daily_limit": "Wait: WhatsApp opens more recipients as the number's quality grows.",
    "number_throttled": "Nothing: it is sent again by itself.",
    "pair_throttled": "Send this person fewer messages at once.",
    "account_stopped": "Ask your operator: the sender's account or token is refused.",
    "carrier_balance": "Ask your operator: the carrier's account is empty.",
    "carrier_throttled": "Nothing: it is sent again by itself.",
    "carrier_queue_full": "Nothing: it is sent again by itself.",
    "carrier_temporary": "Retry later: the carrier had a passing fault.",
    "carrier_once": "Retry later; if it repeats, ask your operator.",
    "carrier_curfew": "Send within the hours that the carrier allows.",
    "carrier_refused_route": "Ask your operator for another route to these numbers.",
    "not_encodable": "Take unusual characters out of the text.",
    "no_route_left": "Retry later, or ask your operator for another route.",
    "busy": "Call again later.",
    "no_answer": "Call again at another time, or set a fallback by SMS.",
    "declined": "The person does not want the call; send a message instead.",
    "call_cut": "Shorten what is said, or allow the call longer.",
    "call_cancelled": "Call again later.",
    "channel_disabled": "Ask your operator to switch the channel on.",
    "account_inactive": "Ask your operator to activate the account.",
    "daily_cap_reached": "Wait until tomorrow, or ask your operator for a higher cap.",
}
#: worth sending again as it is; needs a change of ours first. What is in neither stays as it is.
_TEMPORARY: Final = frozenset(
    {
        "route_down", "no_receipt", "expired", "expired_at_carrier", "undeliverable",
        "unknown_outcome", "marketing_capped", "daily_limit", "number_throttled", "pair_throttled",
        "carrier_throttled", "carrier_queue_full", "carrier_temporary", "carrier_once",
        "carrier_curfew", "no_route", "no_route_left", "busy", "no_answer", "call_cancelled",
        "media_unreachable", "daily_cap_reached",
    }
)  # fmt: skip
_PERMANENT: Final = frozenset(
    {
        "duplicate", "blocked", "cancelled", "invalid_destination", "opted_out", "not_capable",
        "declined",
    }
)  # fmt: skip
_DLT: Final = "Correct the DLT ids or templates: the detail names the mismatch."
_OTHER: Final = "Look at one of the messages: its timeline tells what the carrier said."


def advice(code: str) -> str:
    """One sentence that says what to do."""
    if code in _ADVICE:
        return _ADVICE[code]
    return _DLT if code.startswith("dlt_") else _OTHER


def kind(code: str) -> str:
    """temporary (sent again it may arrive), permanent (it will not), or fixable (by a change)."""
    if code in _TEMPORARY:
        return "temporary"
    return "permanent" if code in _PERMANENT else "fixable"
