"""Decides where outgoing calls to customers' URLs may go: the public internet, nothing inside.

A customer chooses the URL and we make the call, so without this any customer could read our
database port or the cloud's metadata address (SSRF). Names are resolved here and the caller
connects to the very address that was checked, so that a second DNS answer cannot differ.
"""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import msgspec

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: host -> its addresses as text; raises OSError when there are none.
Resolver = Callable[[str], Awaitable[Iterable[str]]]

URL_CHARS_MAX: Final = 2048
DNS_SECONDS: Final = 60.0
DNS_FAILURE_SECONDS: Final = 5.0
DNS_HOSTS_MAX: Final = 4096
ADDRESSES_MAX: Final = 32

_PRIVATE_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # Azure's host agent answers on a public address that never leaves the machine.
        "168.63.129.16/32",
    )
)  # fmt: skip
# Only this much of IPv6 is handed out as public; loopback, unique local, link-local, multicast,
# NAT64 and IPv4-compatible addresses all lie outside.
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_PRIVATE_V6: Final = tuple(
    # Protocol assignments with Teredo, documentation (twice), 6to4: tunnels carry private IPv4.
    IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# Below 1024 only the web's own; above, services that act on a line of text or speak HTTP inside.
_WEB_PORTS: Final = frozenset({80, 443})
_DENIED_PORTS: Final = frozenset(
    {
        1080, 1433, 1521, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 4369, 5432,
        5433, 5671, 5672, 5900, 5984, 5985, 5986, 6000, 6379, 6443, 6667, 7000, 8086, 8500, 9042,
        9092, 9200, 9300, 10250, 10255, 11211, 15672, 25672, 27017,
    }
)  # fmt: skip
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_VISIBLE: Final = re.compile(r"[!-~]+")


class GuardError(Exception):
    """The URL may not be called; `code` is stable, the text says what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Target(msgspec.Struct, frozen=True):
    """A well-formed URL, taken apart; `path` is what stands in the request line."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"
        )


class Guard:
    """Checks URLs and resolves their hosts; answers of the DNS are kept for 60 seconds."""

    def __init__(
        self,
        allow_networks: Iterable[Network | str] = (),
        *,
        resolve: Resolver | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = tuple(ip_network(network) for network in allow_networks)
        self._resolve = resolve or _system_resolve
        self._now = now
        self._known: dict[str, tuple[float, tuple[Address, ...] | GuardError]] = {}
        self._asking: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    async def check_url(self, url: str) -> Target:
        """The URL taken apart. Errors: GuardError when it may not be called (now)."""
        target = parse_url(url)
        await self.addresses(target.host)
        return target

    async def addresses(self, host: str) -> tuple[Address, ...]:
        """The host's addresses, every one permitted. Errors: GuardError."""
        known = self._known.get(host)
        if known is not None and known[0] > self._now():
            if isinstance(known[1], GuardError):
                # A fresh one: an exception collects a traceback each time it is raised.
                raise GuardError(known[1].code, str(known[1]))
            return known[1]
        asking = self._asking.get(host)
        if asking is None:
            asking = asyncio.get_running_loop().create_task(self._ask(host))
            self._asking[host] = asking
            asking.add_done_callback(lambda task: self._forget(host, task))
        # One caller's timeout must not take the answer away from the others.
        return await asyncio.shield(asking)

    def _forget(self, host: str, task: asyncio.Task[tuple[Address, ...]]) -> None:
        self._asking.pop(host, None)
        if not task.cancelled():
            task.exception()

    async def _ask(self, host: str) -> tuple[Address, ...]:
        seconds = DNS_SECONDS
        answer: tuple[Address, ...] | GuardError
        try:
            answer = self._checked(host, await self._addresses_of(host))
        except GuardError as error:
            answer, seconds = error, DNS_FAILURE_SECONDS
        self._known.pop(host, None)
        while len(self._known) >= DNS_HOSTS_MAX:
            del self._known[next(iter(self._known))]
        self._known[host] = (self._now() + seconds, answer)
        if isinstance(answer, GuardError):
            raise answer
        return answer

    async def _addresses_of(self, host: str) -> list[Address]:
        try:
            return [ip_address(host)]
        except ValueError:
            pass
        try:
            found = [ip_address(text) for text in await self._resolve(host)]
        except (OSError, UnicodeError, ValueError):
            found = []
        if not found:
            raise GuardError(
                "host_unknown", f"the name {host} has no address: check it, or publish it in DNS"
            )
        return found[:ADDRESSES_MAX]

    def _checked(self, host: str, found: list[Address]) -> tuple[Address, ...]:
        plain = [unmapped(address) for address in found]
        for address in plain:
            if not is_public(address) and not any(address in network for network in self._allowed):
                raise GuardError(
                    "address_not_public",
                    f"{host} leads to {address}, which is not on the public internet: use a public "
                    "address, or have the operator add its network to CPAAS_ALLOW_NETWORKS",
                )
        return tuple(dict.fromkeys(plain))


def is_public(address: Address) -> bool:
    """Whether an address (not an IPv4-mapped one) lies on the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _PRIVATE_V4)
    return address in _PUBLIC_V6 and not any(address in network for network in _PRIVATE_V6)


def unmapped(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped IPv6 one, else the address itself."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def parse_url(url: str) -> Target:
    """An http(s) URL taken apart, without resolving. Errors: GuardError."""
    if len(url) > URL_CHARS_MAX:
        raise GuardError("url_invalid", f"the URL is longer than {URL_CHARS_MAX} characters")
    # Parsers disagree on these, and a disagreement is how a check is passed by.
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise GuardError(
            "url_invalid",
            "the URL has spaces, backslashes or characters outside ASCII: percent-encode them; "
            "write an international host name in its xn-- form",
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise GuardError("url_invalid", f"the URL cannot be read: {error}") from error
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise GuardError("url_scheme", "the URL must begin with https:// or http://")
    if "@" in parts.netloc:
        raise GuardError(
            "url_credentials", "the URL holds a user or password: leave them out, calls are signed"
        )
    if "%" in parts.netloc:
        raise GuardError("url_invalid", "the host must not hold percent signs")
    host = _host(parts.hostname or "", bracketed="[" in parts.netloc)
    if port is None:
        port = 443 if scheme == "https" else 80
    _check_port(port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme, host, port, path)


def _host(written: str, *, bracketed: bool) -> str:
    host = written.lower().removesuffix(".")
    if bracketed:
        try:
            return str(IPv6Address(host))
        except ValueError as error:
            raise GuardError("url_invalid", f"{host} is not an IPv6 address") from error
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # 2130706433, 0x7f.1 and 0177.0.0.1 are 127.0.0.1 to some: only the plain form is read.
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise GuardError("url_invalid", f"{host} is not an IPv4 address in dots") from error
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise GuardError("url_invalid", f"{written or 'the URL'} names no host")
    return host


def _check_port(port: int) -> None:
    if (port < 1024 and port not in _WEB_PORTS) or port in _DENIED_PORTS:
        raise GuardError(
            "port_denied", f"port {port} belongs to another protocol: use 443, 80 or 8443"
        )


async def _system_resolve(host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    # A link-local address comes with its zone; without it, it is refused all the same.
    return [str(entry[4][0]).partition("%")[0] for entry in found]
