"""Tells an account once that its balance fell below the mark it set: event balance.low.

Told just after the commit that crossed the mark, on its connection: a crash in between loses the
notice, never money.
"""

from collections.abc import Sequence
from typing import Any

from cpaas.broker.embedded import publish
from cpaas.kit.money import show
from cpaas.snapshot.types import Snapshot
from cpaas.webhooks.events import BALANCE_LOW, account_event, event_items, event_wanted


async def tell(
    connection: Any, snapshot: Snapshot, lows: Sequence[tuple[int, int, int]], now_us: int
) -> None:
    """Queue the events of (account id, balance, mark), for accounts that want them."""
    currency = str(snapshot.settings.get("currency", "INR"))
    items = []
    for account_id, balance, mark in lows:
        if event_wanted(snapshot, account_id, "", BALANCE_LOW):
            data: dict[str, object] = {
                "balance": show(balance), "low_balance": show(mark), "currency": currency,
            }  # fmt: skip
            items += event_items(account_id, [account_event(BALANCE_LOW, data, now_us)])
    await publish(connection, items)
