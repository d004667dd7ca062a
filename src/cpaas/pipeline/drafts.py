"""What somebody wants to send (a draft) and what is ready to be stored (a submission)."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from cpaas.messages.envelopes import Channel, Lane, Outgoing
from cpaas.pipeline.refusals import RefusedError

Origin = Literal["api", "smpp", "campaign", "portal"]


class Author(msgspec.Struct, frozen=True):
    """Who sends: the account, by which door, and the key, bind or user (actor_id)."""

    account_id: int
    origin: Origin
    is_test: bool = False
    actor_id: int = 0
    campaign_id: int = 0


class FallbackStep(msgspec.Struct, frozen=True):
    """What is tried next: after a failure, or unless delivered `after_seconds` after SUBMITTED.

    text "" = the message's own, sender "" = as if none was named; None = only after a failure.
    template: what its text is made of instead, with `variables`.
    """

    channel: str
    text: str = ""
    sender: str = ""
    after_seconds: int | None = None
    template: str = ""
    variables: dict[str, str] | None = None
    language: str = ""

    def stored(self) -> dict[str, Any]:
        """As it stands in the message's row, where it gets a message_id or why it was skipped."""
        made_of = {"template": self.template, "variables": self.variables or {}}
        return {
            "channel": self.channel, "text": self.text, "from": self.sender,
            "after_seconds": self.after_seconds,
            **({**made_of, "language": self.language} if self.template else {}),
        }  # fmt: skip

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "FallbackStep":
        """The step that stands in a message's row."""
        return cls(
            stored["channel"], stored["text"], stored["from"], stored.get("after_seconds"),
            stored.get("template", ""), stored.get("variables"), stored.get("language", ""),
        )  # fmt: skip


def stored_steps(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Steps as the message's column holds them: an object, since arrays of arrays are one array."""
    return {"steps": list(steps)}


class Draft(msgspec.Struct, frozen=True):
    """Content and wishes that all recipients share. Times are Unix microseconds.

    template: the name (or id) of an approved one, which `text` is made of; language "" = its only
    one. content: what the channel sends beside the text.
    """

    channel: str
    text: str
    sender: str = ""
    lane: Lane = "transactional"
    reference: str = ""
    webhook_url: str = ""
    send_at_us: int | None = None
    validity_seconds: int | None = None
    registered_delivery: int = 1
    dlt: dict[str, str] | None = None
    fallback: tuple[FallbackStep, ...] = ()
    template: str = ""
    variables: dict[str, str] | None = None
    language: str = ""
    content: dict[str, Any] | None = None


class Replay(msgspec.Struct, frozen=True):
    """The stored answer to the same request with the same Idempotency-Key."""

    status: int
    body: bytes


class Idempotency(msgspec.Struct, frozen=True):
    """A request's Idempotency-Key, the hash of its body, and the answer to store."""

    key: str
    body_hash: bytes
    status: int
    answer: bytes


#: None: stored. Else why not, or what was answered the first time.
Outcome = RefusedError | Replay | None


class Submission(msgspec.Struct):
    """Messages that are stored and charged together or not at all.

    done is called exactly once, from the event loop, with the outcome.
    """

    author: Author
    channel: Channel
    lane: Lane
    send_at_us: int | None
    messages: list[Outgoing]
    done: Callable[[Outcome], None]
    idempotency: Idempotency | None = None
    #: bytes of the request and its answer, which are held until the outcome.
    size: int = 0
    #: recipients on the blacklist, known once it was asked.
    blocked: set[str] = msgspec.field(default_factory=set)
    #: the steps as they are stored, None without any.
    fallback: dict[str, Any] | None = None

    @property
    def cost_micro(self) -> int:
        """What all messages that are not blocked cost."""
        if not self.blocked:
            return sum([message.price_micro for message in self.messages])
        return sum([m.price_micro for m in self.messages if m.to not in self.blocked])
