"""The closed catalogue of reasons for which a message is not accepted.

REST shows a reason as a problem document, SMPP as a command_status; neither makes up its own.
"""

from typing import Final

import msgspec

from cpaas.smpp.status import CommandStatus


class Reason(msgspec.Struct, frozen=True):
    """One class of refusal; `status` is its HTTP status, the other what an SMPP client is told."""

    code: str
    status: int
    title: str
    command_status: CommandStatus = CommandStatus.ESME_RSUBMITFAIL


#: come again later; too fast.
_FULL: Final = CommandStatus.ESME_RMSGQFUL
_THROTTLED: Final = CommandStatus.ESME_RTHROTTLED
_ALL: Final = (
    Reason("account_inactive", 403, "The account is inactive"),
    Reason("channel_disabled", 403, "The channel is switched off for this account"),
    Reason("insufficient_balance", 402, "Not enough balance"),
    Reason("invalid_number", 422, "The number is not valid", CommandStatus.ESME_RINVDSTADR),
    Reason("no_recipients", 422, "No recipients"),
    Reason("too_many_recipients", 422, "Too many recipients"),
    Reason("no_valid_recipient", 422, "No recipient can be sent to"),
    Reason("country_not_allowed", 422, "The country is not allowed", CommandStatus.ESME_RINVDSTADR),
    Reason("sender_required", 422, "A sender is required", CommandStatus.ESME_RINVSRCADR),
    Reason("sender_not_approved", 422, "The sender is not approved", CommandStatus.ESME_RINVSRCADR),
    Reason("no_price", 422, "No price is set"),
    Reason("text_required", 422, "The text is empty", CommandStatus.ESME_RINVMSGLEN),
    Reason("text_too_long", 422, "The text is too long", CommandStatus.ESME_RINVMSGLEN),
    Reason("invalid_text", 422, "The text cannot be sent"),
    Reason("template_not_found", 422, "There is no such template"),
    Reason("template_language", 422, "The template exists in several languages"),
    Reason("template_not_approved", 422, "The template cannot be used"),
    Reason("variable_missing", 422, "A variable is missing"),
    Reason("variable_unknown", 422, "There is no such variable"),
    Reason("variable_invalid", 422, "A variable cannot be filled in"),
    Reason("variable_empty", 422, "A variable has no value"),
    Reason("validation_error", 422, "The request is not valid"),
    Reason("unknown_channel", 422, "There is no such channel"),
    Reason("not_supported", 422, "Not supported yet"),
    Reason("dlt_pe_id_missing", 422, "DLT: no PE ID is known"),
    Reason("dlt_header_not_registered", 422, "DLT: the sender is no registered header"),
    Reason("dlt_template_not_found", 422, "DLT: no template fits"),
    Reason("dlt_text_mismatch", 422, "DLT: the text does not fit the template"),
    Reason("dlt_header_mismatch", 422, "DLT: the template is for another header"),
    Reason("dlt_category_mismatch", 422, "DLT: the template is of another kind"),
    Reason("dlt_promotional_hours", 422, "DLT: outside the promotional hours"),
    Reason("idempotency_key_reused", 422, "The Idempotency-Key was used for another request"),
    Reason("idempotency_in_progress", 409, "The first request with this key is still running"),
    Reason("daily_cap_reached", 429, "The day's messages are used up", _THROTTLED),
    Reason("busy", 503, "Too much is waiting", _FULL),
    Reason("unavailable", 503, "The database cannot be reached", _FULL),
    Reason("storage_full", 503, "The database has no room left", _FULL),
    Reason("outcome_unknown", 503, "It is not known whether the messages were stored"),
    Reason("internal_error", 500, "An unexpected error", CommandStatus.ESME_RSYSERR),
)
REASONS: Final[dict[str, Reason]] = {reason.code: reason for reason in _ALL}


class RefusedError(Exception):
    """A message or a whole request is not accepted, and nothing of it is stored.

    field: the input at fault, "" if none is. ids: only for outcome_unknown. retry_after: seconds.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        field: str = "",
        *,
        ids: tuple[str, ...] = (),
        retry_after: int = 0,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field
        self.ids = ids
        self.retry_after = retry_after
