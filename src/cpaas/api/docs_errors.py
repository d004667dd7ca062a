"""The reference's chapter on errors: every code that a problem document may have.

A problem's `type` points here, so each code has its own anchor.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Final

from cpaas.pipeline.refusals import REASONS

_ELSEWHERE: Final = (
    (400, "bad_request", "The request cannot be understood"),
    (422, "invalid_cursor", "The cursor is not one that a list gave"),
    (400, "malformed_json", "The body is not JSON"),
    (401, "missing_key", "There is no API key in the request"),
    (401, "invalid_key", "The API key is not valid"),
    (403, "account_key_required", "The key is an operator's, and the call an account's"),
    (403, "admin_key_required", "The call is the operator's"),
    (403, "ip_not_allowed", "The key may not be used from this address"),
    (403, "live_key_required", "A test key may not do this"),
    (404, "blacklist_entry_not_found", "There is no such entry in your blacklist"),
    (404, "campaign_not_found", "There is no such campaign in your account"),
    (409, "campaign_not_possible", "The campaign's state does not allow it"),
    (409, "campaign_not_ready", "The campaign's file is not read or checked yet"),
    (409, "campaign_nothing_failed", "No row of the campaign failed"),
    (422, "campaign_file_refused", "The campaign's file cannot be read"),
    (422, "campaign_no_rows", "No row of the campaign would be sent"),
    (403, "owner_required", "Only an owner of the account may do this"),
    (404, "invitation_not_found", "There is no such invitation of your account"),
    (404, "member_not_found", "There is no such person in your account"),
    (404, "invoice_not_found", "There is no such invoice of your account"),
    (404, "top_up_not_found", "There is no such request of your account"),
    (409, "last_owner", "An account keeps at least one owner"),
    (409, "top_up_decided", "The request was decided already"),
    (404, "export_not_found", "There is no such export of your account"),
    (404, "not_found", "There is no such thing in your account"),
    (404, "message_not_found", "There is no such message in your account"),
    (404, "template_missing", "There is no such template in your account"),
    (404, "strategy_missing", "There is no such strategy"),
    (404, "dlt_template_missing", "There is no such DLT template in your account"),
    (404, "sender_not_found", "There is no such sender in your account"),
    (404, "delivery_not_found", "There is no such delivery in your account"),
    (405, "method_not_allowed", "The path does not know this method"),
    (408, "body_timeout", "The body did not arrive in time"),
    (409, "already_claimed", "The message is on its way to a carrier"),
    (409, "export_not_ready", "The file is still being written"),
    (410, "export_gone", "The file is no longer kept, or never came to be"),
    (413, "body_too_large", "The body is too large"),
    (415, "unsupported_media_type", "The body is not of a type this call takes"),
    (429, "too_many_exports", "As many exports are under way as may be"),
    (429, "rate_limited", "Too many requests; wait as Retry-After says"),
)
#: status, code and title of every problem document.
PROBLEMS: Final = tuple(
    sorted({*_ELSEWHERE, *((one.status, one.code, one.title) for one in REASONS.values())})
)
_SHOWN: Final = {
    "type": "/docs#error-insufficient_balance",
    "title": "Not enough balance",
    "status": 402,
    "code": "insufficient_balance",
    "detail": "This costs 0.2400 and the balance is 0.1800. Nothing was charged.",
    "request_id": "5f0c2c1e-6a77-4a0e-9d52-0f4b8f1f2f6a",
}


def errors(problems: Sequence[tuple[int, str, str]]) -> str:
    """The chapter as HTML."""
    rows = "".join(
        f'<tr id="error-{escape(code)}"><td><code>{escape(code)}</code></td>'
        f"<td>{status}</td><td>{escape(title)}</td></tr>"
        for status, code, title in problems
    )
    shown = code_block(json.dumps(_SHOWN, indent=2), "A problem document")
    return (
        '<section class="noun"><h2 id="errors">Errors</h2><article><div class="told"><p>Every '
        "error is a problem document (RFC 9457, <code>application/problem+json</code>). "
        "<code>code</code> never changes its meaning; <code>detail</code> says what is wrong and "
        "what to do; <code>errors</code> names each field at fault. Decide by "
        '<code>code</code>, never by the text.</p><table><thead><tr><th scope="col">Code</th>'
        f'<th scope="col">Status</th><th scope="col">Meaning</th></tr></thead><tbody>{rows}'
        '</tbody></table></div><div class="shown"><section class="sample"><h4>Problem document'
        f"</h4>{shown}</section></div></article></section>"
    )


def code_block(text: str, label: str) -> str:
    """Text to read and copy; reachable by keyboard, since it may scroll."""
    name = escape(label, quote=True)
    return f'<pre tabindex="0" role="region" aria-label="{name}"><code>{escape(text)}</code></pre>'
