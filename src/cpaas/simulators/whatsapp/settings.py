"""All behaviour of the simulated Cloud API as one value, changeable at run time."""

from typing import Any

import msgspec


class Number(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A business number, by its phone number id."""

    display: str
    waba_id: str
    token: str
    app_id: str = "app"


class CloudSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the API accepts and what becomes of it.

    numbers: phone number id -> Number. templates: that every business has approved, name ->
    how many values its body takes. windows: free content goes only to who wrote within a day.
    """

    host: str = "127.0.0.1"
    port: int = 0
    # None: no control port; 0: any free one.
    control_port: int | None = None
    numbers: dict[str, Number] = {}
    app_secret: str = "app-secret"  # noqa: S105 - of a simulation
    callback_url: str = ""
    windows: bool = True
    any_template: bool = False
    # Templates are decided so long after they came; a name with "reject" in it is rejected.
    approve_seconds: float = 0.2
    receipt_delay_seconds: float = 0.05
    slow_receipt_seconds: float = 30.0
    answer_delay_seconds: float = 0.0
    # Messages a second for each number, 0 for no limit.
    tps: int = 0
    # The same webhook twice, and statuses in the wrong order, as at-least-once senders do.
    callback_twice: bool = False
    disordered: bool = False
    # Pauses before a webhook that was not taken is sent again.
    callback_retry_seconds: tuple[float, ...] = (0.2, 1.0, 5.0, 25.0, 60.0, 60.0)
    callbacks_at_once: int = 16
    messages_kept_max: int = 20_000


def changed(settings: CloudSettings, changes: dict[str, Any]) -> CloudSettings:
    """The settings with some fields replaced; ValidationError for a wrong one."""
    fields: dict[str, Any] = msgspec.to_builtins(settings)
    return msgspec.convert(fields | changes, CloudSettings)
