"""All behaviour of the simulated RCS hub as one value, changeable at run time.

Its defaults are an honest hub; each field adds one way in which hubs differ or fail.
"""

from typing import Any, Literal

import msgspec

EVENTS = ("SENT", "DELIVERED", "READ", "FAILED", "TTL_EXPIRATION_REVOKED")


class RcsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the hub accepts and how it treats what it accepted."""

    host: str = "127.0.0.1"
    port: int = 0
    # None: no control port; 0: any free one.
    control_port: int | None = None
    # Bot id to client secret; empty lets any bot in, with any secret.
    bots: dict[str, str] = {}
    # Of the template directory: account e-mail to secret; empty lets any account in.
    accounts: dict[str, str] = {}
    token_seconds: float = 3000.0
    # Tokens a client may fetch in a minute; 0 for no limit.
    token_calls: int = 60
    # Codes of templates that are approved for every bot, with the names of their variables.
    templates: dict[str, tuple[str, ...]] = {}
    any_template: bool = False
    # Free content goes only to a handset that wrote within a day.
    conversation_only: bool = False
    capable: bool = True
    refuse_address: bool = False

    answer_style: Literal["name", "message_id"] = "name"
    # How a refusal looks: by HTTP status, 200 with an event, or 200 with an error inside.
    refusal_style: Literal["status", "event", "ok"] = "status"
    duplicate_status: int = 409
    answer_delay_seconds: float = 0.0
    receipt_delay_seconds: float = 0.05
    slow_receipt_seconds: float = 30.0
    # Messages a second for each bot, 0 for no limit.
    tps: int = 0
    silent: bool = False
    # Shares between 0 and 1: of sends that fail with 500, and of first events.
    fault_share: float = 0.0
    receipt_mix: dict[str, float] = {}
    seed: int = 0

    # Where events go: one URL for all bots, or a bot's own.
    callback_url: str = ""
    callbacks: dict[str, str] = {}
    envelope: Literal["bare", "wrapped", "gsma", "mixed"] = "bare"
    callback_retry_seconds: tuple[float, ...] = (1.0, 5.0, 25.0)
    callbacks_at_once: int = 16
    # The same event twice, as at-least-once senders do.
    callback_twice: bool = False

    # Templates are decided so long after they came; a name with "reject" in it is rejected.
    approve_seconds: float = 1.0
    directory: bool = True

    messages_kept_max: int = 20_000

    def __post_init__(self) -> None:
        unknown = sorted(set(self.receipt_mix) - set(EVENTS))
        if unknown:
            raise ValueError(f"receipt_mix: unknown {', '.join(unknown)}")
        if sum(self.receipt_mix.values()) > 1 or min(self.receipt_mix.values(), default=0) < 0:
            raise ValueError("receipt_mix: shares are from 0 to 1 and sum up to at most 1")


def changed(settings: RcsSettings, changes: dict[str, Any]) -> RcsSettings:
    """The settings with some fields replaced; ValidationError for a wrong one."""
    fields: dict[str, Any] = msgspec.to_builtins(settings)
    return msgspec.convert(fields | changes, RcsSettings)
