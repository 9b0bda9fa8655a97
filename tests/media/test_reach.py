"""What an SDP may name: nothing of our own, and loopback for peers on loopback alone."""

from collections.abc import Callable

import pytest

from b2bua.tokens import SystemTokens
from media.engine import MediaEngine, MediaSettings
from media.errors import UnusableSdp
from media.leg import LegProfile, MediaLeg
from media.packet_path.interface import RemotePlan
from media.ports import is_of_this_machine
from media.reach import Reach

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
def test_which_addresses_are_of_this_machine() -> None:
    assert is_of_this_machine("127.0.0.1")
    assert not is_of_this_machine("203.0.113.77")


def _port_of(offer: bytes) -> int:
    return int(next(line for line in offer.decode().splitlines() if line.startswith("m=audio ")).split()[1])
