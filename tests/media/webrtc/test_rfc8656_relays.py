"""Calls through a TURN server: by the gateway's relayed address, by the browser's, and credentials that do not hold."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy

from media.rtp.packet import RtpPacket
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.ice_servers import turn_server
from media.webrtc.interface import BrowserConnected, BrowserEvent, IceServer
from tests.media.webrtc.gateway_bed import ALAW, HIGH, LOW, PLAIN, PORTS, Gateways, Plain, both_hear
from tests.media.webrtc.offers import CHROME
from tests.support.plain_browser import PlainBrowser
from tests.support.relaying_server import RelayingServer
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

pytestmark = pytest.mark.sockets

SECRET, NOW_S = "shared", 1_764_158_400


@pytest.fixture
async def relay() -> AsyncIterator[RelayingServer]:
    server = await RelayingServer.open(SECRET, NOW_S)
    yield server
    server.close()


@pytest.fixture(scope="module")
def elsewhere(gateways: Gateways) -> tuple[WebrtcGateway, list[BrowserEvent]]:
    """A gateway whose own address no browser of IPv4 can reach."""
    return gateways.make(GatewaySettings(addresses=(("::1", ""),), consent_interval_s=0.1))


async def test_a_browser_that_cannot_reach_the_gateway_meets_it_at_its_relayed_address(
    elsewhere: tuple[WebrtcGateway, list[BrowserEvent]], relay: RelayingServer, plain: Plain
) -> None:
    gateway, told = elsewhere
    browser = PlainBrowser("actpass", lite=True)
    server = turn_server(relay.url, SECRET, "gateway", NOW_S + 60)
    answer = await gateway.answer("ours", browser.offer(), replace(ALAW, ice_servers=(server,)))
    assert " typ relay raddr 0.0.0.0 rport 9\r\n" in answer.sdp
    await gateway.aim("ours", plain.address, PLAIN)
    browser.take(answer.sdp)
    await until(lambda: BrowserConnected("ours") in told and browser.dtls is not None and browser.dtls.keys is not None)
    browser.say(LOW)
    await until(lambda: any(packet.payload == LOW for packet in plain.listen()))
    plain.socket.sendto(RtpPacket(8, 1, 160, 7, HIGH).render(), answer.plain)
    await until(lambda: any(packet.payload == HIGH for packet in browser.heard))
    assert relay.relayed > 0
    await gateway.close("ours")
    await until(lambda: not relay.allocations)
    assert gateway.counters()["ports_left"] == PORTS
    browser.close()


async def test_a_browser_whose_udp_is_blocked_calls_by_its_own_relayed_address(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], relay: RelayingServer, plain: Plain
) -> None:
    gateway, told = usual
    server = turn_server(relay.url, SECRET, "asha", NOW_S + 60)
    theirs = RTCIceServer(server.url, server.username, server.credential)
    browser = ScriptedBrowser(RTCConfiguration([theirs], iceTransportPolicy=RTCIceTransportPolicy.RELAY))
    offer = await browser.offer()
    assert " typ host" not in offer
    answer = await gateway.answer("theirs", offer, ALAW)
    await gateway.aim("theirs", plain.address, PLAIN)
    await browser.take(answer.sdp)
    await until(lambda: BrowserConnected("theirs") in told and browser.transport.state == "connected")
    await both_hear(browser, answer, plain)
    assert relay.relayed > 0
    await gateway.close("theirs")
    await browser.close()


async def test_credentials_that_have_ended_or_are_of_another_secret_get_no_relay(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], relay: RelayingServer
) -> None:
    gateway, _ = usual
    for secret, ends_at_s in ((SECRET, NOW_S), ("another", NOW_S + 60)):
        server = turn_server(relay.url, secret, "gateway", ends_at_s)
        answer = await gateway.answer("refused", CHROME, replace(ALAW, ice_servers=(server,)))
        assert " typ relay" not in answer.sdp
        await gateway.close("refused")
    assert relay.refused == 2
    assert relay.allocations == {}


async def test_who_gives_up_leaves_no_relay_that_was_granted_already(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], relay: RelayingServer
) -> None:
    gateway, _ = usual
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        stun_server = IceServer(f"stun:127.0.0.1:{silent.getsockname()[1]}")
        wish = replace(ALAW, ice_servers=(stun_server, turn_server(relay.url, SECRET, "gateway", NOW_S + 60)))
        answering = asyncio.ensure_future(gateway.answer("given up", CHROME, wish))
        await until(lambda: relay.granted == 1)
        answering.cancel()
        await until(lambda: gateway.counters()["ports_left"] == PORTS)
    await until(lambda: not relay.allocations)


@pytest.mark.parametrize("late", [False, True])
async def test_a_relay_that_is_granted_to_one_who_has_gone_is_given_back(
    usual: tuple[WebrtcGateway, list[BrowserEvent]],
    relay: RelayingServer,
    monkeypatch: pytest.MonkeyPatch,
    late: bool,
) -> None:
    gateway, _ = usual
    relay.thinking = asyncio.Event()
    wish = replace(ALAW, ice_servers=(turn_server(relay.url, SECRET, "gateway", NOW_S + 60),))
    monkeypatch.setattr("media.webrtc.ice.GATHERING_S", 0.05 if late else 60.0)
    answering = asyncio.ensure_future(gateway.answer("gone", CHROME, wish))
    await until(lambda: len(relay.allocations) == 1)
    if late:
        assert " typ relay" not in (await answering).sdp
        await gateway.close("gone")
    else:
        answering.cancel()
    await until(lambda: gateway.counters()["ports_left"] == PORTS)
    relay.thinking.set()
    await until(lambda: relay.granted == 1 and not relay.allocations)
