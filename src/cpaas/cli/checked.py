"""One line of a reconciliation, as bench and drill show it."""

import msgspec


class Check(msgspec.Struct, frozen=True):
    """One line of the reconciliation."""

    what: str
    expected: int
    found: int

    @property
    def good(self) -> bool:
        """Whether it is as it must be."""
        return self.expected == self.found
