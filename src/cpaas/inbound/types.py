"""Inbound numbers, keywords and kept replies as those who manage them see them."""

import msgspec


class NumberRow(msgspec.Struct, frozen=True):
    """A number that recipients write to; account "" = shared, its keywords say whose."""

    channel: str
    number: str
    account: str
    keywords: list[str]


class InboundRow(msgspec.Struct, frozen=True):
    """A kept reply; account "" = nobody's yet."""

    id: str
    account: str
    channel: str
    sender: str
    recipient: str
    body: str
    route: str
    keyword: str
    action: str
    complete: bool
    received_us: int
