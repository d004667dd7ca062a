"""The bind states, and the one table that says which request is legal in which of them.

Both roles read the same table, so that our client and our server cannot disagree about it.
"""

from enum import StrEnum

from cpaas.smpp.layout import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    CANCEL_SM,
    DATA_SM,
    DELIVER_SM,
    OUTBIND,
    QUERY_SM,
    REPLACE_SM,
    SUBMIT_MULTI,
    SUBMIT_SM,
)


class Role(StrEnum):
    """Which end of the link we are."""

    ESME = "esme"
    SMSC = "smsc"


class State(StrEnum):
    """Where a session stands, from the first byte to the last."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    CLOSED = "closed"


BOUND = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})
BOUND_BY: dict[int, State] = {
    BIND_TRANSMITTER: State.BOUND_TX,
    BIND_RECEIVER: State.BOUND_RX,
    BIND_TRANSCEIVER: State.BOUND_TRX,
}
BIND_TYPES: dict[State, str] = {
    State.BOUND_TX: "tx",
    State.BOUND_RX: "rx",
    State.BOUND_TRX: "trx",
}

_NOTHING: frozenset[int] = frozenset()
_SUBMITS = frozenset({SUBMIT_SM, SUBMIT_MULTI, DATA_SM, QUERY_SM, CANCEL_SM, REPLACE_SM})
_DELIVERS = frozenset({DELIVER_SM, DATA_SM, ALERT_NOTIFICATION})

# Requests that a side may send; enquire_link and unbind are legal wherever the link is up.
MAY_SEND: dict[Role, dict[State, frozenset[int]]] = {
    Role.ESME: {
        State.OPEN: frozenset(BOUND_BY),
        State.BINDING: _NOTHING,
        State.BOUND_TX: _SUBMITS,
        State.BOUND_RX: _NOTHING,
        State.BOUND_TRX: _SUBMITS,
        State.UNBINDING: _NOTHING,
        State.CLOSED: _NOTHING,
    },
    Role.SMSC: {
        State.OPEN: frozenset({OUTBIND}),
        State.BINDING: _NOTHING,
        State.BOUND_TX: _NOTHING,
        State.BOUND_RX: _DELIVERS,
        State.BOUND_TRX: _DELIVERS,
        State.UNBINDING: _NOTHING,
        State.CLOSED: _NOTHING,
    },
}
PEER: dict[Role, Role] = {Role.ESME: Role.SMSC, Role.SMSC: Role.ESME}
