"""Which sender a message goes out as: the one it names, else the usual one, else its route's own.

Acceptance and explain ask the same functions, so that a rule's sender condition is explained as it
will be met. Pure.
"""

from typing import Final

from cpaas.routing.plan import Planner
from cpaas.snapshot.types import Identity, Sender, Snapshot

#: channels whose senders have tokens of their own.
WITH_IDENTITIES: Final = frozenset({"whatsapp", "rcs"})


def find_sender(snapshot: Snapshot, account_id: int, channel: str, wanted: str) -> Sender | None:
    """The account's sender of that name, with or without a number's plus."""
    own = snapshot.senders.get((account_id, channel), {})
    return own.get(wanted) or own.get(f"+{wanted}")


def find_identity(
    snapshot: Snapshot, account_id: int, channel: str, wanted: str
) -> Identity | None:
    """The WABA number or bot of that name that the account may send from."""
    bare = wanted.removeprefix("+")
    own = snapshot.own_identities.get((account_id, channel), ())
    return next((one for one in own if one.value.removeprefix("+") == bare), None)


def usual_sender(snapshot: Snapshot, account_id: int, channel: str) -> str:
    """What an account sends as when a message names nothing; "" = its route decides."""
    if channel in WITH_IDENTITIES:
        given = snapshot.own_identities.get((account_id, channel), ())
        sure = len(given) == 1 or bool(given and given[0].accounts.get(account_id))
        return given[0].value if sure else ""
    default = snapshot.default_senders.get((account_id, channel))
    if default is not None and default.status == "APPROVED":
        return default.value
    own = snapshot.senders.get((account_id, channel), {})
    approved = [one.value for one in own.values() if one.status == "APPROVED"]
    return approved[0] if len(approved) == 1 else ""


def route_sender(planner: Planner, snapshot: Snapshot, to: str, country: str, template: str) -> str:
    """The default sender of the first route that a message without one would take; "" = none."""
    route_ids = planner.plan(to, "", country, template).route_ids
    return snapshot.routes[route_ids[0]].default_sender if route_ids else ""
