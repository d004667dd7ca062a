"""One message before its claim: written as its link wants it, made to wait, or ended."""

from typing import Final

from cpaas.channels.base import Link, NotEncodableError, Prepared
from cpaas.channels.errors import CATALOGUE
from cpaas.gateway.claims import Batch
from cpaas.gateway.down import expired
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.messages.types import Finish
from cpaas.snapshot.types import Route

#: messages that wait about equally long come back together.
HOLD_STEP_MS: Final = 100
_log = get_logger(__name__)


def prepare(
    link: Link, route: Route, envelope: Envelope, message: Outgoing, batch: Batch
) -> Prepared | None:
    """The message ready to be written; None where the batch says what becomes of it instead."""
    if message.valid_until_us <= batch.at_us:
        batch.finishes.append(expired(message, batch.at_us))
        return None
    not_encodable = CATALOGUE["not_encodable"]
    code = not_encodable.code
    try:
        prepared = link.prepare(envelope, message)
        # No isinstance: checking a protocol costs more than the whole rest.
        hold = getattr(link, "hold", None)
        seconds = hold(envelope, message) if hold is not None else 0.0
        if seconds <= 0:
            return prepared
        delay_ms = max(1, round(seconds * 1000 / HOLD_STEP_MS)) * HOLD_STEP_MS
        batch.deferred.append((envelope, message, delay_ms))
        return None
    except NotEncodableError as error:
        text, code = str(error), error.code or code
    except Exception:  # noqa: BLE001 - one message must not hold up all others of the route
        _log.exception("message_not_prepared", route=route.name, id=message.id.hex())
        text = not_encodable.text
    batch.finishes.append(
        Finish(
            message.id, "REJECTED", batch.at_us, message.attempt, route.id,
            error_code=code, error=text, refund="policy" if message.handed else "always",
        )
    )  # fmt: skip
    return None
