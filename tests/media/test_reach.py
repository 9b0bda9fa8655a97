"""What an SDP may name: nothing of our own, and loopback for peers on loopback alone."""

from collections.abc import Callable
from dataclasses import dataclass
from socket import AF_INET, SOCK_DGRAM, socket

import pytest

from b2bua.clock import SystemClock
from b2bua.tokens import SystemTokens
from media.engine import MediaEngine, MediaSettings
from media.errors import UnusableSdp
from media.leg import LegProfile, MediaLeg
from media.packet_path.interface import RemotePlan
from media.ports import is_of_this_machine
from media.reach import Reach
from media.rtp.packet import RtpPacket, parse_packet

PORTS = (20_000, 20_099)
OURS, TOLD, OURS_IPV6 = "192.0.2.10", "203.0.113.5", "2001:db8::10"


def sdp(address: str, port: int = 4000, rtcp: str = "") -> bytes:
    kind = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 198.51.100.7",
        "s=-",
        f"c=IN {kind} {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8",
        *([f"a=rtcp:{rtcp}"] if rtcp else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n"


def plan(
    body: bytes,
    *,
    ours: tuple[str, ...] = (OURS, TOLD, OURS_IPV6),
    loopback: bool = False,
    here: frozenset[str] = frozenset(),
) -> RemotePlan:
    """What becomes of an offer, and of the same as an answer."""
    reach = Reach(ours, range(PORTS[0], PORTS[1] + 1).__contains__, here.__contains__)
    address = OURS_IPV6 if b"IN IP6" in body and b"ffff:" not in body else OURS
    made = [MediaLeg(name, LegProfile(loopback=loopback), address, 20_000, 1, reach=reach) for name in ("a", "b")]
    _, offered = made[0].answer_offer(body)
    made[1].offer(None)
    answered = made[1].apply_answer(body)
    assert (answered.remote, answered.control) == (offered.remote, offered.control)
    return offered


@pytest.mark.parametrize("address", [OURS, TOLD, OURS_IPV6, "2001:db8:0:0::10", f"::ffff:{OURS}"])
@pytest.mark.parametrize("port", [PORTS[0], 20_051, PORTS[1]])
def test_no_port_of_our_own_is_sent_to(address: str, port: int) -> None:
    with pytest.raises(UnusableSdp, match="our own media"):
        plan(sdp(address, port))


def test_other_programs_of_this_machine_are_sent_to() -> None:
    for port in (PORTS[0] - 1, PORTS[1] + 1):
        assert plan(sdp(OURS, port, rtcp="40001")).remote == (OURS, port)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_for_peers_on_loopback_alone(address: str) -> None:
    with pytest.raises(UnusableSdp, match="loopback"):
        plan(sdp(address))
    found = plan(sdp(address), loopback=True).remote
    assert found == (address.removeprefix("::ffff:"), 4000)
    assert plan(sdp(address), ours=("127.0.0.1",)).remote == found, "nobody else is heard there"


def test_listening_everywhere_makes_every_address_of_this_machine_ours() -> None:
    everywhere, here = ("0.0.0.0", TOLD), frozenset({"10.0.0.5", "127.0.0.1"})
    for address, loopback in (("10.0.0.5", False), (TOLD, False), ("127.0.0.1", True)):
        with pytest.raises(UnusableSdp, match="our own media"):
            plan(sdp(address, 20_010), ours=everywhere, here=here, loopback=loopback)
    assert plan(sdp("10.0.0.6", 20_010), ours=everywhere, here=here).remote == ("10.0.0.6", 20_010)
    assert plan(sdp("10.0.0.5", 30_010), ours=everywhere, here=here).remote == ("10.0.0.5", 30_010)


@pytest.mark.parametrize("rtcp", ["4001 IN IP4 127.0.0.1", f"20007 IN IP4 {OURS}", "20007 IN IP4 0.0.0.0"])
def test_rtcp_is_kept_from_where_it_may_not_go_and_the_media_goes_on(rtcp: str) -> None:
    found = plan(sdp("198.51.100.7", rtcp=rtcp))
    assert (found.remote, found.control) == (("198.51.100.7", 4000), None)


def test_a_refused_address_leaves_the_session_as_it_was() -> None:
    leg = MediaLeg(
        "leg", LegProfile(), OURS, 20_000, 1, reach=Reach((OURS,), {20_010}.__contains__, frozenset().__contains__)
    )
    own, _ = leg.answer_offer(sdp("198.51.100.7"))
    settled = leg.negotiated
    with pytest.raises(UnusableSdp):
        leg.answer_offer(sdp(OURS, 20_010))
    assert (leg.answer(), leg.negotiated) == (own, settled)


@dataclass
class OpenLeg:
    """A leg of ours, at an even port by its number."""

    name: str
    port: int
    remote: tuple[str, int] | None = None
    learns_address: bool = False
    host: str = OURS


def calls(**remotes: int | tuple[str, int] | None) -> dict[str, OpenLeg]:
    """Legs "a1", "b1" (of call 1), ... at ports 20000, 20002, ...; each sends to one of these ports, elsewhere, or
    nowhere yet."""
    legs = {}
    for place, (name, remote) in enumerate(remotes.items()):
        target = (OURS, remote) if isinstance(remote, int) else remote
        legs[name] = OpenLeg(f"{name[1]}/{name[0]}", 20_000 + 2 * place, target)
    return legs


def faces(legs: dict[str, OpenLeg], leg: str, port: int, address: str = TOLD) -> str:
    """The address that `leg` is to send to where its SDP names a port of ours."""
    reach = Reach((OURS, TOLD), range(*PORTS).__contains__, frozenset().__contains__, lambda: list(legs.values()))
    return reach.check(address, port, loopback=False, leg=legs[leg])


ELSEWHERE = ("198.51.100.7", 4000)


def test_a_leg_of_another_call_may_be_faced_and_is_sent_to_where_it_is_bound() -> None:
    """A call of ours that a carrier sent back: its offer names b1, whose peer is not known yet, then the answer a2."""
    legs = calls(a1=ELSEWHERE, b1=None, a2=None)
    assert faces(legs, "a2", legs["b1"].port) == OURS
    legs["a2"].remote = (OURS, legs["b1"].port)
    assert faces(legs, "b1", legs["a2"].port, OURS) == OURS
    legs["b1"].remote = (OURS, legs["a2"].port)
    assert faces(legs, "a2", legs["b1"].port) == OURS, "and again, as a re-INVITE says it"


def test_a_leg_that_has_another_peer_is_not_sent_to() -> None:
    for remote in (ELSEWHERE, (OURS, 20_006), ("2001:db8::1", 20_004), ("198.51.100.7", 20_004)):
        legs = calls(a1=ELSEWHERE, b1=remote, a2=None)
        with pytest.raises(UnusableSdp, match="our own media"):
            faces(legs, "a2", legs["b1"].port)


def test_neither_itself_nor_the_other_leg_of_its_call_is_faced() -> None:
    legs = calls(a1=None, b1=None)
    for port in (legs["a1"].port, legs["b1"].port, legs["b1"].port + 1, 20_050):
        with pytest.raises(UnusableSdp, match="our own media"):
            faces(legs, "a1", port)


@pytest.mark.parametrize("learns", ["b1", "a2"])
def test_who_learns_where_packets_come_from_faces_nobody(learns: str) -> None:
    legs = calls(a1=ELSEWHERE, b1=None, a2=None)
    legs[learns].learns_address = True
    with pytest.raises(UnusableSdp, match="our own media"):
        faces(legs, "a2", legs["b1"].port)


@pytest.mark.parametrize("closed_by", ["b3", "a1"])
def test_no_way_goes_round(closed_by: str) -> None:
    """Three calls one behind the other: the last may not lead back into the first, whichever side is settled last."""
    legs = calls(a1=None, b1=20_004, a2=20_002, b2=20_008, a3=20_006, b3=None)
    faced = {"b3": "a1", "a1": "b3"}[closed_by]
    with pytest.raises(UnusableSdp, match="our own media"):
        faces(legs, closed_by, legs[faced].port)
    other = calls(a1=None, b1=20_004, a2=20_002, b2=20_008, a3=20_006, b3=ELSEWHERE, a4=None, b4=ELSEWHERE)
    assert faces(other, "a1", other["a4"].port) == OURS, "a way that ends somewhere is none that goes round"


@pytest.mark.sockets
@pytest.mark.parametrize("own_peers", [False, True])
def test_the_engine_says_what_is_its_own(lease_ports: Callable[[int], int], own_peers: bool) -> None:
    first = lease_ports(8)
    settings = MediaSettings("127.0.0.1", ports=(first, first + 7), own_peers=own_peers, packet_path="python")
    engine = MediaEngine(settings, SystemTokens(), lambda: 0.0, lambda _event: None, None, lambda _work: None)
    try:
        for name in ("call/a", "call/b"):
            engine.open_leg(name, LegProfile())
        ours = [_port_of(engine.offer(name)) for name in ("call/a", "call/b")]
        answer = sdp("127.0.0.1", ours[1])
        if own_peers:
            assert engine.apply_answer("call/a", answer).remote == ("127.0.0.1", ours[1])
        else:
            with pytest.raises(UnusableSdp):
                engine.apply_answer("call/a", answer)
            anothers = next(port for port in range(first, first + 8, 2) if port not in ours)
            assert engine.apply_answer("call/a", sdp("127.0.0.1", anothers)).remote == ("127.0.0.1", anothers)
    finally:
        engine.close()


@pytest.mark.sockets
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("packet_path", ["python", "native"])
def test_packets_go_through_two_calls_that_face_each_other(
    lease_ports: Callable[[int], int], packet_path: str, address: str
) -> None:
    """Bound to one address and told another, or bound to all: what leaves one call is what the other expects."""
    first = lease_ports(16)
    settings = MediaSettings(address, "192.0.2.99", ports=(first, first + 15), packet_path=packet_path)
    engine = MediaEngine(
        settings, SystemTokens(), SystemClock().monotonic, lambda _event: None, None, lambda _work: None
    )
    with socket(AF_INET, SOCK_DGRAM) as alice, socket(AF_INET, SOCK_DGRAM) as bob:
        for phone in (alice, bob):
            phone.bind(("127.0.0.1", 0))
            phone.settimeout(5.0)
        try:
            engine.start()
            for name in ("1/a", "1/b", "2/a", "2/b"):
                engine.open_leg(name, LegProfile(loopback=True))
            to_us = engine.answer_offer("1/a", sdp("127.0.0.1", alice.getsockname()[1]))
            engine.apply_answer("1/b", engine.answer_offer("2/a", engine.offer("1/b")))
            engine.offer("2/b")
            engine.apply_answer("2/b", sdp("127.0.0.1", bob.getsockname()[1]))
            for call in ("1", "2"):
                engine.bridge(f"{call}/a", f"{call}/b")
            said = RtpPacket(8, 1, 160, 7, b"\xd5" * 160, False).render()
            alice.sendto(said, ("127.0.0.1", _port_of(to_us)))
            heard = parse_packet(bob.recv(2048))
            assert heard is not None
            assert heard.payload == b"\xd5" * 160
        finally:
            engine.close()


@pytest.mark.sockets
def test_which_addresses_are_of_this_machine() -> None:
    assert is_of_this_machine("127.0.0.1")
    assert not is_of_this_machine("203.0.113.77")


def _port_of(offer: bytes) -> int:
    return int(next(line for line in offer.decode().splitlines() if line.startswith("m=audio ")).split()[1])
