"""The simulated SMSC's counters, by which tests and the bench know what really arrived."""

import msgspec


class Stats(msgspec.Struct):
    """Counts since the start; `answers` is by command_status name."""

    connections: int = 0
    binds: int = 0
    binds_refused: int = 0
    submits: int = 0
    accepted: int = 0
    answers: dict[str, int] = {}
    receipts: dict[str, int] = {}
    receipts_pending: int = 0
    receipts_discarded: int = 0
    deliveries_sent: int = 0
    deliveries_answered: int = 0
    deliveries_refused: int = 0
    deliveries_waiting: int = 0
    deliveries_discarded: int = 0
    mobile_originated: int = 0
    drops: int = 0
