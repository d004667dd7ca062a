"""Who may bind: the credentials, the account behind them, the address, and how many binds."""

from typing import Final

from cpaas.kit.networks import within
from cpaas.smpp.status import CommandStatus as St
from cpaas.snapshot.types import SmppCredential, Snapshot

#: failed binds from one address within a minute, after which it is not heard for the rest of it.
FAILURES_MAX: Final = 10
FAILURES_SECONDS: Final = 60.0
_ADDRESSES_MAX: Final = 10_000


def fault(snapshot: Snapshot, system_id: str, address: str, binds: int) -> tuple[St, str] | None:
    """Why a bind is refused before its password is looked at; None when it may go on.

    binds: how many this system id holds already.
    """
    credential = snapshot.smpp_credentials.get(system_id)
    if credential is None:
        return St.ESME_RINVSYSID, "unknown system_id"
    account = snapshot.accounts.get(credential.account_id)
    if account is None or not account.active:
        return St.ESME_RBINDFAIL, "the account is inactive"
    if account.networks and not within(address, account.networks):
        return St.ESME_RBINDFAIL, "the address is not allowed"
    if binds >= credential.max_binds:
        return St.ESME_RALYBND, f"there are {binds} binds already"
    return None


def still(snapshot: Snapshot, bound_as: SmppCredential, address: str) -> bool:
    """Whether a bind may go on after the configuration changed."""
    now = snapshot.smpp_credentials.get(bound_as.system_id)
    if now is None or now.password_hash != bound_as.password_hash or now.id != bound_as.id:
        return False
    return fault(snapshot, bound_as.system_id, address, 0) is None


class Failures:
    """Counts failed binds by address, so that guessing passwords stays slow."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}

    def too_many(self, address: str, now: float) -> bool:
        """Whether the address failed too often within the minute."""
        count, since = self._counts.get(address, (0, now))
        return count >= FAILURES_MAX and now - since < FAILURES_SECONDS

    def note(self, address: str, now: float) -> None:
        """One more failure."""
        count, since = self._counts.get(address, (0, now))
        if now - since >= FAILURES_SECONDS:
            count, since = 0, now
        if len(self._counts) >= _ADDRESSES_MAX:
            self._counts.clear()
        self._counts[address] = (count + 1, since)
