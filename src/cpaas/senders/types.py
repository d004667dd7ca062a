"""A sender as lists show it."""

import msgspec


class SenderRow(msgspec.Struct, frozen=True):
    """A sender id of an account."""

    id: int
    account: str
    account_id: int
    channel: str
    value: str
    status: str
    is_default: bool
    pe_id: str
    reason: str
