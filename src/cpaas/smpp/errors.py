"""The errors of the SMPP library, so that a caller can catch one base and answer precisely.

SmppError
├── DecodeError    what the peer sent is not SMPP; carries the command_status to answer with
├── EncodeError    what we were asked to send does not fit into the PDU
└── SessionError   the call is not allowed in the session's present state
"""


class SmppError(Exception):
    """Base of everything this library raises."""


class DecodeError(SmppError):
    """Bytes that are not a valid PDU, with all that is needed to answer them."""

    def __init__(
        self, reason: str, *, command_status: int, sequence: int = 0, command_id: int = 0
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.command_status = command_status
        self.sequence = sequence
        self.command_id = command_id


class EncodeError(SmppError, ValueError):
    """A field that does not fit: too long, out of range, or with a NUL inside.

    `index` says which message of a batch it was; nothing of that batch was sent.
    """

    index: int = 0


class SessionError(SmppError):
    """A request that the bind state or the window does not allow now."""
