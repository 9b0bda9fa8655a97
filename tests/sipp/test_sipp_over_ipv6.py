"""A masked call and a routed one over IPv6, SIP and SDP alike, over UDP and over TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.service_under_test import ServiceUnderTest, service_under_test, trunk
from tests.support.sipp import Sipp, SippOutcome

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.timeout(60),
    pytest.mark.parametrize("transport", ["udp", "tcp"]),
]

LOOPBACK = "::1"
A, B, DIALLED = "9876543210", "9123456789", "918045678901"


@asynccontextmanager
async def service_on(folder: Path, first: int, transport: str) -> AsyncIterator[ServiceUnderTest]:
    """A service that has no IPv4 at all: its port is `first`, its trunks are the two after that."""
    suffix = "" if transport == "udp" else f";transport={transport}"
    trunks = [
        {**trunk(name, port), "uri": f"sip:[{LOOPBACK}]:{port}{suffix}"}
        for name, port in (("a", first + 1), ("b", first + 2))
    ]
    route = {"trunk": "a", "match": DIALLED, "to": f"sip:{{user}}@[{LOOPBACK}]:{first + 2}", "via": "b"}
    sections: dict[str, dict[str, object]] = {
        "sip": {"listen": [f"{transport}://[{LOOPBACK}]:{first}"]},
        "media": {"address": LOOPBACK},
    }
    async with service_under_test(folder / "service", trunks, sections=sections, routes=[route]) as service:
        yield service


def _make(folder: Path) -> None:
    folder.mkdir()


async def play(folder: Path, scenario: str, port: int, transport: str, *target: str) -> Sipp:
    """Start a SIPp on `port` of the IPv6 loopback."""
    _make(folder)
    return await Sipp.start(
        scenario,
        folder,
        port=port,
        control_port=port + 10,
        host=LOOPBACK,
        lifetime_s=20,
        transport="u1" if transport == "udp" else "t1",
        arguments=["-key", "caller", A, "-d", "500", *target],
    )


async def ended(*legs: Sipp) -> list[SippOutcome]:
    """What came of them."""
    try:
        return list(await asyncio.gather(*(leg.finish(25) for leg in legs)))
    finally:
        for leg in legs:
            await leg.kill()


async def test_masked_call(tmp_path: Path, transport: str, lease_ports: Callable[[int], int]) -> None:
    first = lease_ports(20)
    async with service_on(tmp_path, first, transport) as service:
        a = await play(tmp_path / "a", "answers", first + 1, transport)
        b = await play(tmp_path / "b", "answers_then_hangs_up", first + 2, transport)
        party_a, party_b = f"sip:{A}@[{LOOPBACK}]:{first + 1}", f"sip:{B}@[{LOOPBACK}]:{first + 2}"
        data, _ = await service.client.place(party_a, party_b, record=False)
        outcomes = await ended(a, b)
        ending = await service.ending(str(data["call_sid"]), 10)
    for outcome in outcomes:
        assert outcome.exit_status == 0, outcome.story()
        invite = next(message for message in outcome.received if message.start.startswith("INVITE "))
        assert f"IN IP6 {LOOPBACK}" in invite.text
        assert "127.0.0.1" not in invite.text
    assert ending is not None
    assert ending.event == "call.completed"


async def test_call_from_a_trunk_of_the_other_version(
    tmp_path: Path, transport: str, lease_ports: Callable[[int], int]
) -> None:
    """Each side has SIP and RTP of its own IP version, and reads nothing of the other."""
    first = lease_ports(20)
    suffix = "" if transport == "udp" else f";transport={transport}"
    trunks = [
        {**trunk("a", first + 1), "uri": f"sip:127.0.0.1:{first + 1}{suffix}"},
        {**trunk("b", first + 2), "uri": f"sip:[{LOOPBACK}]:{first + 2}{suffix}"},
    ]
    route = {"trunk": "a", "match": DIALLED, "to": f"sip:{{user}}@[{LOOPBACK}]:{first + 2}", "via": "b"}
    listen = [f"{transport}://[{LOOPBACK}]:{first}", f"{transport}://127.0.0.1:{first}"]
    sections: dict[str, dict[str, object]] = {"sip": {"listen": listen}, "media": {"address_ipv6": LOOPBACK}}
    async with service_under_test(tmp_path / "service", trunks, sections=sections, routes=[route]):
        b = await play(tmp_path / "b", "answers", first + 2, transport)
        _make(tmp_path / "a")
        a = await Sipp.start(
            "calls_and_hangs_up",
            tmp_path / "a",
            port=first + 1,
            control_port=first + 11,
            lifetime_s=20,
            transport="u1" if transport == "udp" else "t1",
            arguments=[
                "-key",
                "caller",
                A,
                "-d",
                "500",
                "-s",
                DIALLED,
                f"127.0.0.1:{first}",
            ],
        )
        outcomes = await ended(a, b)
    for outcome, version, other in zip(outcomes, ("IN IP4 127.0.0.1", "IN IP6 ::1"), ("::1", "127.0.0.1"), strict=True):
        assert outcome.exit_status == 0, outcome.story()
        heard = "".join(message.text for message in outcome.received)
        assert version in heard
        assert other not in heard


async def test_routed_call(tmp_path: Path, transport: str, lease_ports: Callable[[int], int]) -> None:
    first = lease_ports(20)
    async with service_on(tmp_path, first, transport):
        b = await play(tmp_path / "b", "answers", first + 2, transport)
        target = ["-s", DIALLED, f"[{LOOPBACK}]:{first}"]
        a = await play(tmp_path / "a", "calls_and_hangs_up", first + 1, transport, *target)
        outcomes = await ended(a, b)
    for outcome in outcomes:
        assert outcome.exit_status == 0, outcome.story()
        assert f"IN IP6 {LOOPBACK}" in "".join(message.text for message in outcome.received)
