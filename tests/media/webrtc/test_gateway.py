"""Browsers through the gateway over loopback: aiortc's ICE and DTLS on their side, a leg of the packet path on ours."""

import asyncio
import re
import socket
from contextlib import ExitStack, suppress

import pytest
from aioice import Candidate, Connection

from b2bua.packet_path import watch_on
from b2bua.tokens import SystemTokens
from media.codecs.g711 import alaw_to_linear
from media.engine import MediaEngine, MediaSettings
from media.errors import (
    BrowserPortsExhausted,
    GatewayClosed,
    NoSharedCodec,
    TooManyBrowsers,
    UnknownBrowser,
    UnusableBrowserOffer,
    UnusableFragment,
)
from media.events import DigitPressed, MediaEvent
from media.leg import LegProfile
from media.rtp.dtmf import event_payloads
from media.rtp.packet import RtpPacket
from media.rtp.rtcp import Report, ReportBlock, build_report
from media.webrtc.fragment import parse_fragment, render_fragment
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.ice import STRANGERS_BURST
from media.webrtc.ice_parameters import IceCredentials
from media.webrtc.interface import (
    BrowserAnswer,
    BrowserClosed,
    BrowserConnected,
    BrowserDisconnected,
    BrowserEvent,
    BrowserFailed,
    BrowserReconnected,
    BrowserWish,
    PayloadTypes,
)
from tests.media.webrtc.gateway_bed import ALAW, HIGH, LOW, PLAIN, PORTS, Gateways, Plain, both_hear, connected
from tests.media.webrtc.offers import CHROME, FINGERPRINT
from tests.support.free_ports import PortLease
from tests.support.rtp_probe import amplitude
from tests.support.scripted_browser import EVENTS, ScriptedBrowser
from tests.support.until import until

pytestmark = pytest.mark.sockets

# A binding request as STUN has it, with nothing in it that only the browser knows.
REQUEST = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)


async def test_tones_and_digits_cross_between_a_browser_and_a_phone(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    loop = asyncio.get_running_loop()
    events: list[MediaEvent] = []
    with ExitStack() as stack:
        first = stack.enter_context(PortLease(20))
        settings = MediaSettings("127.0.0.1", ports=(first, first + 19), port_rest_s=0.1)
        post = loop.call_soon_threadsafe
        engine = MediaEngine(settings, SystemTokens(), loop.time, events.append, None, post, watch=watch_on(loop))
        stack.callback(engine.close)
        engine.start()
        engine.open_leg("c/phone", LegProfile())
        phone_port = int(re.findall(rb"m=audio (\d+)", engine.offer("c/phone"))[0])
        engine.apply_answer("c/phone", sdp(plain.address[1], 101))
        engine.open_leg("c/agent", LegProfile())
        agent_port = int(re.findall(rb"m=audio (\d+)", engine.offer("c/agent"))[0])
        browser = ScriptedBrowser()
        answer = await gateway.answer("tones", await browser.offer(), ALAW)
        assert answer.payload_types == PayloadTypes(8, EVENTS)
        engine.apply_answer("c/agent", sdp(answer.plain[1], 101))
        await gateway.aim("tones", ("127.0.0.1", agent_port), PLAIN)
        engine.bridge("c/phone", "c/agent")
        await browser.take(answer.sdp)
        await until(lambda: browser.transport.state == "connected" and BrowserConnected("tones") in told)

        for _ in range(5):
            await browser.say(LOW)
        await until(lambda: sum(packet.payload == LOW for packet in plain.listen()) >= 5)
        for number in range(5):
            plain.socket.sendto(RtpPacket(8, number, number * 160, 7, HIGH).render(), ("127.0.0.1", phone_port))
        await until(lambda: sum(packet.payload == HIGH for packet in browser.heard) >= 5)
        to_phone = next(packet for packet in plain.heard if packet.payload == LOW)
        assert amplitude(alaw_to_linear(to_phone.payload), 400.0) > 10 * amplitude(alaw_to_linear(HIGH), 400.0)

        # A key of the browser's reaches the phone under the phone's payload type, and ours tells of it once.
        await browser.press(event_payloads("5", 60))
        await until(lambda: any(packet.payload_type == 101 for packet in plain.listen()))
        await until(lambda: [event.digit for event in events if isinstance(event, DigitPressed)] == ["5"])
        engine.send_digit("c/agent", "7", 60)
        await until(lambda: any(packet.payload_type == EVENTS for packet in browser.heard))
        figures = gateway.figures("tones")
        assert figures is not None
        assert (figures.connected, figures.unauthentic, figures.unmapped) == (True, 0, 0)
        assert figures.received_packets >= 8
        await gateway.close("tones")
        await browser.close()


def sdp(port: int, events: int) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 {events}\r\na=rtpmap:{events} telephone-event/8000\r\n"
    ).encode()


async def test_reports_cross_and_are_read(usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain) -> None:
    gateway, told = usual
    browser, answer = await connected(gateway, told, "reports", plain)
    await both_hear(browser, answer, plain)
    block = ReportBlock(7, 0, 3, 0, 16, 0, 0)
    await browser.send(build_report(Report(0xB0B, None, (block,))))
    await until(lambda: reported(gateway, "reports") == (3, 2.0))
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with control:
        control.bind(("127.0.0.1", plain.address[1] + 1))
        control.sendto(build_report(Report(7, None, ())), (answer.plain[0], answer.plain[1] + 1))
        await until(lambda: browser.reports)
    await until(lambda: consented(gateway, "reports"))
    await gateway.close("reports")
    await browser.close()


def reported(gateway: WebrtcGateway, session: str) -> tuple[int, float] | None:
    figures = gateway.figures(session)
    return None if figures is None else (figures.sent_lost, figures.sent_jitter_ms)


def consented(gateway: WebrtcGateway, session: str) -> bool:
    figures = gateway.figures(session)
    return figures is not None and figures.round_trip_ms is not None


async def test_ice_is_restarted_and_the_call_goes_on(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    browser, answer = await connected(gateway, told, "restart", plain)
    await both_hear(browser, answer, plain)
    before = browser.ice
    await restart(gateway, browser, "restart")
    await until(lambda: BrowserReconnected("restart") in told)
    await before.close()
    await both_hear(browser, answer, plain)
    await gateway.close("restart")
    await browser.close()


async def restart(gateway: WebrtcGateway, browser: ScriptedBrowser, session: str) -> None:
    """What a browser does that is told to restart ICE: a new session of it under the same DTLS."""
    following = Connection(ice_controlling=True)
    browser.further.append(following)
    await following.gather_candidates()
    credentials = IceCredentials(following.local_username, following.local_password)
    ours = parse_fragment(await gateway.restart(session, render_fragment(credentials, "0", ())), "0")
    assert ours.credentials is not None
    following.remote_username, following.remote_password = ours.credentials.ufrag, ours.credentials.password
    for each in ours.candidates:
        await following.add_remote_candidate(
            Candidate(each.foundation, 1, "udp", each.priority, each.address, each.port, each.kind)
        )
    await following.add_remote_candidate(None)
    await following.connect()
    transport = browser.transport.transport
    waiting = transport._recv
    transport._recv, transport._send = following.recv, following.send
    # Who waits on the one before is sent on, by a packet that is nothing.
    waiting.__self__._queue.put_nowait((b"\xff", 1))


async def test_consent_that_runs_out_stops_what_is_sent_until_the_browser_is_back(
    impatient: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    """RFC 7675 section 5.1."""
    gateway, told = impatient
    browser, answer = await connected(gateway, told, "consent", plain)
    await both_hear(browser, answer, plain)
    browser.ice.request_received = lambda *_: None
    await until(lambda: BrowserDisconnected("consent") in told)
    before = gateway.figures("consent")
    assert before is not None
    assert not before.connected
    plain.socket.sendto(RtpPacket(8, 900, 900, 7, HIGH).render(), answer.plain)
    await restart(gateway, browser, "consent")
    await until(lambda: BrowserReconnected("consent") in told)
    heard = len(browser.heard)
    plain.socket.sendto(RtpPacket(8, 901, 901, 7, LOW).render(), answer.plain)
    await until(lambda: len(browser.heard) > heard)
    assert [packet.sequence for packet in browser.heard[heard:]] == [901]
    await gateway.close("consent")
    await browser.close()


async def test_a_certificate_that_is_not_the_offers_is_refused(
    impatient: tuple[WebrtcGateway, list[BrowserEvent]],
) -> None:
    gateway, told = impatient
    browser = ScriptedBrowser()
    offer = re.sub(r"a=fingerprint:sha-256 .*", f"a=fingerprint:{FINGERPRINT}", await browser.offer())
    answer = await gateway.answer("wrong", offer, ALAW)
    await browser.take(answer.sdp)
    await until(lambda: BrowserFailed("wrong", "fingerprint") in told)
    with pytest.raises(UnusableFragment, match="only a new offer"):
        await restart(gateway, browser, "wrong")
    assert BrowserConnected("wrong") not in told
    assert gateway.counters()["ports_left"] == PORTS - 1
    figures = gateway.figures("wrong")
    assert figures is not None
    assert not figures.connected
    await gateway.close("wrong")
    await browser.close()


async def test_a_browser_that_begins_the_handshake_is_answered(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    browser = ScriptedBrowser()
    offer = (await browser.offer()).replace("a=setup:actpass", "a=setup:active")
    answer = await gateway.answer("active", offer, ALAW)
    assert "a=setup:passive" in answer.sdp
    await gateway.aim("active", plain.address, PLAIN)
    await browser.take(answer.sdp)
    await until(lambda: BrowserConnected("active") in told and browser.transport.state == "connected")
    await both_hear(browser, answer, plain)
    await gateway.close("active")
    await browser.close()


async def test_a_flood_of_strangers_is_turned_away_and_the_call_goes_on(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    browser, answer = await connected(gateway, told, "flood", plain)
    port = port_of(answer)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.setblocking(False)
        for _ in range(400):
            stranger.sendto(REQUEST, ("127.0.0.1", port))
        await until(lambda: refused(gateway, "flood") > 200)
        answered = 0
        with suppress(BlockingIOError):
            while stranger.recv(2048):
                answered += 1
        assert 0 < answered <= 2 * STRANGERS_BURST
        # Neither SRTP of no key nor DTLS of a stranger is taken.
        stranger.sendto(b"\x80\x08" + bytes(170), ("127.0.0.1", port))
        await until(lambda: unauthentic(gateway, "flood") == 1)
    await both_hear(browser, answer, plain)
    await gateway.close("flood")
    await browser.close()


async def test_a_browser_at_an_address_that_nobody_knows_connects_through_a_flood(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those do that hide their addresses behind names of mDNS."""
    # Of a flood that leaves nothing over for others, without its making.
    monkeypatch.setattr("media.webrtc.ice.STRANGERS_PER_S", 0)
    gateway, told = usual
    browser = ScriptedBrowser()
    offer = re.sub(r"a=candidate:.*\r\n", "", await browser.offer())
    answer = await gateway.answer("hidden", offer, ALAW)
    await gateway.aim("hidden", plain.address, PLAIN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(STRANGERS_BURST + 1):
            stranger.sendto(REQUEST, ("127.0.0.1", port_of(answer)))
    await until(lambda: refused(gateway, "hidden") == 1)
    await browser.take(answer.sdp)
    await until(lambda: BrowserConnected("hidden") in told and browser.transport.state == "connected")
    await both_hear(browser, answer, plain)
    await gateway.close("hidden")
    await browser.close()


def port_of(answer: BrowserAnswer) -> int:
    """Where a browser is met on the loopback."""
    return int(re.findall(r"a=candidate:\S+ 1 udp \d+ 127.0.0.1 (\d+)", answer.sdp)[0])


def refused(gateway: WebrtcGateway, session: str) -> int:
    figures = gateway.figures(session)
    return 0 if figures is None else figures.refused_checks


def unauthentic(gateway: WebrtcGateway, session: str) -> int:
    figures = gateway.figures(session)
    return 0 if figures is None else figures.unauthentic


async def test_a_page_that_was_loaded_anew_takes_the_place_of_the_one_before(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    first, answer = await connected(gateway, told, "reload", plain)
    await both_hear(first, answer, plain)
    second = ScriptedBrowser()
    again = await gateway.answer("reload", await second.offer(), ALAW)
    assert again.plain == answer.plain
    await second.take(again.sdp)
    await until(lambda: BrowserReconnected("reload") in told and second.transport.state == "connected")
    await both_hear(second, again, plain)
    await gateway.close("reload")
    await first.close()
    await second.close()


async def test_a_browser_that_leaves_says_so_and_its_ports_are_free(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    assert gateway.counters()["ports_left"] == PORTS
    browser, answer = await connected(gateway, told, "leaves", plain)
    assert gateway.counters()["ports_left"] == PORTS - 1
    await browser.close()
    await until(lambda: BrowserClosed("leaves") in told and gateway.counters()["ports_left"] == PORTS)
    assert gateway.figures("leaves") is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(answer.plain)


async def test_close_ends_it_for_the_browser_and_tells_nothing(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    browser, _ = await connected(gateway, told, "closed", plain)
    await gateway.close("closed")
    await until(lambda: browser.transport.state == "closed")
    assert gateway.counters()["ports_left"] == PORTS
    assert BrowserClosed("closed") not in told
    await gateway.close("closed")
    await browser.close()


async def test_ports_go_back_though_nobody_waits_for_the_end(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else there is to wait for, such as a relay's server."""
    gateway, _ = usual
    waiting, given_up = asyncio.Event(), asyncio.Event()
    close = Connection.close

    async def waits(ice: Connection) -> None:
        waiting.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await close(ice)  # its checks would outlive the gateway
            given_up.set()

    answer = await gateway.answer("unwaited", CHROME, ALAW)
    monkeypatch.setattr(Connection, "close", waits)
    closing = asyncio.ensure_future(gateway.close("unwaited"))
    await until(waiting.is_set)
    assert gateway.counters()["ports_left"] == PORTS
    closing.cancel()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(answer.plain)
    await until(given_up.is_set)


async def test_what_the_browser_says_goes_nowhere_before_it_is_aimed(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = usual
    browser = ScriptedBrowser()
    answer = await gateway.answer("unaimed", await browser.offer(), ALAW)
    await browser.take(answer.sdp)
    await until(lambda: BrowserConnected("unaimed") in told and browser.transport.state == "connected")
    await browser.say(LOW)
    await until(lambda: (gateway.figures("unaimed") or PLAIN) and received(gateway, "unaimed") == 1)
    await gateway.aim("unaimed", plain.address, PayloadTypes(8, None))
    await browser.press([b"\x05\x0a\x00\xa0"])
    await both_hear(browser, answer, plain)
    assert [packet.payload for packet in plain.heard] == [LOW], "events that the plain side has not are not passed"
    with pytest.raises(ValueError, match="version"):
        await gateway.aim("unaimed", ("::1", 4000), PLAIN)
    await gateway.close("unaimed")
    await browser.close()


def received(gateway: WebrtcGateway, session: str) -> int:
    figures = gateway.figures(session)
    return 0 if figures is None else figures.received_packets


async def test_what_cannot_be_is_refused_and_leaves_nothing(
    impatient: tuple[WebrtcGateway, list[BrowserEvent]],
) -> None:
    gateway, told = impatient
    with pytest.raises(UnusableBrowserOffer):
        await gateway.answer("x", "v=0", ALAW)
    with pytest.raises(NoSharedCodec):
        await gateway.answer("x", CHROME, BrowserWish(("G722", "PCMA")[:0]))
    with pytest.raises(UnknownBrowser):
        await gateway.trickle("x", "a=ice-ufrag:abcd")
    assert gateway.counters()["ports_left"] == PORTS
    await gateway.answer("1", CHROME, ALAW)
    await gateway.answer("2", CHROME, ALAW)
    with pytest.raises(TooManyBrowsers):
        await gateway.answer("3", CHROME, ALAW)
    with pytest.raises(UnusableFragment, match="over"):
        await gateway.trickle("1", "a=ice-ufrag:other")
    await gateway.trickle("1", "a=ice-ufrag:yxXb\na=mid:0\na=candidate:1 1 udp 1 127.0.0.1 9 typ host")
    with pytest.raises(UnusableFragment, match="no new"):
        await gateway.restart("1", "a=mid:0")
    # Nobody is there behind these offers.
    await until(lambda: told.count(BrowserFailed("1", "connect_timeout")) == 1)
    await gateway.close("1")
    await gateway.close("2")
    assert gateway.counters()["ports_left"] == PORTS


async def test_a_gateway_without_a_port_refuses(gateways: Gateways) -> None:
    gateway, _ = gateways.make(GatewaySettings())
    for number in range(PORTS):
        await gateway.answer(str(number), CHROME, ALAW)
    with pytest.raises(BrowserPortsExhausted):
        await gateway.answer("more", CHROME, ALAW)
    assert gateway.figures("more") is None
    await gateway.stop()
    assert gateway.counters()["browsers"] == 0
    with pytest.raises(GatewayClosed):
        await gateway.answer("late", CHROME, ALAW)


async def test_what_a_late_message_has_begun_ends_with_the_gateway(gateways: Gateways) -> None:
    """A check of ICE that comes while all is closed is answered by one of ours, which nobody waits for."""
    ends: list[str] = []
    left: list[asyncio.Task[None]] = []

    async def check() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    def begin(event: BrowserEvent) -> None:
        if isinstance(event, BrowserClosed):
            left.append(asyncio.get_running_loop().create_task(check()))

    gateway, _ = gateways.make(GatewaySettings(), begin)
    await gateway.answer("1", CHROME, ALAW)
    await gateway.stop()
    assert (ends, [task.cancelled() for task in left]) == (["cancelled"], [True])
