"""Paths that a whole browser would not take: ICE of the light kind, DTLS before a pair is nominated, IPv6."""

import re

import pytest

from media.errors import UnusableBrowserOffer
from media.rtp.packet import RtpPacket
from media.webrtc.gateway import GatewaySettings, WebrtcGateway
from media.webrtc.ice import ROLE_SWITCHES_MAX
from media.webrtc.interface import (
    BrowserConnected,
    BrowserDisconnected,
    BrowserEvent,
    BrowserFailed,
    BrowserReconnected,
)
from tests.media.webrtc.gateway_bed import ALAW, HIGH, LOW, PLAIN, PORTS, Gateways, Plain, both_hear
from tests.support.plain_browser import PlainBrowser
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.until import until

pytestmark = pytest.mark.sockets

SIX = "::1"


@pytest.fixture(scope="module")
def with_six(gateways: Gateways) -> tuple[WebrtcGateway, list[BrowserEvent]]:
    return gateways.make(GatewaySettings(addresses=(("127.0.0.1", ""), (SIX, ""))))


async def talks(gateway: WebrtcGateway, session: str, browser: PlainBrowser, plain: Plain, to: tuple[str, int]) -> None:
    browser.say(LOW)
    await until(lambda: any(packet.payload == LOW for packet in plain.listen()))
    plain.socket.sendto(RtpPacket(8, 1, 160, 7, HIGH).render(), to)
    await until(lambda: any(packet.payload == HIGH for packet in browser.heard))
    await gateway.close(session)
    browser.close()
    assert gateway.counters()["ports_left"] == PORTS


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
async def test_a_browser_with_ice_of_the_light_kind_is_heard(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain, setup: str
) -> None:
    """RFC 8445 section 2.5: it never checks, so that only our checks show that its address is its own."""
    gateway, told = usual
    browser = PlainBrowser(setup, lite=True)
    name = f"lite {setup}"
    answer = await gateway.answer(name, browser.offer(), ALAW)
    await gateway.aim(name, plain.address, PLAIN)
    browser.take(answer.sdp)
    if setup == "active":
        await until(lambda: browser.nominated)
        browser.begin_handshake()
    await until(lambda: BrowserConnected(name) in told and browser.dtls is not None and browser.dtls.keys is not None)
    await talks(gateway, name, browser, plain, answer.plain)


@pytest.mark.parametrize("hello_first", [False, True])
async def test_a_handshake_that_begins_before_a_pair_is_nominated_is_answered(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain, hello_first: bool
) -> None:
    """RFC 8445 section 12.1: any valid pair carries data until one is selected. `hello_first`: before our check of it
    was answered, so that there is no valid pair yet."""
    gateway, told = usual
    name = f"early {hello_first}"
    browser = PlainBrowser("active", lite=False)
    browser.answers_checks = not hello_first
    answer = await gateway.answer(name, browser.offer(), ALAW)
    await gateway.aim(name, plain.address, PLAIN)
    browser.take(answer.sdp)
    browser.check(nominate=False)
    await until(lambda: browser.checked)
    browser.begin_handshake()
    browser.answers_checks = True
    await until(lambda: browser.dtls is not None and browser.dtls.keys is not None)
    await until(lambda: BrowserConnected(name) in told)
    browser.check(nominate=True)
    await talks(gateway, name, browser, plain, answer.plain)


async def test_a_browser_that_disputes_the_roles_for_ever_is_asked_a_few_times(
    impatient: tuple[WebrtcGateway, list[BrowserEvent]],
) -> None:
    """RFC 8445 section 7.2.5.1 has the check made again at once, in the other role."""
    gateway, told = impatient
    browser = PlainBrowser("passive", lite=False)
    browser.disputes_roles = True
    answer = await gateway.answer("disputed", browser.offer(), ALAW)
    browser.take(answer.sdp)
    await until(lambda: BrowserFailed("disputed", "connect_timeout") in told)
    assert 2 <= browser.checks_heard <= ROLE_SWITCHES_MAX + 2
    await gateway.close("disputed")
    browser.close()


async def test_a_browser_whose_nat_gives_it_another_port_is_followed(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    """RFC 8445 section 7.3.1.3: its check from there is one of a peer-reflexive candidate. No restart is needed."""
    gateway, told = usual
    browser = PlainBrowser("passive", lite=False)
    answer = await gateway.answer("moves", browser.offer(), ALAW)
    await gateway.aim("moves", plain.address, PLAIN)
    browser.take(answer.sdp)
    browser.check(nominate=True)
    await until(lambda: BrowserConnected("moves") in told and browser.dtls is not None and browser.dtls.keys)
    browser.move()
    browser.checked = False
    browser.check(nominate=True)
    await until(lambda: browser.checked)
    await until(lambda: browser.checks_heard > 1)
    assert BrowserDisconnected("moves") not in told
    await talks(gateway, "moves", browser, plain, answer.plain)


async def test_a_pair_that_is_never_nominated_is_given_up(
    impatient: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain
) -> None:
    gateway, told = impatient
    browser = PlainBrowser("active", lite=False)
    answer = await gateway.answer("never", browser.offer(), ALAW)
    browser.take(answer.sdp)
    browser.check(nominate=False)
    await until(lambda: browser.checked)
    browser.begin_handshake()
    await until(lambda: BrowserConnected("never") in told)
    await until(lambda: BrowserDisconnected("never") in told)
    await gateway.close("never")
    browser.close()


async def test_ice_is_restarted_by_a_whole_offer(usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain) -> None:
    """RFC 8445 section 9: DTLS and its keys go on."""
    gateway, told = usual
    browser = PlainBrowser("passive", lite=False)
    answer = await gateway.answer("offer", browser.offer(), ALAW)
    await gateway.aim("offer", plain.address, PLAIN)
    browser.take(answer.sdp)
    browser.check(nominate=True)
    await until(lambda: BrowserConnected("offer") in told)
    browser.renew()
    again = await gateway.restart("offer", browser.offer())
    assert re.findall("a=ice-ufrag:.*", again) != re.findall("a=ice-ufrag:.*", answer.sdp)
    assert re.findall("a=fingerprint:.*", again) == re.findall("a=fingerprint:.*", answer.sdp)
    browser.take(again)
    browser.check(nominate=True)
    await until(lambda: BrowserReconnected("offer") in told)
    await until(lambda: gateway.counters()["ports_left"] == PORTS - 1)
    another = PlainBrowser("passive", lite=False)
    with pytest.raises(UnusableBrowserOffer, match="another certificate"):
        await gateway.restart("offer", another.offer())
    another.close()
    await talks(gateway, "offer", browser, plain, answer.plain)


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_a_browser_that_wants_nothing_is_sent_nothing_until_it_does(
    usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain, direction: str
) -> None:
    """RFC 3264 section 6.1: as the answer says."""
    gateway, told = usual
    browser = PlainBrowser("passive", lite=True)
    offer = browser.offer().replace("a=mid:0", f"a={direction}\r\na=mid:0")
    answer = await gateway.answer(direction, offer, ALAW)
    await gateway.aim(direction, plain.address, PLAIN)
    browser.take(answer.sdp)
    await until(lambda: BrowserConnected(direction) in told and browser.dtls is not None and browser.dtls.keys)
    browser.say(LOW)
    await until(lambda: [packet.payload for packet in plain.listen()] == [LOW])
    plain.socket.sendto(RtpPacket(8, 1, 160, 7, LOW).render(), answer.plain)
    browser.renew()
    browser.take(await gateway.restart(direction, browser.offer()))
    await until(lambda: BrowserReconnected(direction) in told)
    plain.socket.sendto(RtpPacket(8, 2, 320, 7, HIGH).render(), answer.plain)
    await until(lambda: browser.heard)
    assert [packet.payload for packet in browser.heard] == [HIGH]
    await gateway.close(direction)
    browser.close()


async def test_a_restart_keeps_the_roles_of_dtls(usual: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain) -> None:
    """RFC 8842 section 5.5: who was the client remains it, as the association does; an offer that has it otherwise
    wants another association."""
    gateway, told = usual
    browser = PlainBrowser("active", lite=False)
    answer = await gateway.answer("roles", browser.offer(), ALAW)
    await gateway.aim("roles", plain.address, PLAIN)
    browser.take(answer.sdp)
    browser.check(nominate=True)
    await until(lambda: browser.checked)
    browser.begin_handshake()
    await until(lambda: BrowserConnected("roles") in told)
    browser.renew()
    offer = browser.offer()
    with pytest.raises(UnusableBrowserOffer, match="another role in DTLS"):
        await gateway.restart("roles", offer.replace("a=setup:active", "a=setup:passive"))
    again = await gateway.restart("roles", offer.replace("a=setup:active", "a=setup:actpass"))
    assert re.findall("a=setup:.*", again) == re.findall("a=setup:.*", answer.sdp)
    browser.take(again)
    browser.check(nominate=True)
    await until(lambda: BrowserReconnected("roles") in told)
    await talks(gateway, "roles", browser, plain, answer.plain)


async def test_a_browser_that_connects_after_it_was_given_up_loses_no_handshake(
    gateways: Gateways,
) -> None:
    """RFC 6347 section 4.2.4: a flight that was lost is sent again, after a second."""
    gateway, told = gateways.make(GatewaySettings(connect_timeout_s=2.0))
    browser = PlainBrowser("actpass", lite=True)
    browser.answers_checks = False
    await gateway.answer("late", browser.offer(), ALAW)
    await until(lambda: BrowserFailed("late", "connect_timeout") in told)
    browser.renew()
    browser.answers_checks = True
    again = await gateway.restart("late", browser.offer())
    await until(lambda: browser.nominated)
    await until(lambda: browser.unheard > 0)
    browser.take(again)
    await until(lambda: BrowserConnected("late") in told)
    await gateway.close("late")
    browser.close()


async def test_a_whole_call_over_ipv6(
    with_six: tuple[WebrtcGateway, list[BrowserEvent]], plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [SIX])
    gateway, told = with_six
    browser = ScriptedBrowser()
    offer = await browser.offer()
    assert f" {SIX} " in offer
    answer = await gateway.answer("six", offer, ALAW)
    assert " 127.0.0.1 " in answer.sdp
    assert f" {SIX} " in answer.sdp
    await gateway.aim("six", plain.address, PLAIN)
    await browser.take(answer.sdp)
    await until(lambda: BrowserConnected("six") in told and browser.transport.state == "connected")
    assert browser.ice._nominated[1].remote_addr[0] == SIX
    await both_hear(browser, answer, plain)
    await gateway.close("six")
    await browser.close()
    assert gateway.counters()["ports_left"] == PORTS


async def test_consent_of_a_light_browser_runs_out_over_ipv6(gateways: Gateways, plain: Plain) -> None:
    gateway, told = gateways.make(GatewaySettings(addresses=((SIX, ""),), consent_interval_s=0.05, consent_s=0.2))
    browser = PlainBrowser("actpass", lite=True, host=SIX)
    answer = await gateway.answer("gone", browser.offer(), ALAW)
    await gateway.aim("gone", plain.address, PLAIN)
    browser.take(answer.sdp)
    await until(lambda: BrowserConnected("gone") in told)
    browser.answers_checks = False
    await until(lambda: BrowserDisconnected("gone") in told)
    figures = gateway.figures("gone")
    assert figures is not None
    assert not figures.connected
    await gateway.close("gone")
    browser.close()
