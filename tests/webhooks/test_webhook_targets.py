"""The webhook contract: private, loopback and link-local targets are refused, after DNS resolution."""

import errno
import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from control_api.webhooks.targets import (
    MOST_ADDRESSES,
    TargetRefused,
    TargetResolver,
    check_target,
    failure_text,
    is_public,
)
from tests.support.manual_clock import ManualClock

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = ["8.8.8.8", "203.0.114.1", "172.32.0.1", "100.128.0.1", "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "https://[::1]:8443/",
        "http://[fe80::1%25eth0]/",
        # Addresses to a socket, and neither to be looked up nor to be judged.
        "http://127.1/",
        "http://2130706433:8080/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        # Names to a socket alone, which would look them up with nobody to judge what is found.
        "http://[v1.a:b.example.com]/",
        "http://[0:0::127.1]/",
        "ftp://example.com/",
        "/x",
        "http:",
    ],
)
def test_a_url_that_is_refused_without_a_look_up(url: str) -> None:
    with pytest.raises(TargetRefused):
        check_target(URL(url), allow_private=False)


def test_names_and_public_literals_pass_on_to_the_look_up() -> None:
    check_target(URL("https://client.example/hook"), allow_private=False)
    check_target(URL("https://8.8.8.8/hook"), allow_private=False)


def test_allowing_private_targets_allows_no_other_scheme() -> None:
    check_target(URL("http://127.0.0.1/x"), allow_private=True)
    with pytest.raises(TargetRefused):
        check_target(URL("file:///etc/passwd"), allow_private=True)


# An entry of `socket.getaddrinfo`: family, kind, protocol, canonical name, socket address.
Found = tuple[socket.AddressFamily, int, int, str, tuple[str, int]]


class Names:
    """Stands in for the system's resolver: each name has its addresses, and the look-ups are counted."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self.addresses: dict[str, Sequence[str]] = addresses
        self.looked_up: list[str] = []

    # The system's own parameter names.
    def __call__(self, host: str, port: int, family: int = 0, type: int = 0, flags: int = 0) -> list[Found]:
        self.looked_up.append(host)
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, type, 6, "", (address, port))
            for address in self.addresses[host]
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = Names(inside=["10.0.0.1", "fd00::1"], outside=["8.8.8.8"], both=["127.0.0.1", "8.8.8.8"])
    monkeypatch.setattr(socket, "getaddrinfo", known)
    return known


async def resolved(host: str, *, allow_private: bool = False) -> list[str]:
    resolver = TargetResolver(ManualClock(), allow_private=allow_private)
    try:
        return [result["host"] for result in await resolver.resolve(host, 443, socket.AF_UNSPEC)]
    finally:
        await resolver.close()


async def test_a_name_of_private_addresses_is_refused(names: Names) -> None:
    with pytest.raises(TargetRefused, match="inside has no public address"):
        await resolved("inside")


async def test_only_the_public_addresses_of_a_name_are_connected_to(names: Names) -> None:
    assert await resolved("both") == ["8.8.8.8"]
    assert await resolved("outside") == ["8.8.8.8"]


async def test_of_many_addresses_a_few_are_tried(names: Names) -> None:
    """Or a name of thousands has us knock at thousands of doors."""
    many = [f"8.8.{number // 250}.{number % 250}" for number in range(3_000)]
    names.addresses["many"] = ["2001:4860::1", *many]
    assert await resolved("many") == ["2001:4860::1", *many[:MOST_ADDRESSES]]


async def test_private_addresses_pass_where_they_are_allowed(names: Names) -> None:
    assert await resolved("inside", allow_private=True) == ["10.0.0.1", "fd00::1"]
    assert names.looked_up == ["inside"]


def _to(host: str, port: int = 443) -> ConnectionKey:
    return ConnectionKey(host, port, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (
            aiohttp.ClientConnectorDNSError(_to("x.example"), OSError(-2, "Name or service not known")),
            "x.example does not resolve (Name or service not known)",
        ),
        (
            aiohttp.ClientConnectorDNSError(
                _to("x.example"), TargetRefused("refused: x.example has no public address")
            ),
            "refused: x.example has no public address",
        ),
        (
            aiohttp.ClientConnectorError(
                _to("::1", 80), OSError(errno.ECONNREFUSED, "Connect call failed ('::1', 80)")
            ),
            "no connection to ::1 port 80: Connection refused",
        ),
        (
            aiohttp.ClientConnectorError(_to("x.example"), OSError("Multiple exceptions: one, two")),
            "no connection to x.example port 443: Multiple exceptions: one, two",
        ),
        (
            aiohttp.ClientConnectorSSLError(_to("x.example"), ssl.SSLError(1, "[SSL] wrong version number")),
            "no TLS with x.example port 443: [SSL] wrong version number",
        ),
        (
            aiohttp.ClientConnectorCertificateError(_to("x.example"), ssl.CertificateError(1, "self-signed")),
            "the certificate of x.example is not trusted: self-signed",
        ),
        (TargetRefused("refused: 10.0.0.1 is not a public address"), "refused: 10.0.0.1 is not a public address"),
        (ConnectionResetError(), "ConnectionResetError"),
        (aiohttp.ServerDisconnectedError(), "ServerDisconnectedError: Server disconnected"),
    ],
)
def test_why_there_was_no_answer_is_told_in_the_network_s_words(failure: Exception, said: str) -> None:
    assert failure_text(failure) == said
