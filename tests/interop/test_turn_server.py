"""coturn between a browser in a network namespace of its own and the gateway, which cannot reach each other."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest

from b2bua.clock import SystemClock
from media.rtp.packet import RtpPacket
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.ice_servers import turn_server
from media.webrtc.interface import BrowserConnected, BrowserEvent
from tests.media.webrtc.gateway_bed import ALAW, HIGH, LOW, PLAIN, Gateways, Plain
from tests.support.free_ports import PortLease
from tests.support.until import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root")

SECRET = "shared with coturn"
LINE_BYTES_MAX = 65_536


@dataclass(frozen=True)
class Apart:
    """A browser's namespace, and both ends of the wire to it; it has no route to `gateway`, an address of ours."""

    name: str
    our_end: str
    their_end: str
    gateway: str
    ports_from: int


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def apart() -> Iterator[Apart]:
    """The one way out is the wire to us: no default route. Names and addresses follow the leased ports, so that several
    such tests run at a time, and after one that was killed."""
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(20))
        wire = IPv4Address("10.192.0.0") + 8 * first
        name = f"browser{first}"
        made = Apart(name, str(wire + 1), str(wire + 2), str(wire + 5), first)
        run("ip", "netns", "add", name)
        stack.callback(run, "ip", "netns", "del", name)
        run("ip", "link", "add", f"{name}o", "type", "veth", "peer", "name", f"{name}i", "netns", name)
        run("ip", "addr", "add", f"{made.our_end}/30", "dev", f"{name}o")
        run("ip", "link", "set", f"{name}o", "up")
        run("ip", "addr", "replace", f"{made.gateway}/32", "dev", "lo")
        stack.callback(run, "ip", "addr", "del", f"{made.gateway}/32", "dev", "lo")
        inside = ("ip", "netns", "exec", name, "ip")
        run(*inside, "addr", "add", f"{made.their_end}/30", "dev", f"{name}i")
        run(*inside, "link", "set", f"{name}i", "up")
        run(*inside, "link", "set", "lo", "up")
        yield made


@pytest.fixture
async def coturn(apart: Apart) -> AsyncIterator[tuple[str, int]]:
    """Address and port of a coturn at our end of the wire."""
    first = apart.ports_from
    words = (
        "-n --no-cli --no-tls --no-dtls --use-auth-secret --realm=turn.example --log-file=stdout --pidfile= "
        f"--listening-ip={apart.our_end} --relay-ip={apart.our_end} --listening-port={first} "
        f"--min-port={first + 2} --max-port={first + 19}"
    ).split()
    server = await asyncio.create_subprocess_exec(
        "turnserver", *words, f"--static-auth-secret={SECRET}", stdout=asyncio.subprocess.DEVNULL
    )
    await until(lambda: _listens(apart.our_end, first))
    yield apart.our_end, first
    server.terminate()
    await server.wait()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.fixture
def gateway(apart: Apart) -> Iterator[tuple[WebrtcGateway, list[BrowserEvent]]]:
    with ExitStack() as stack:
        yield Gateways(stack).make(GatewaySettings(addresses=((apart.gateway, ""),)))


@pytest.mark.parametrize("whose", ["the browser's over TCP", "the gateway's"])
async def test_a_browser_that_reaches_nothing_but_the_turn_server_calls(
    apart: Apart, coturn: tuple[str, int], gateway: tuple[WebrtcGateway, list[BrowserEvent]], whose: str
) -> None:
    ends_at_s = SystemClock().wall_ms() // 1000 + 60
    transport = "tcp" if whose == "the browser's over TCP" else "udp"
    server = turn_server(f"turn:{coturn[0]}:{coturn[1]}?transport={transport}", SECRET, "asha", ends_at_s)
    theirs = (server.url, server.username, server.credential) if transport == "tcp" else ()
    with ExitStack() as stack:
        plain = Plain()
        stack.enter_context(plain.socket)
        meets, told = gateway
        words = ("ip", "netns", "exec", apart.name, sys.executable, "-m", "tests.interop.browser_apart", *theirs)
        browser = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX
        )
        assert browser.stdin is not None
        assert browser.stdout is not None
        async with asyncio.timeout(40):
            offer = json.loads(await browser.stdout.readline())
            answer = await meets.answer("apart", offer, replace(ALAW, ice_servers=() if theirs else (server,)))
            assert (" typ relay " in answer.sdp, " typ relay " in offer) == (not theirs, bool(theirs))
            await meets.aim("apart", plain.address, PLAIN)
            browser.stdin.write(json.dumps(answer.sdp).encode() + b"\n")
            await until(lambda: BrowserConnected("apart") in told, 20)
            await until(lambda: any(packet.payload == LOW for packet in plain.listen()))
            heard = asyncio.ensure_future(browser.stdout.readline())
            number = 0
            while not heard.done():
                number += 1
                plain.socket.sendto(RtpPacket(8, number, number * 160, 7, HIGH).render(), answer.plain)
                await asyncio.sleep(0.02)
            assert json.loads(heard.result()) == "heard"
            await meets.close("apart")
            browser.stdin.write(b"\n")
            await browser.wait()
