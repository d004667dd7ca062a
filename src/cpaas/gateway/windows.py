"""Free content outside a conversation does not go: asked for a whole batch before it is claimed."""

from typing import Any, Final

from cpaas.gateway import queries
from cpaas.gateway.claims import Batch
from cpaas.messages.types import Finish

CODE: Final = "no_conversation"
TEXT: Final = (
    "The recipient has not written within 24 hours: outside that window only an approved template"
    " may be sent."
)


class Windows:
    """Takes out of batches what no open conversation allows, for one channel."""

    def __init__(self, pool: Any, channel: str) -> None:
        self._pool = pool
        self._channel = channel

    async def __call__(self, batch: Batch) -> None:
        """Ends what may not go; the rest of the batch stays. One look-up, if any needs it."""
        asked = [one for one in batch.prepared if one.window and not one.envelope.is_test]
        if not asked:
            return
        pairs = {(one.window, one.message.to) for one in asked}
        async with self._pool.acquire() as connection:
            opened = await queries.conversations(
                connection, self._channel, sorted(pairs), batch.at_us
            )
        closed = {id(one) for one in asked if (one.window, one.message.to) not in opened}
        if not closed:
            return
        for one in asked:
            if id(one) in closed:
                batch.finishes.append(
                    Finish(
                        one.message.id, "REJECTED", batch.at_us, one.message.attempt,
                        error_code=CODE, error=TEXT,
                        refund="policy" if one.message.handed else "always",
                    )
                )  # fmt: skip
        batch.prepared = [one for one in batch.prepared if id(one) not in closed]
