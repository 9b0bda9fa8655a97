"""Listeners that trunks need and nobody declared."""

from pathlib import Path

import pytest

from b2bua.config import Config, ListenAddress, undeclared_listeners
from tests.support.configurations import A_TRUNK, config_of


def with_trunk(listen: str, uri: str, more: str = "", path: Path = Path("/nonexistent/maskbridge.toml")) -> Config:
    trunk = A_TRUNK.replace("sip:sip.carrier.example:5060", uri)
    return config_of(f"[sip]\nlisten = {listen}\n{more}\n{trunk}", path=path)


@pytest.mark.parametrize(
    ("listen", "uri", "undeclared"),
    [
        ("['udp://192.0.2.1:5060']", "sip:carrier.example", []),
        ("['udp://192.0.2.1:5060']", "sip:carrier.example;transport=tcp", [("tcp", "192.0.2.1")]),
        ("['udp://192.0.2.1:5060', 'tcp://192.0.2.2:5060']", "sip:carrier.example;transport=tcp", []),
        ("['tcp://192.0.2.1:5060']", "sip:carrier.example", [("udp", "192.0.2.1")]),
        ("['udp://[2001:db8::1]:5060']", "sips:carrier.example", [("tls", "2001:db8::1")]),
        (
            "['udp://192.0.2.1:5060', 'udp://[2001:db8::1]:5060']",
            "sip:carrier.example;transport=tcp",
            [("tcp", "192.0.2.1"), ("tcp", "2001:db8::1")],
        ),
        (
            "['udp://192.0.2.1:5060', 'udp://[2001:db8::1]:5060']",
            "sip:[2001:db8::9];transport=tcp",
            [("tcp", "2001:db8::1")],
        ),
        ("['udp://192.0.2.1:5060']", "sip:[2001:db8::9];transport=tcp", []),
    ],
)
def test_a_trunks_transport_gets_a_listener_on_the_first_ones_host(
    listen: str, uri: str, undeclared: list[tuple[str, str]]
) -> None:
    config = with_trunk(listen, uri)
    assert undeclared_listeners(config) == tuple(ListenAddress(transport, host, 0) for transport, host in undeclared)
    told = [line for line in config.warnings if line.startswith("sip.listen: ")]
    assert len(told) == len(undeclared)
    for line, (transport, host) in zip(told, undeclared, strict=True):
        assert line == (
            f"sip.listen: it has no {transport}:// listener for carrier: one is opened on a free port of {host}"
        )


def test_two_trunks_share_it_and_an_outbound_proxy_decides() -> None:
    two = (
        A_TRUNK.replace(":5060", ";transport=tcp")
        + A_TRUNK.replace('"carrier"', '"other"')
        + ("outbound_proxy = 'sip:proxy.example;transport=tcp'")
    )
    config = config_of(two)
    assert undeclared_listeners(config) == (ListenAddress("tcp", "127.0.0.1", 0),)
    assert any("for carrier, other: " in line for line in config.warnings)


def test_only_the_trunks_that_it_is_for_are_named() -> None:
    config = config_of(A_TRUNK + A_TRUNK.replace('"carrier"', '"other"').replace(":5060", ";transport=tcp"))
    assert [line.partition(" for ")[2].partition(":")[0] for line in config.warnings] == ["other"]


@pytest.mark.parametrize(
    ("listen", "uri", "version"),
    [("['udp://192.0.2.1:5060']", "sip:[2001:db8::9]", 6), ("['udp://[2001:db8::1]:5060']", "sip:192.0.2.9", 4)],
)
def test_a_trunk_of_an_ip_version_that_nobody_listens_on_is_told(listen: str, uri: str, version: int) -> None:
    assert with_trunk(listen, uri).warnings == (
        f"trunks[carrier].uri: it cannot be called, because sip.listen has no IPv{version} listener",
    )


def test_a_name_may_lead_to_either_ip_version() -> None:
    config = with_trunk("['udp://[2001:db8::1]:5060']", "sip:carrier.example")
    assert not any("it cannot be called" in line for line in config.warnings)


def test_a_tls_trunk_without_a_certificate_of_ours_is_told(tmp_path: Path) -> None:
    listen = "['udp://192.0.2.1:5060']"
    config = with_trunk(listen, "sip:carrier.example;transport=tls")
    assert any(line.startswith("trunks[carrier].uri: it cannot connect to us") for line in config.warnings)
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("x")
    own = "tls_certificate = 'a.crt'\ntls_key = 'a.key'"
    config = with_trunk(listen, "sip:carrier.example;transport=tls", own, tmp_path / "maskbridge.toml")
    assert not any("it cannot connect to us" in line for line in config.warnings)
