"""Which state of a version may follow which, and when messages can be made of it. Pure.

Our approval and the carrier's are two things: a version can be used when both allow it.
"""

from typing import Final, Literal

import msgspec

from cpaas.kit.errors import InputError

Status = Literal["DRAFT", "PENDING", "APPROVED", "REJECTED"]
CarrierStatus = Literal["not_needed", "pending", "approved", "rejected", "paused", "disabled"]

#: channels whose templates nobody here has to look at.
AUTOMATIC: Final = frozenset({"sms", "voice"})
#: channels whose carriers review templates themselves.
REVIEWED: Final = frozenset({"whatsapp", "rcs"})
#: status -> what may follow. A rejected version stays so: what is sent in again is a new one.
NEXT: Final[dict[str, frozenset[str]]] = {
    # SMS and Voice need no review.
    "DRAFT": frozenset({"PENDING", "APPROVED"}),
    "PENDING": frozenset({"APPROVED", "REJECTED"}),
    "APPROVED": frozenset({"REJECTED"}),
    "REJECTED": frozenset(),
}
CARRIER_NEXT: Final[dict[str, frozenset[str]]] = {
    "not_needed": frozenset({"pending"}),
    "pending": frozenset({"approved", "rejected", "paused", "disabled"}),
    "approved": frozenset({"pending", "rejected", "paused", "disabled"}),
    "rejected": frozenset({"pending", "approved"}),
    "paused": frozenset({"pending", "approved", "rejected", "disabled"}),
    "disabled": frozenset({"pending", "approved", "rejected"}),
}
#: what an account is told of: state -> event type.
EVENTS: Final[dict[str, str]] = {
    "APPROVED": "template.approved", "REJECTED": "template.rejected",
    "approved": "template.approved", "rejected": "template.rejected",
    "paused": "template.paused", "disabled": "template.disabled",
}  # fmt: skip


class State(msgspec.Struct, frozen=True):
    """Where a version stands. `by` carrier: the carrier's verdict made it REJECTED."""

    status: str
    carrier: str = "not_needed"
    by: str = ""

    @property
    def usable(self) -> bool:
        """Whether messages can be made of it."""
        return self.status == "APPROVED" and self.carrier in ("not_needed", "approved")


def submitted(state: State, channel: str) -> State:
    """After its owner sent it in. Errors: InputError."""
    wanted = "APPROVED" if channel in AUTOMATIC else "PENDING"
    if state.status != "DRAFT":
        raise InputError(
            f"a {state.status} version cannot be submitted", "make a new version", "status"
        )
    return State(wanted, "not_needed", "platform" if wanted == "APPROVED" else "")


def approved(state: State, channel: str) -> State:
    """After the operator agreed; the carriers that review are asked next. Errors: InputError."""
    _allow(state.status, "APPROVED", "approved")
    return State("APPROVED", "pending" if channel in REVIEWED else "not_needed", "admin")


def rejected(state: State) -> State:
    """After the operator refused, which is possible later, too. Errors: InputError."""
    _allow(state.status, "REJECTED", "rejected")
    return State("REJECTED", state.carrier, "admin")


def told(state: State, carrier: str) -> State | None:
    """After the carrier said something; None = nothing new, or nothing that can follow.

    Its rejection is ours, too; if it changes its mind, ours goes with it.
    """
    if carrier not in CARRIER_NEXT.get(state.carrier, ()):
        return None
    if carrier == "rejected":
        return State("REJECTED", carrier, "carrier")
    if state.status == "REJECTED" and state.by == "carrier":
        return State("APPROVED", carrier, "carrier")
    return State(state.status, carrier, state.by)


def _allow(status: str, wanted: str, verb: str) -> None:
    if status == "DRAFT" or wanted not in NEXT[status]:
        todo = "make a new version" if status in ("REJECTED", "APPROVED") else "submit it first"
        raise InputError(f"a {status} version cannot be {verb}", todo, "status")
