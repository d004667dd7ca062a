"""Tells an account once that its balance fell below the mark it set: event balance.low.

Told just after the commit that crossed the mark, on its connection: a crash in between loses the
notice, never money.
"""

from collections.abc import Sequence
from typing import Any

from cpaas.billing.queries import low_balance_mark
from cpaas.broker.embedded import publish
from cpaas.kit.money import show
from cpaas.snapshot.load import EMPTY, load
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


async def tell_of_booking(
    connection: Any, account_id: int, amount_micro: int, balance_micro: int,
    defaults: dict[str, object], now_us: int,
) -> None:  # fmt: skip
    """The same for an operator's booking of `amount_micro`, in its transaction.

    `defaults`: currency, where no setting says so. Reads what it needs, since commands hold no
    snapshot.
    """
    mark = await low_balance_mark(connection, account_id)
    if balance_micro < mark <= balance_micro - amount_micro:
        wanted = {"webhook_endpoint", "platform_setting"}
        snapshot = await load(connection, EMPTY, wanted, defaults)
        await tell(connection, snapshot, [(account_id, balance_micro, mark)], now_us)
