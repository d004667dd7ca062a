"""Whether an address lies in one of the networks that somebody allowed."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_HOPS_MAX = 20


@lru_cache(maxsize=4096)
def within(client: str, networks: tuple[Network, ...]) -> bool:
    """Whether the address is in any of the networks; an IPv4 one may be written as IPv6."""
    address = _address(client)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def client_address(peer: str, forwarded_for: str | None, trusted: tuple[Network, ...]) -> str:
    """The caller's address: the peer's, or what a trusted proxy said of whom it forwards for.

    From the right, the first hop that is no trusted proxy; what stands further left is hearsay.
    """
    if not forwarded_for or not trusted or not within(peer, trusted):
        return peer
    for hop in reversed(forwarded_for.split(",")[-_HOPS_MAX:]):
        address = hop.strip()
        if not within(address, trusted):
            return address
    return peer
