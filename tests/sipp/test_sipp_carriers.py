"""Each shipped trunk profile against a SIPp that behaves like that carrier, and refuses what it would refuse."""

import asyncio
import ssl
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from b2bua.config.shipped import shipped_profiles
from tests.support.certificates import Authority
from tests.support.free_ports import PortLease
from tests.support.service_under_test import ServiceUnderTest, service_under_test
from tests.support.sipp import Sipp, SippOutcome

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.sockets,
    pytest.mark.timeout(60),
]

NUMBER_A, NUMBER_B = "9876543210", "9123456789"
NOT_THE_CUSTOMER = "917969002803"
ENDING_S = 15.0


@dataclass(frozen=True, slots=True)
class Carrier:
    """A profile, its scenario, and what in the profile makes that carrier refuse, with which status."""

    profile: str
    scenario: str
    wrong: Mapping[str, object]
    status: int
    cause: str
    transport: str = "u1"


CARRIERS = (
    Carrier("airtel-type", "carrier_airtel_type", {"numbers": [NOT_THE_CUSTOMER]}, 403, "rejected"),
    Carrier("exotel-type", "carrier_exotel_type", {"srtp": "off"}, 488, "network_error", "t1"),
    Carrier("jio-type", "carrier_jio_type", {"reliable_provisional": "off"}, 421, "network_error"),
    Carrier("plain-ip", "carrier_plain_ip", {"numbers": [NOT_THE_CUSTOMER]}, 403, "rejected"),
)
each_carrier = pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier.profile)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where SIPp is, where TLS to it is taken off, and where its control socket is."""

    sipp: int
    tls: int
    control: int


def trunk_of(carrier: Carrier, ports: Ports, changes: Mapping[str, object]) -> dict[str, object]:
    """The profile as it is shipped, but for where the carrier is and what its numbers would be."""
    text = next(profile.text for profile in shipped_profiles() if profile.name == carrier.profile)
    table: dict[str, object] = tomllib.loads(text)["trunks"][0]
    over_tls = carrier.transport == "t1"
    where = f"127.0.0.1:{ports.tls if over_tls else ports.sipp}"
    table |= {"uri": f"sip:{where}" + (";transport=tls" if over_tls else ""), "options_interval_s": 0}
    if "outbound_proxy" in table:
        table["outbound_proxy"] = where
    return table | dict(changes)


@asynccontextmanager
async def playing(
    carrier: Carrier, folder: Path, calls: int, changes: Mapping[str, object]
) -> AsyncIterator[tuple[ServiceUnderTest, Sipp, Ports]]:
    """A service with the one trunk, and the carrier behind it."""
    sections: dict[str, dict[str, object]] = {}
    async with AsyncExitStack() as stack:
        first = stack.enter_context(PortLease(3))
        ports = Ports(first, first + 1, first + 2)
        if carrier.transport == "t1":
            authority = Authority(folder)
            own, peer = authority.issue("127.0.0.1"), authority.issue("127.0.0.1")
            sections["sip"] = {
                "tls_ca": str(authority.file),
                "tls_certificate": str(own.certificate),
                "tls_key": str(own.key),
            }
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(peer.certificate, peer.key)
            close = await take_tls_off(context, ports)
            stack.push_async_callback(close)
        service = await stack.enter_async_context(
            service_under_test(folder / "service", [trunk_of(carrier, ports, changes)], sections=sections)
        )
        (folder / "sipp").mkdir()
        sipp = await Sipp.start(
            carrier.scenario,
            folder / "sipp",
            port=ports.sipp,
            control_port=ports.control,
            calls=calls,
            lifetime_s=20,
            arguments=["-key", "tls_port", str(ports.tls)],
            transport=carrier.transport,
        )
        stack.push_async_callback(sipp.kill)
        yield service, sipp, ports


async def take_tls_off(context: ssl.SSLContext, ports: Ports) -> Callable[[], Awaitable[None]]:
    """Serve TLS and hand its bytes to SIPp, which knows no TLS; the way to stop it."""
    pumps: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while octets := await source.read(65_536):
                sink.write(octets)
                await sink.drain()
        sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", ports.sipp)
        for way in (pump(reader, inner_writer), pump(inner_reader, writer)):
            task = asyncio.get_running_loop().create_task(way)
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", ports.tls, ssl=context)

    async def close() -> None:
        server.close()
        for task in tuple(pumps):
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    return close


@each_carrier
async def test_a_masked_call_by_the_profile_as_it_is_shipped(carrier: Carrier, tmp_path: Path) -> None:
    async with playing(carrier, tmp_path, 2, {}) as (service, sipp, _ports):
        data, _ = await service.client.place(NUMBER_A, NUMBER_B, ring_timeout_sec=10, record=False)
        call_sid = str(data["call_sid"])
        bridged = await service.webhooks.wait_for(
            lambda webhook: webhook.call_sid == call_sid and webhook.event == "call.bridged", ENDING_S
        )
        if bridged is not None:
            await service.client.post(f"/v1/masking/calls/{call_sid}/hangup", {})
        ending = await service.ending(call_sid, ENDING_S)
        outcome = await sipp.finish(5.0)
    assert outcome.exit_status == 0, story(outcome, service)
    assert ending is not None, story(outcome, service)
    assert (bridged is not None, ending.event) == (True, "call.completed"), story(outcome, service)
    assert ";transport=udp" not in "".join(message.text for message in outcome.received)
    assert not any(message.start.startswith("REGISTER") for message in outcome.received)


@each_carrier
async def test_what_that_carrier_refuses(carrier: Carrier, tmp_path: Path) -> None:
    async with playing(carrier, tmp_path, 1, carrier.wrong) as (service, sipp, _ports):
        data, _ = await service.client.place(NUMBER_A, NUMBER_B, ring_timeout_sec=10, record=False)
        ending = await service.ending(str(data["call_sid"]), ENDING_S)
        outcome = await sipp.finish(5.0)
        found = await service.client.get(f"/v1/masking/calls/{data['call_sid']}")
    assert outcome.exit_status == 0, story(outcome, service)
    assert ending is not None, story(outcome, service)
    legs = found["legs"]
    assert isinstance(legs, list)
    assert (found["status"], found["hangup_cause"]) == ("failed", carrier.cause), story(outcome, service)
    assert legs[0]["sip_status"] == carrier.status


def story(outcome: SippOutcome, service: ServiceUnderTest) -> str:
    """What SIPp saw, and the service's last words."""
    return f"{outcome.story()}\n--- the service's last words\n{service.service.last_words()}"
