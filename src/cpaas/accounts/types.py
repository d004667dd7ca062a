"""What an account looks like to those who manage it."""

import msgspec


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account to make together with its owner; an empty password is generated."""

    name: str
    username: str
    email: str = ""
    phone: str = ""
    password: str = ""
    is_sandbox: bool = False


class MadeAccount(msgspec.Struct, frozen=True):
    """A new account with its secrets, which nobody can read again."""

    id: int
    name: str
    username: str
    password: str
    api_key: str
    test_key: str
    smpp_system_id: str
    smpp_password: str


class AccountRow(msgspec.Struct, frozen=True):
    """An account in a list; money in micro-units, `tps` and `daily_cap` 0 = no limit."""

    id: int
    name: str
    active: bool
    is_sandbox: bool
    billing_mode: str
    balance_micro: int
    credit_limit_micro: int
    low_balance_micro: int
    refund_failed: bool
    stop_reply: str
    start_reply: str
    tps: int
    daily_cap: int
    allowed_ips: list[str]
    countries: list[str]
    sms_enabled: bool
    whatsapp_enabled: bool
    rcs_enabled: bool
    voice_enabled: bool


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on an account; None leaves it as it is."""

    active: bool | None = None
    allowed_ips: list[str] | None = None
    countries: list[str] | None = None
    tps: int | None = None
    daily_cap: int | None = None
    billing_mode: str | None = None
    refund_failed: bool | None = None
    dlt_mode: str | None = None
    pe_id: str | None = None
    tm_id: str | None = None
    stop_reply: str | None = None
    start_reply: str | None = None
    sms_enabled: bool | None = None
    whatsapp_enabled: bool | None = None
    rcs_enabled: bool | None = None
    voice_enabled: bool | None = None


class SmppRow(msgspec.Struct, frozen=True):
    """SMPP credentials without their password; `tps` 0 = the account's."""

    system_id: str
    max_binds: int
    tps: int
    active: bool
    window: int = 0


class BindShown(msgspec.Struct, frozen=True):
    """A bind of an account's ESME; counts since it was bound, time in Unix microseconds."""

    account: str
    system_id: str
    bind_type: str
    address: str
    submitted: int
    refused: int
    delivered: int
    unanswered: int
    last_refusal: str
    bound_us: int


class KeyRow(msgspec.Struct, frozen=True):
    """A REST key as lists show it."""

    id: int
    kind: str
    prefix: str
    made_us: int


class AccessRow(msgspec.Struct, frozen=True):
    """From where programs may come, and by which SMPP login ("" = none)."""

    allowed_ips: list[str]
    system_id: str
    smpp_active: bool
