"""What the user list and the user editor show; money in micro-units, times Unix microseconds."""

import msgspec


class ListFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts: text in name, username or email; status active or inactive; "" = any."""

    text: str = ""
    status: str = ""
    billing: str = ""


class Listed(msgspec.Struct, frozen=True):
    """An account with its owner in the list."""

    id: int
    name: str
    active: bool
    is_sandbox: bool
    billing_mode: str
    balance_micro: int
    credit_limit_micro: int
    channels: list[str]
    username: str
    email: str
    phone: str
    last_login: int | None


class Edited(msgspec.Struct, frozen=True):
    """An account as the editor shows it; `assigned`: channel -> route name."""

    id: int
    name: str
    active: bool
    is_sandbox: bool
    billing_mode: str
    allowed_ips: list[str]
    countries: list[str]
    tps: int
    daily_cap: int
    sms_enabled: bool
    whatsapp_enabled: bool
    rcs_enabled: bool
    voice_enabled: bool
    dlt_mode: str
    pe_id: str
    tm_id: str
    refund_failed: bool
    balance_micro: int
    credit_limit_micro: int
    low_balance_micro: int
    user_id: int
    username: str
    email: str
    phone: str
    webhook_url: str
    webhook_fault: str
    system_id: str
    assigned: dict[str, str]


class KeyRow(msgspec.Struct, frozen=True):
    """A key that works: its kind and its beginning."""

    kind: str
    prefix: str
    name: str
    created_at: int
