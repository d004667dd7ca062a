"""Another price category than the one charged, told by the carrier, becomes an adjustment.

Once per message, within the transaction of the receipt that tells it; the message then bears the
price and category that hold.
"""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.billing.booking_queries import Entry
from cpaas.billing.check import WHATSAPP_CATEGORIES
from cpaas.billing.price import quote
from cpaas.kit.money import show
from cpaas.messages import queries as message_queries
from cpaas.messages.receipt_queries import Found
from cpaas.messages.types import Note
from cpaas.pipeline import recategorise_queries as queries
from cpaas.pipeline.recategorise_queries import Adjusted
from cpaas.pipeline.transitions import Context
from cpaas.pipeline.types import Receipt

#: channels whose carriers may name another category, and so another price, after acceptance.
REPRICED: Final = frozenset({"whatsapp"})


async def rebook(connection: Any, context: Context, told: Sequence[tuple[Receipt, Found]]) -> None:
    """Books the difference for messages whose receipts name another category."""
    wanted = {
        message.id: category
        for receipt, message in told
        if (category := WHATSAPP_CATEGORIES.get(receipt.category.upper()))
    }
    if not wanted:
        return
    adjusted, notes = [], []
    for row in await queries.charged(connection, sorted(wanted)):
        category = wanted[row.id]
        if category == row.category or row.refunded_micro:
            continue
        price = quote(
            context.snapshot, row.account_id, row.channel, row.recipient.removeprefix("+"),
            row.segments, category=category, country=row.country,
        )  # fmt: skip
        if price is None:
            continue
        text = (
            f"The carrier booked it as {category}, it was charged as {row.category}:"
            f" {show(price)} instead of {show(row.price_micro)}."
        )
        adjusted.append(
            Adjusted(
                Entry(
                    row.id, row.attempt, row.account_id, row.price_micro - price, text, "carrier"
                ),
                category,
                price,
            )
        )
        notes.append(Note(row.id, row.account_id, context.now_us, "recategorised", text))
    if adjusted:
        booked = await queries.adjust(connection, adjusted)
        await message_queries.note(connection, [one for one in notes if one.message_id in booked])
