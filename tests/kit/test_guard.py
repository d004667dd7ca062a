"""Where outgoing calls may go: tricky hosts, names that lead inside, answers that change."""

import asyncio
from ipaddress import ip_address

import pytest

from cpaas.kit.guard import Guard, GuardError, is_public, parse_url, unmapped

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Dns:
    """Names and their answers, which a test may change; counts what is asked."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        await asyncio.sleep(0)
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[100::1]",
        "[2001::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[0:0:0:0:0:0:0:1]",
        "127.0.0.1.",
    ],
)
async def test_addresses_inside_are_refused(host: str) -> None:
    with pytest.raises(GuardError) as caught:
        await Guard().check_url(f"https://{host}/hook")
    assert caught.value.code == "address_not_public"
    assert "CPAAS_ALLOW_NETWORKS" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://2130706433/", "url_invalid"),
        ("http://0x7f000001/", "url_invalid"),
        ("http://0x7f.0.0.1/", "url_invalid"),
        ("http://0177.0.0.1/", "url_invalid"),
        ("http://127.1/", "url_invalid"),
        ("http://127.0.0.0x1/", "url_invalid"),
        ("http://1.2.3.4.5/", "url_invalid"),
        ("http://256.1.1.1/", "url_invalid"),
        ("http://0/", "url_invalid"),
        ("http://0x/", "url_invalid"),
        ("http://[::1%25lo]/", "url_invalid"),
        ("http://[::1/", "url_invalid"),
        ("http://[v1.fe80]/", "url_invalid"),
        ("http://127.0.0.1%2f.example.com/", "url_invalid"),
        ("http://example.com\\@127.0.0.1/", "url_invalid"),
        ("http://exam ple.com/", "url_invalid"),
        ("http://example.com/a b", "url_invalid"),
        ("http://example.com/\r\nHost: x", "url_invalid"),
        ("http://exa\tmple.com/", "url_invalid"),
        (" http://example.com/", "url_invalid"),
        ("http://①②⑦.0.0.1/", "url_invalid"),
        ("http://127。0。0。1/", "url_invalid"),
        ("http://bücher.example/", "url_invalid"),
        ("http://a..b/", "url_invalid"),
        ("http://-a.example/", "url_invalid"),
        ("http:///path", "url_invalid"),
        ("http://./", "url_invalid"),
        ("http://" + "a" * 64 + ".example/", "url_invalid"),
        ("http://" + "a." * 140 + "example/", "url_invalid"),
        ("https://example.com/" + "a" * 2048, "url_invalid"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://example.com:x/", "url_invalid"),
        ("https://user@example.com/", "url_credentials"),
        ("https://user:pass@example.com/", "url_credentials"),
        ("https://@example.com/", "url_credentials"),
        ("http://example.com@127.0.0.1/", "url_credentials"),
        ("ftp://example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://example.com/_x", "url_scheme"),
        ("//example.com/", "url_scheme"),
        ("example.com/hook", "url_scheme"),
        ("", "url_invalid"),
        ("javascript:alert(1)", "url_scheme"),
        ("https://example.com:25/", "port_denied"),
        ("https://example.com:22/", "port_denied"),
        ("https://example.com:0/", "port_denied"),
        ("https://example.com:5432/", "port_denied"),
        ("https://example.com:6379/", "port_denied"),
        ("https://example.com:11211/", "port_denied"),
    ],
)
def test_urls_that_are_refused_unresolved(url: str, code: str) -> None:
    with pytest.raises(GuardError) as caught:
        parse_url(url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://Example.COM", "example.com", 443, "/", "example.com"),
        ("http://example.com:80/a?b=c#d", "example.com", 80, "/a?b=c", "example.com"),
        ("HTTPS://example.com.:8443/h", "example.com", 8443, "/h", "example.com:8443"),
        ("http://my_host.xn--bcher-kva.example/", None, 80, "/", None),
        ("http://[2606:2800::1]:8080/", "2606:2800::1", 8080, "/", "[2606:2800::1]:8080"),
        ("https://example.com:/?q", "example.com", 443, "/?q", "example.com"),
    ],
)
def test_urls_are_taken_apart(
    url: str, host: str | None, port: int, path: str, authority: str | None
) -> None:
    target = parse_url(url)
    assert (target.port, target.path) == (port, path)
    assert host is None or (target.host, target.authority) == (host, authority)


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1"],
        [PUBLIC, "10.0.0.1"],
        [PUBLIC_V6, "fd00::1"],
        ["169.254.169.254", PUBLIC],
    ],
)
async def test_a_name_with_any_address_inside_is_refused(answers: list[str]) -> None:
    guard = Guard(resolve=Dns({"evil.example": answers}))
    with pytest.raises(GuardError) as caught:
        await guard.check_url("https://evil.example/")
    assert caught.value.code == "address_not_public"


async def test_public_names_and_mapped_addresses_pass() -> None:
    guard = Guard(resolve=Dns({"ok.example": [PUBLIC, f"::ffff:{PUBLIC}", PUBLIC_V6]}))
    await guard.check_url("https://ok.example/")
    assert [str(a) for a in await guard.addresses("ok.example")] == [PUBLIC, PUBLIC_V6]


@pytest.mark.parametrize("answers", [None, [], ["not an address"]])
async def test_names_without_addresses(answers: list[str] | None) -> None:
    guard = Guard(resolve=Dns({} if answers is None else {"gone.example": answers}))
    with pytest.raises(GuardError) as caught:
        await guard.check_url("https://gone.example/")
    assert caught.value.code == "host_unknown"


async def test_allowed_networks_open_just_themselves() -> None:
    guard = Guard(["10.1.0.0/16", "::1/128"], resolve=Dns({"in.example": ["::ffff:10.1.2.3"]}))
    await guard.check_url("http://in.example:8080/")
    await guard.check_url("http://[::1]/")
    with pytest.raises(GuardError):
        await guard.check_url("http://10.2.0.1/")


async def test_answers_are_kept_a_minute_and_checked_anew() -> None:
    clock = [0.0]
    dns = Dns({"rebind.example": [PUBLIC]})
    guard = Guard(resolve=dns, now=lambda: clock[0])
    assert await guard.addresses("rebind.example") == (ip_address(PUBLIC),)
    dns.names["rebind.example"] = ["127.0.0.1"]
    clock[0] = 59.0
    assert await guard.addresses("rebind.example") == (ip_address(PUBLIC),)
    clock[0] = 61.0
    with pytest.raises(GuardError):
        await guard.addresses("rebind.example")
    assert len(dns.asked) == 2


async def test_failures_are_kept_briefly_and_asked_once_at_a_time() -> None:
    clock = [0.0]
    dns = Dns({})
    guard = Guard(resolve=dns, now=lambda: clock[0])
    asked = [guard.addresses("gone.example") for _ in range(10)]
    assert all(
        isinstance(r, GuardError) for r in await asyncio.gather(*asked, return_exceptions=True)
    )
    with pytest.raises(GuardError):
        await guard.addresses("gone.example")
    assert len(dns.asked) == 1
    dns.names["gone.example"] = [PUBLIC]
    clock[0] = 6.0
    assert await guard.addresses("gone.example") == (ip_address(PUBLIC),)


async def test_one_callers_timeout_leaves_the_answer_to_the_others() -> None:
    released = asyncio.Event()

    async def slow(host: str) -> list[str]:
        await released.wait()
        return [PUBLIC]

    guard = Guard(resolve=slow)
    first = asyncio.create_task(guard.addresses("slow.example"))
    second = asyncio.create_task(guard.addresses("slow.example"))
    await asyncio.sleep(0)
    first.cancel()
    released.set()
    assert await second == (ip_address(PUBLIC),)
    with pytest.raises(asyncio.CancelledError):
        await first


def test_every_special_range_of_the_standard_library_is_inside() -> None:
    for text in ("10.0.0.0", "127.0.0.1", "169.254.0.1", "192.168.0.0", "::1", "fe80::", "ff00::"):
        assert not is_public(unmapped(ip_address(text)))
    assert is_public(ip_address(PUBLIC))
    assert is_public(ip_address(PUBLIC_V6))
