"""How the simulated provider behaves."""

import msgspec


class ProviderSettings(msgspec.Struct, frozen=True):
    """Seconds are real time; what a call lasts is only told, so that tests need not wait for it.

    accounts: sid -> auth token; empty = any pair is let in. outcome_mix: outcome -> share (0 to 1)
    of calls to other than reserved numbers. calls_a_second 0 = unlimited.
    callbacks: whether any is sent.
    """

    host: str = "127.0.0.1"
    port: int = 0
    accounts: dict[str, str] = {}
    ring_seconds: float = 0.05
    talk_seconds: float = 0.05
    slow_seconds: float = 20.0
    calls_a_second: float = 0.0
    outcome_mix: dict[str, float] = {}
    callbacks: bool = True
    seed: int = 1
