"""What the operator says about an identity, and what a list of them shows."""

import msgspec


class NewIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A WABA number or RCS bot on a route; its secrets go encrypted."""

    channel: str
    value: str
    route: str
    label: str = ""
    settings: dict[str, object] = {}
    secrets: dict[str, str] = {}


class IdentityRow(msgspec.Struct, frozen=True):
    """An identity as lists show it; accounts by name, the default ones marked in `default_of`."""

    id: int
    channel: str
    value: str
    label: str
    route: str
    active: bool
    settings: dict[str, object]
    secrets: list[str]
    accounts: list[str]
    default_of: list[str]
