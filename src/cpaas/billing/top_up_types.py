"""A request for balance."""

import msgspec


class TopUp(msgspec.Struct, frozen=True):
    """A request; money in micro-units, times in Unix microseconds.

    status: PENDING, GRANTED (granted_micro was credited), DECLINED (reason) or WITHDRAWN.
    """

    id: int
    account_id: int
    account: str
    amount_micro: int
    note: str
    status: str
    asked_by: str
    reason: str
    granted_micro: int
    decided_by: str
    created_us: int
    decided_us: int | None
