"""The one table of a message's statuses and which may follow which."""

from typing import Final, Literal

Status = Literal[
    "SCHEDULED", "QUEUED", "SENDING", "SUBMITTED", "DELIVERED", "READ", "FAILED", "REJECTED",
    "EXPIRED", "BLOCKED", "CANCELLED",
]  # fmt: skip

#: status -> the statuses that may follow it. A final status has none (READ may follow DELIVERED).
TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    "SCHEDULED": frozenset({"QUEUED", "REJECTED", "BLOCKED", "CANCELLED", "EXPIRED"}),
    # QUEUED -> FAILED is a technical failure before any carrier took it. QUEUED -> DELIVERED: the
    # receipt of an earlier attempt came while another route was to be tried; it is not, then.
    "QUEUED": frozenset(
        {
            "SENDING",
            "DELIVERED",
            "READ",
            "REJECTED",
            "BLOCKED",
            "CANCELLED",
            "EXPIRED",
            "FAILED",
        }
    ),
    # SENDING -> QUEUED is another attempt; a receipt may come before the answer.
    "SENDING": frozenset(
        {"QUEUED", "SUBMITTED", "DELIVERED", "READ", "FAILED", "REJECTED", "EXPIRED", "BLOCKED"}
    ),
    # SUBMITTED -> QUEUED: another route for lack of a receipt, if the strategy says so.
    "SUBMITTED": frozenset({"QUEUED", "DELIVERED", "READ", "FAILED", "REJECTED", "EXPIRED"}),
    "DELIVERED": frozenset({"READ"}),
    "READ": frozenset(),
    "FAILED": frozenset(),
    "REJECTED": frozenset(),
    "EXPIRED": frozenset(),
    "BLOCKED": frozenset(),
    "CANCELLED": frozenset(),
}
FINAL: Final[frozenset[Status]] = frozenset(
    {"DELIVERED", "READ", "FAILED", "REJECTED", "EXPIRED", "BLOCKED", "CANCELLED"}
)


def may_follow(before: Status, after: Status) -> bool:
    """Whether `after` may follow `before`."""
    return after in TRANSITIONS[before]


def before(after: Status) -> list[str]:
    """The statuses that `after` may follow: the WHERE of every transition."""
    return sorted(status for status, nexts in TRANSITIONS.items() if after in nexts)
