"""Takes back a message that no carrier has yet: one way for the API, SMPP and other doors."""

from typing import Any

from cpaas.messages.types import Finish
from cpaas.pipeline.no_receipt_queries import with_carrier
from cpaas.pipeline.transitions import Context, finish


class TooLateError(Exception):
    """A carrier has the message or a part of it; nothing was taken back."""


async def cancel(pool: Any, context: Context, message_id: bytes, *, actor: str) -> bool:
    """Whether the message is CANCELLED by this, and refunded; the caller knows that it may be.

    Errors: TooLateError for one that waits for another route while a carrier has a part of it.
    """
    asked = Finish(
        message_id, "CANCELLED", context.now_us, error_code="cancelled",
        error="Cancelled by its account.", refund="always", actor=actor,
    )  # fmt: skip
    async with pool.acquire() as connection, connection.transaction():
        applied = await finish(connection, context, [asked])
        if applied and await with_carrier(connection, message_id):
            raise TooLateError
    return bool(applied)
