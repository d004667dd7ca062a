"""All behaviour of the simulated SMSC as one value, loadable from JSON, changeable at run time.

Its defaults are a fast, honest carrier; each field adds one way in which carriers differ or fail.
"""

from enum import StrEnum
from typing import Any

import msgspec

from cpaas.smpp.receipt import MessageState
from cpaas.smpp.status import CommandStatus


class IdStyle(StrEnum):
    """How message ids look in submit_sm_resp and in receipts."""

    SAME = "same"
    RESP_HEX_DLR_DEC = "resp-hex-dlr-dec"
    RESP_DEC_DLR_HEX = "resp-dec-dlr-hex"


class SmscSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the SMSC accepts and how it treats what it accepted."""

    host: str = "127.0.0.1"
    port: int = 0
    # None: no control port; 0: any free one.
    control_port: int | None = None
    system_id: str = "simulator"
    # system_id to password; empty lets anybody in.
    accounts: dict[str, str] = {}
    bind_types: tuple[str, ...] = ("trx", "tx", "rx")

    window: int = 500
    response_timeout_seconds: float = 60.0
    enquire_link_seconds: float = 30.0

    answer_delay_seconds: float = 0.0
    receipt_delay_seconds: float = 0.1
    slow_receipt_seconds: float = 30.0
    receipt_before_answer: bool = False
    receipt_tlvs: bool = False
    id_style: IdStyle = IdStyle.SAME
    # Shares between 0 and 1: the rest of the submits is accepted, of the receipts DELIVRD.
    error_mix: dict[str, float] = {}
    receipt_mix: dict[str, float] = {}
    receipt_err: str = "001"
    # Submits a second, 0 for no limit; more get ESME_RTHROTTLED.
    tps: int = 0
    queue_full: bool = False
    silent: bool = False

    # After so many submits on a connection it is cut, `drops_max` times in all; 0 never.
    drop_after_submits: int = 0
    drops_max: int = 1
    answer_before_drop: bool = False

    receipts_kept_max: int = 200_000
    messages_kept_max: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known, mix in (
            ("error_mix", CommandStatus.__members__, self.error_mix),
            ("receipt_mix", MessageState.__members__, self.receipt_mix),
        ):
            unknown = sorted(set(mix) - set(known))
            if unknown:
                raise ValueError(f"{name}: unknown {', '.join(unknown)}")
            if min(mix.values(), default=0) < 0 or sum(mix.values()) > 1:
                raise ValueError(f"{name}: shares are from 0 to 1 and sum up to at most 1")


def changed(settings: SmscSettings, changes: dict[str, Any]) -> SmscSettings:
    """Return the settings with some fields replaced; raise ValidationError for a wrong one."""
    fields: dict[str, Any] = msgspec.to_builtins(settings)
    return msgspec.convert(fields | changes, SmscSettings)
