"""The gateway for browsers beside STUN and TURN servers: prompt ones, slow ones, and those that fall silent."""

import asyncio
import socket
from dataclasses import replace
from typing import cast

import pytest
from aioice import stun

from media.webrtc.gateway import WebrtcGateway
from media.webrtc.interface import (
    BrowserClosed,
    BrowserEvent,
    BrowserReconnected,
    IceServer,
)
from tests.media.webrtc.gateway_bed import ALAW, PORTS, Plain, both_hear, connected
from tests.media.webrtc.offers import CHROME
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

pytestmark = pytest.mark.sockets


class MirrorOfAddresses(asyncio.DatagramProtocol):
    """A STUN server that tells everybody the same address."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("198.51.100.9", 4321)
        self.transport.sendto(bytes(answer), addr)


async def test_a_stun_server_tells_a_further_candidate(usual: tuple[WebrtcGateway, list[BrowserEvent]]) -> None:
    gateway, _ = usual
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(MirrorOfAddresses, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    answer = await gateway.answer("stun", CHROME, replace(ALAW, ice_servers=(IceServer(f"stun:127.0.0.1:{port}"),)))
    assert " 198.51.100.9 4321 typ srflx raddr 0.0.0.0 rport 9\r\n" in answer.sdp
    with pytest.raises(ValueError, match="no URL"):
        await gateway.answer("none", CHROME, replace(ALAW, ice_servers=(IceServer("http://x"),)))
    transport.close()
    await gateway.close("stun")
    assert gateway.counters()["ports_left"] == PORTS


class SlowMirror(MirrorOfAddresses):
    """The same, a while after it was asked."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(0.3, super().datagram_received, data, addr)


async def test_a_page_leaves_while_the_next_one_is_being_answered(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    first, answer = await connected(gateway, told, "leaving", plain)
    second = ScriptedBrowser()
    offer = await second.offer()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(SlowMirror, local_addr=("127.0.0.1", 0))
    stun_server = IceServer(f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    answering = asyncio.ensure_future(gateway.answer("leaving", offer, replace(ALAW, ice_servers=(stun_server,))))
    await until(lambda: gateway.counters()["ports_left"] == PORTS - 2)
    await first.close()
    again = await answering
    transport.close()
    assert again.plain == answer.plain
    await second.take(again.sdp)
    await until(lambda: BrowserReconnected("leaving") in told and second.transport.state == "connected")
    await both_hear(second, again, plain)
    assert BrowserClosed("leaving") not in told
    await gateway.close("leaving")
    assert gateway.counters()["ports_left"] == PORTS
    await second.close()


async def test_who_gives_up_while_servers_are_asked_leaves_nothing(
    usual: tuple[WebrtcGateway, list[BrowserEvent]],
) -> None:
    gateway, _ = usual
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        servers = (IceServer(f"stun:127.0.0.1:{silent.getsockname()[1]}"),)
        answering = asyncio.ensure_future(gateway.answer("given up", CHROME, replace(ALAW, ice_servers=servers)))
        await until(lambda: gateway.counters()["ports_left"] == PORTS - 1)
        answering.cancel()
        await until(lambda: gateway.counters()["ports_left"] == PORTS)
    assert gateway.figures("given up") is None


class MutableMirror(MirrorOfAddresses):
    """One that answers nobody while it is `muted`; `asked`: how often it was."""

    def __init__(self) -> None:
        self.muted = True
        self.asked = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if not self.muted:
            super().datagram_received(data, addr)


async def test_a_dead_stun_server_keeps_one_browser_waiting_and_no_further_one(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, _ = usual
    transport, mirror = await asyncio.get_running_loop().create_datagram_endpoint(
        MutableMirror, local_addr=("127.0.0.1", 0)
    )
    server = IceServer(f"stun:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    wish = replace(ALAW, ice_servers=(server,))
    monkeypatch.setattr("media.webrtc.ice.GATHERING_S", 0.1)
    assert " srflx " not in (await gateway.answer("1", CHROME, wish)).sdp
    monkeypatch.setattr("media.webrtc.ice.GATHERING_S", 60.0)
    async with asyncio.timeout(5):
        assert " srflx " not in (await gateway.answer("2", CHROME, wish)).sdp
    await gateway.close("1")  # with it goes the question that was under way
    before = mirror.asked
    mirror.muted = False
    monkeypatch.setattr("media.webrtc.server_health.PROBE_AFTER_S", 0.0)
    await gateway.answer("3", CHROME, wish)
    await until(lambda: mirror.asked > before)
    async with asyncio.timeout(5):
        number = 4
        while " srflx " not in (await gateway.answer(str(number), CHROME, wish)).sdp:
            await gateway.close(str(number))
    for name in ("2", "3", str(number)):
        await gateway.close(name)
    transport.close()
    assert gateway.counters()["ports_left"] == PORTS


async def test_another_server_is_asked_in_the_place_of_a_dead_one(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, _ = usual
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_datagram_endpoint(made, local_addr=("127.0.0.1", 0)))[0]
        for made in (MutableMirror, MirrorOfAddresses)
    ]
    ports = [each.get_extra_info("sockname")[1] for each in transports]
    wish = replace(ALAW, ice_servers=tuple(IceServer(f"stun:127.0.0.1:{port}") for port in ports))
    monkeypatch.setattr("media.webrtc.ice.GATHERING_S", 0.1)
    assert " srflx " not in (await gateway.answer("dead", CHROME, wish)).sdp
    assert " srflx " in (await gateway.answer("well", CHROME, wish)).sdp
    for name in ("dead", "well"):
        await gateway.close(name)
    for each in transports:
        each.close()


class RelayOfNothing(MirrorOfAddresses):
    """A TURN server that gives everybody the same address, and relays nothing. `muted`: it answers nobody."""

    def __init__(self) -> None:
        self.muted = False
        self.ended = 0

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        if self.muted:
            return
        answer = stun.Message(asked.message_method, stun.Class.RESPONSE, asked.transaction_id)
        answer.attributes["LIFETIME"] = asked.attributes["LIFETIME"]
        answer.attributes["XOR-MAPPED-ADDRESS"] = answer.attributes["XOR-RELAYED-ADDRESS"] = ("198.51.100.9", 4321)
        self.ended += asked.attributes["LIFETIME"] == 0
        self.transport.sendto(bytes(answer), addr)


async def test_a_turn_server_that_falls_silent_keeps_nobody(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.webrtc.ice.CLOSING_S", 0.2)
    gateway, _ = usual
    transport, relay = await asyncio.get_running_loop().create_datagram_endpoint(
        RelayOfNothing, local_addr=("127.0.0.1", 0)
    )
    turn_server = IceServer(f"turn:127.0.0.1:{transport.get_extra_info('sockname')[1]}", "name", "secret")
    wish = replace(ALAW, ice_servers=(turn_server,))
    first = await gateway.answer("turn 1", CHROME, wish)
    await gateway.answer("turn 2", CHROME, wish)
    assert " 198.51.100.9 4321 typ relay " in first.sdp
    relay.muted = True
    async with asyncio.timeout(5):  # a request to a server is given up after more than 30 s
        await gateway.close("turn 1")
        await gateway.close("turn 2")
    assert gateway.counters()["ports_left"] == PORTS
    relay.muted = False
    await until(lambda: relay.ended == 2)
    transport.close()
