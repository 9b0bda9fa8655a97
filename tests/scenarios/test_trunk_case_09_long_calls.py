"""Hard case 9: long calls are kept alive on both legs, and a dead peer ends its call at the right second (RFC 4028)."""

from dataclasses import replace

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from b2bua.sip.settings import PeerPolicy
from b2bua.switch.why_unanswered import CONNECTION_ENDED
from storage.records import CallRecord
from tests.scenarios.conftest import OpenHouse
from tests.support.agents import answer_to, in_dialog_from_peer
from tests.support.house import CARRIER, ONE_TRUNK, OURS, Carrier, House
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import ALICE, BOB, Phone, answers

WITH_TIMER = f"{ONE_TRUNK}session_timer_s = 90\n"
REFRESHED = frozenset({"INVITE", "UPDATE"})


class TimedPeer:
    """A phone played by hand, which answers with session timers until it goes dumb.

    `refresher`: whom its 2xx names. `allows_update`: whether it takes refreshes by UPDATE.
    """

    def __init__(self, phone: Phone, refresher: str, *, allows_update: bool = False, interval_s: int = 90) -> None:
        self.phone = phone
        self.dumb = False
        self.refreshes: list[Request] = []
        self.answered_at = 0.0
        self._headers = [f"Session-Expires: {interval_s};refresher={refresher}", "Require: timer"]
        self._headers += [f"Allow: INVITE, ACK, BYE, CANCEL{', UPDATE' if allows_update else ''}"]
        self._port = phone.persona.media_port
        self.without_direction = False  # from now on in its descriptions
        phone.raw = self._take

    def _take(self, message: Request | Response, source: TransportAddress) -> None:
        if self.dumb or not isinstance(message, Request) or message.method == "ACK":
            return
        refreshing = message.method in REFRESHED
        if refreshing and message.to_tag is not None:
            self.refreshes.append(message)
        elif refreshing:
            self.answered_at = self.phone.clock.time()
        body = self.phone.persona.sdp(port=self._port).decode() if message.method == "INVITE" else ""
        if self.without_direction:
            body = body.replace("a=sendrecv\r\n", "")
        lines = [*(self._headers if refreshing else ()), *(["Content-Type: application/sdp"] if body else ())]
        at = self.phone.persona.sip
        contact = f"<sip:{self.phone.persona.word}@{at.host}:{at.port}>"
        answer = answer_to(
            message, 200, to_tag=f"{self.phone.persona.word}-tag", contact=contact, headers="\n".join(lines), body=body
        )
        self.phone.send(answer, source)

    def move_media(self, port: int) -> None:
        """From the next answer on its description names another port."""
        self._port = port


async def talking(house: House) -> CallRecord:
    """A call in which both talk without an end."""
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    return call


async def test_trunk_case_09_a_long_call_is_kept_alive_on_both_legs(open_house: OpenHouse) -> None:
    house = await open_house(trunks=WITH_TIMER)
    alice, bob = TimedPeer(house.alice, "uac", allows_update=True), TimedPeer(house.bob, "uac")
    call = await talking(house)
    await house.run(460.0)
    assert house.state(call) == "bridged"
    assert [each.method for each in alice.refreshes] == ["UPDATE"] * 10
    assert [each.method for each in bob.refreshes] == ["INVITE"] * 10
    assert house.bob.invite is not None
    assert {each.body for each in bob.refreshes} == {house.bob.invite.body}, "o= and all else unchanged"
    for each in (*alice.refreshes, *bob.refreshes):
        assert each.headers.get("Session-Expires") == "90;refresher=uac"
    await house.switch.hang_up("org-1", call.call_id)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "api_hangup")
    assert cdr.duration_s == pytest.approx(460, abs=1)


async def test_trunk_case_09_phones_that_refresh_by_themselves_are_answered_with_the_timer(
    open_house: OpenHouse,
) -> None:
    house = await open_house(trunks=WITH_TIMER)
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await talking(house)
    await house.run(400.0)
    assert house.state(call) == "bridged"
    for phone in (house.alice, house.bob):
        assert [method for method in phone.methods() if method in REFRESHED] == ["INVITE"]
        assert phone.user_agent.counters["session refreshes"] == 8
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a")


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(
    ("refresher", "ends_after_s"),
    [
        ("uas", 60),  # the peer's refresh is missing 90 - min(32, 30) s after the answer
        ("uac", 45 + 32),  # ours goes out at half the interval and gets no answer
    ],
)
async def test_trunk_case_09_a_dead_peer_s_call_ends_at_the_right_second_and_is_billed_to_then(
    open_house: OpenHouse, who: str, refresher: str, ends_after_s: int
) -> None:
    house = await open_house(trunks=WITH_TIMER)
    peers = {"alice": TimedPeer(house.alice, "uac"), "bob": TimedPeer(house.bob, "uac")}
    dead = peers[who] = TimedPeer(getattr(house, who), refresher)
    call = await talking(house)
    dead.dumb = True  # its RTP goes on, so that nothing but the timer tells
    over: list[float] = []
    alive = house.alice if who == "bob" else house.bob
    await house.until(lambda: "BYE" in alive.methods())
    over.append(house.clock.time() - dead.answered_at)
    assert over == [pytest.approx(ends_after_s, abs=0.01)]
    cdr = await house.ended(call)
    assert cdr.status == "completed"
    assert cdr.duration_s == pytest.approx(ends_after_s, abs=1)
    assert cdr.duration_s is not None
    assert cdr.price_paise == 150 * (2 if cdr.duration_s > 60 else 1)


async def test_trunk_case_09_the_answer_to_a_refresh_may_move_the_media(open_house: OpenHouse) -> None:
    house = await open_house(trunks=WITH_TIMER)
    TimedPeer(house.alice, "uac")
    bob = TimedPeer(house.bob, "uac")
    call = await talking(house)
    moved: list[bytes] = []
    at = TransportAddress("udp", house.bob.persona.media_host, 42100)
    house.media_network.attach(at, lambda content, _source, _local: moved.append(content))
    await house.run(40.0)
    assert moved == []
    bob.move_media(42100)
    await house.run(20.0)
    assert moved, "what A says goes where B's answer to the refresh points"
    await house.switch.hang_up("org-1", call.call_id)
    await house.ended(call)


async def test_trunk_case_09_a_hold_outlasts_a_refresh_whose_answer_says_nothing_of_it(open_house: OpenHouse) -> None:
    """No direction means sendrecv in an offer; of an inactive one it can only say yes (RFC 3264 6.1)."""
    house = await open_house(trunks=WITH_TIMER)
    TimedPeer(house.alice, "uac")
    bob = TimedPeer(house.bob, "uac")
    call = await talking(house)
    await house.run(1.0)
    house.bob.fall_silent()
    held = house.bob.persona.sdp(direction="inactive", version=2).decode()
    assert house.bob.invite is not None
    contact = f"Contact: <sip:bobby@{BOB.sip.host}:{BOB.sip.port}>"
    offer = in_dialog_from_peer(house.bob.invite, "INVITE", from_tag="bobby-tag", headers=contact, body=held)
    house.bob.send(offer, house.user_agent_address)
    await house.run(0.5)
    ack = in_dialog_from_peer(house.bob.invite, "ACK", from_tag="bobby-tag", branch="z9hG4bKack")
    house.bob.send(ack, house.user_agent_address)
    await house.run(0.5)
    heard = len(house.bob.heard())
    bob.without_direction = True
    await house.run(110.0)
    assert b"a=inactive" in bob.refreshes[0].body
    assert (len(house.bob.heard()), house.state(call)) == (heard, "bridged")
    await house.switch.hang_up("org-1", call.call_id)
    await house.ended(call)


async def test_trunk_case_09_a_trunk_that_wants_longer_sessions_gets_them(open_house: OpenHouse) -> None:
    house = await open_house(trunks=WITH_TIMER)
    TimedPeer(house.alice, "uac")
    bob = TimedPeer(house.bob, "uac", interval_s=200)
    answer_as_before = house.bob.raw
    assert answer_as_before is not None

    def refuse_short(message: Request | Response, source: TransportAddress) -> None:
        wanted = message.headers.get("Session-Expires") if isinstance(message, Request) else None
        if wanted is not None and int(wanted.partition(";")[0]) < 200:
            assert isinstance(message, Request)
            house.bob.send(answer_to(message, 422, to_tag="too-short", headers="Min-SE: 200"), source)
        else:
            answer_as_before(message, source)

    house.bob.raw = refuse_short
    call = await talking(house)
    invites = house.bob.requests("INVITE")
    assert [each.headers.get("Session-Expires") for each in invites] == ["90", "200"]
    assert {each.call_id for each in invites} == {invites[0].call_id}
    await house.run(210.0)
    assert len(bob.refreshes) == 2
    await house.switch.hang_up("org-1", call.call_id)
    cdr = await house.ended(call)
    assert cdr.status == "completed"


async def test_trunk_case_09_a_call_that_arrives_has_a_timer_of_its_own(open_house: OpenHouse) -> None:
    house = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(1.0)
    house.alice.on_request = lambda event: house.alice.endpoint.respond(event.transaction, 200)
    call = await house.arrive(DIALLED, policy=PeerPolicy(session_timer_s=90))
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(300.0)
    assert house.alice.methods() == ["UPDATE"] * 6, "whoever calls leaves it to us"
    assert house.bob.methods() == ["INVITE", "ACK"], "nobody asked for one on this leg"
    house.bob.hang_up()
    end = await house.relayed(call)
    assert (end.status, end.hangup_cause, end.hangup_party) == ("completed", "normal", "b")


@pytest.mark.parametrize(
    ("profile", "named", "method"),
    [
        ('session_refresher = "us"\nsession_refresh_method = "invite"\n', "uac", "INVITE"),
        ('session_refresher = "us"\nsession_refresh_method = "auto"\n', "uac", "UPDATE"),
        ('session_refresher = "peer"\n', "uas", None),
    ],
)
async def test_trunk_case_09_the_trunks_profile_says_who_refreshes_and_how(
    open_house: OpenHouse, profile: str, named: str, method: str | None
) -> None:
    house = await open_house(trunks=WITH_TIMER + profile)
    alice = TimedPeer(house.alice, named, allows_update=True)
    TimedPeer(house.bob, named, allows_update=True)
    call = await talking(house)
    invite = house.alice.invite
    assert invite is not None
    assert invite.headers.get("Session-Expires") == f"90;refresher={named}"
    await house.run(46.0)
    assert [refresh.method for refresh in alice.refreshes] == ([] if method is None else [method])
    await house.switch.hang_up(call.org_id, call.call_id)
    await house.ended(call)


async def test_trunk_case_09_the_log_says_of_a_dialog_over_tcp_that_its_connection_ended(open_house: OpenHouse) -> None:
    """And nothing of a network that refuses datagrams, which would have its reader look for a firewall."""
    house = await open_house(trunks=WITH_TIMER.replace(f"sip:{CARRIER.host}:{CARRIER.port}", "sip:carrier.example"))
    network, endpoint, broken = house.network, house.endpoint, list[bool]()

    def by_its_connection(content: bytes, _source: TransportAddress, to: TransportAddress) -> None:
        if broken:
            endpoint.transport_failed(to)
        else:
            network.carry(content, OURS, to._replace(transport="udp"))

    endpoint.attach(network.attach(OURS._replace(transport="tcp"), endpoint.received))
    network.unreachable = by_its_connection
    by_tcp = CARRIER._replace(transport="tcp")
    house.trunks.resolved(house.trunk(), [by_tcp])
    Carrier(network, [house.alice, house.bob], by_tcp)
    for phone in (house.alice, house.bob):
        TimedPeer(phone, "uac")
    call = await talking(house)
    broken.append(True)
    await house.ended(call)
    assert f"the dialog is lost: {CONNECTION_ENDED}" in "\n".join(house.log.lines)


async def test_trunk_case_09_the_log_says_of_a_callers_connection_that_it_ended(open_house: OpenHouse) -> None:
    house = await open_house(trunks=RELAYED)
    network, endpoint, ours = house.network, house.endpoint, OURS._replace(transport="tcp")
    endpoint.attach(network.attach(ours, endpoint.received))
    network.unreachable = lambda _content, _source, to: endpoint.transport_failed(to)
    by_tcp = replace(ALICE, sip=ALICE.sip._replace(transport="tcp"))
    caller = Phone(by_tcp, house.clock, network, house.media_network)
    house.bob.on_invite = answers(1.0)
    caller.call(DIALLED, ours, policy=PeerPolicy(session_timer_s=90))
    await house.until(lambda: caller.is_connected)
    network.detach(by_tcp.sip)
    await house.until(lambda: not house.switch._calls)
    assert f"the dialog is lost: {CONNECTION_ENDED}" in "\n".join(house.log.lines)
