"""Hard cases 1, 2, 19 and 23 as a table: however a call is given up, and whatever state its unanswered leg is in, what
the far side says then makes no new INVITE, costs nothing, and leaves nothing behind. RFC 3261 sections 9.1 and 13.2.2.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from storage.records import CallRecord, CallStatus
from tests.support.agents import answer_to
from tests.support.house import CARRIER, MASKED, OURS, House
from tests.support.routes import DIALLED, WEST, peer, route
from tests.support.scripted_phone import BOB, Phone, answers

SECOND = TransportAddress("udp", "203.0.113.2", 5060)
# All that could tempt a leg into another INVITE.
TEMPTING = """
auth_username = "us"
auth_password = "secret"
session_timer_s = 1800
redirects = "follow"
cps = 1000
invite_timeout_s = 8
"""


def trunk_of(name: str, host: str, priority: int) -> str:
    return f"""
[[trunks]]
name = "{name}"
uri = "sip:{host}:5060"
addresses = ["203.0.113.0/24"]
numbers = ["{MASKED}"]
options_interval_s = 0
priority = {priority}
{TEMPTING}
"""


CARRIERS = trunk_of("carrier", CARRIER.host, 1) + trunk_of("second", SECOND.host, 2)
ROUTED = WEST + peer("east", BOB, numbers=f'["{MASKED}"]', more=TEMPTING) + route(more='org = "org-1"')


@dataclass(frozen=True)
class Said:
    """A response of the far side's."""

    status: int
    headers: str = ""
    sdp: bool = False


RELIABLE = Said(183, "Require: 100rel\nRSeq: 7", sdp=True)
STATES: dict[str, tuple[Said, ...]] = {
    "no 1xx": (),
    "100": (Said(100),),
    "180": (Said(100), Said(180)),
    "183 with SDP": (Said(183, sdp=True),),
    "reliable 183, PRACK outstanding": (RELIABLE,),
}
_CHALLENGE = 'Authenticate: Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256'
CROSSINGS: dict[str, tuple[Said, ...]] = {
    "487": (Said(487),),
    "200": (Said(200, sdp=True),),
    "200 without SDP": (Said(200),),
    "302": (Said(302, f"Contact: <sip:other@{CARRIER.host}>, <sip:other@{BOB.sip.host}:{BOB.sip.port}>"),),
    "401": (Said(401, f"WWW-{_CHALLENGE}"),),
    "407": (Said(407, f"Proxy-{_CHALLENGE}"),),
    "422": (Said(422, "Min-SE: 3600"),),
    "486": (Said(486),),
    "503": (Said(503, "Retry-After: 5"),),
    "600": (Said(600),),
    "a reliable 183, then 200": (RELIABLE, Said(200, sdp=True)),
    "180, then nothing": (Said(180),),
    "nothing": (),
}


class FarSide:
    """The phone that is dialled, by hand: it says `first` to the INVITE, and `crossing` before its answer to the
    CANCEL, or a second after the call is given up where none has come."""

    def __init__(self, phone: Phone, first: tuple[Said, ...], crossing: tuple[Said, ...], *, deaf: bool) -> None:
        self.phone = phone
        self.heard: list[Request] = []
        self._first = first
        self._crossing = crossing
        self._deaf = deaf  # to CANCEL and PRACK
        self._crossed = False
        phone.invite = None
        phone.raw = self._take

    def cross(self) -> None:
        """Say what crosses, once."""
        if not self._crossed and self.phone.invite is not None:
            self._crossed = True
            for said in self._crossing:
                self._say(said)

    def methods(self) -> list[str]:
        """The methods of what came, retransmissions left out."""
        seen = {(each.method, each.cseq.number, each.via.branch): each for each in reversed(self.heard)}
        return [each.method for each in reversed(seen.values())]

    def _say(self, said: Said) -> None:
        phone = self.phone
        assert phone.invite is not None
        content = answer_to(
            phone.invite,
            said.status,
            to_tag=None if said.status == 100 else f"{phone.persona.word}-tag",
            headers=said.headers + ("\nContent-Type: application/sdp" if said.sdp else ""),
            body=phone.persona.sdp().decode() if said.sdp else "",
            contact=f"<sip:{phone.persona.word}@{phone.persona.sip.host}:{phone.persona.sip.port}>",
        )
        phone.send(content, OURS)

    def _take(self, message: Request | Response, source: TransportAddress) -> None:
        if isinstance(message, Response):
            return
        self.heard.append(message)
        if message.method == "INVITE":
            if sum(each.method == "INVITE" for each in self.heard) == 1:
                for said in self._first:
                    self._say(said)
            return
        if message.method == "CANCEL":
            self.cross()
        if message.method in ("BYE", "OPTIONS") or (message.method in ("CANCEL", "PRACK") and not self._deaf):
            self.phone.send(answer_to(message, 200, to_tag=f"{self.phone.persona.word}-tag"), source)


@dataclass
class Attempt:
    """A call whose far side has been dialled, and the ways it can be given up from there."""

    house: House
    call: CallRecord
    dialled: Phone


async def placed_a(open_house: Any, before: Callable[[House, Phone], None]) -> Attempt:
    house: House = await open_house(trunks=CARRIERS)
    house.carrier_at(SECOND.host).status = 0
    before(house, house.alice)
    return Attempt(house, await house.place(ring_timeout_s=10), house.alice)


async def placed_b(open_house: Any, before: Callable[[House, Phone], None]) -> Attempt:
    house: House = await open_house(trunks=CARRIERS)
    house.carrier_at(SECOND.host).status = 0
    house.alice.on_invite = answers(0.1, ringing=None)
    call = await house.place(ring_timeout_s=10)
    await house.run(0.09)
    before(house, house.bob)
    await house.run(0.02)
    house.alice.speak()
    return Attempt(house, call, house.bob)


async def callback(open_house: Any, before: Callable[[House, Phone], None]) -> Attempt:
    house: House = await open_house("[calls]\nring_timeout_s = 10", trunks=CARRIERS)
    house.carrier_at(SECOND.host).status = 0
    paired = await house.bridged()
    house.bob.hang_up()
    await house.over(paired)
    await house.run(40.0)
    house.bob.received.clear()
    before(house, house.bob)
    return Attempt(house, await house.arrive(MASKED), house.bob)


async def routed(open_house: Any, before: Callable[[House, Phone], None]) -> Attempt:
    house: House = await open_house("[calls]\nring_timeout_s = 10", trunks=ROUTED)
    house.trunk("east").destinations = (BOB.sip, SECOND)
    house.carrier_at(SECOND.host).status = 0
    house.carrier_at(SECOND.host).phones[DIALLED[-10:]] = house.bob
    before(house, house.bob)
    return Attempt(house, await house.arrive(DIALLED), house.bob)


async def a_gives_up(attempt: Attempt) -> None:
    """By CANCEL, or by BYE where A has been answered."""
    attempt.house.alice.hang_up()


async def the_api(attempt: Attempt) -> None:
    await attempt.house.switch.hang_up(attempt.call.org_id, attempt.call.call_id)


async def the_second_signal(attempt: Attempt) -> None:
    attempt.house.switch.drain(lambda: None)
    attempt.house.switch.end_all_calls()


async def the_ring_timeout(attempt: Attempt) -> None:
    await attempt.house.run(0.3)


GIVEN_UP: list[tuple[Any, Any]] = [
    (kind, way)
    for kind, ways in (
        (placed_a, (the_api, the_second_signal, the_ring_timeout)),
        (placed_b, (a_gives_up, the_api, the_second_signal, the_ring_timeout)),
        (callback, (a_gives_up, the_api, the_second_signal, the_ring_timeout)),
        (routed, (a_gives_up, the_api, the_second_signal, the_ring_timeout)),
    )
    for way in ways
]
OFTEN = [(placed_a, the_api), (placed_b, a_gives_up), (routed, a_gives_up)]  # what everything is tried with
SOME = ("200", "503")
EAST = BOB.sip
Opens = Callable[..., Awaitable[House]]


def _name(each: Any) -> str:
    return str(each.__name__)


def invites(house: House) -> set[tuple[bytes, bytes]]:
    """The INVITEs of ours so far, each once."""
    return {
        (each.content, each.destination.host.encode())
        for each in house.network.carried
        if each.source == OURS and each.first_line.startswith("INVITE")
    }


async def is_given_up(attempt: Attempt, way: Callable[[Attempt], Awaitable[None]], far: FarSide | None) -> CallRecord:
    """Give the call up, and let all that follows happen; the CDR."""
    house = attempt.house
    if way is the_ring_timeout:
        await house.run(9.6)
    before = invites(house)
    await way(attempt)
    house.clock.call_later(1.0, (lambda: None) if far is None else far.cross)
    cdr = await house.ended(attempt.call, limit_s=10.0)
    assert invites(house) == before, "an INVITE after the call was given up"
    assert (cdr.price_paise, cdr.answered_at) == (0, None)
    assert cdr.status in (CallStatus.FAILED, CallStatus.NO_ANSWER)
    return cdr


@pytest.mark.parametrize(("kind", "way"), GIVEN_UP, ids=_name)
@pytest.mark.parametrize("state", STATES)
async def test_trunk_case_02_a_call_given_up_stays_so(open_house: Opens, kind: Any, way: Any, state: str) -> None:
    crossings = [(each, False) for each in (CROSSINGS if (kind, way) in OFTEN else SOME)]
    for crossing, deaf in [*crossings, ("nothing", True)]:
        far: list[FarSide] = []

        def before(
            _house: House, phone: Phone, crossing: str = crossing, deaf: bool = deaf, far: list[FarSide] = far
        ) -> None:
            far.append(FarSide(phone, STATES[state], CROSSINGS[crossing], deaf=deaf))

        attempt = await kind(open_house, before)
        await attempt.house.run(0.3)
        await is_given_up(attempt, way, far[0])
        methods = far[0].methods()
        assert [method for method in methods if method != "PRACK"] == expected(state, crossing), crossing
        reliable = RELIABLE in (*STATES[state], *CROSSINGS[crossing])
        assert ("PRACK" in methods) is reliable, crossing


def expected(state: str, crossing: str) -> list[str]:
    """What the far side hears of it, PRACK left out."""
    said = CROSSINGS[crossing]
    heard = ["INVITE"]
    if STATES[state] or any(each.status < 200 for each in said):
        heard.append("CANCEL")
    final = next((each.status for each in said if each.status >= 200), None)
    if final is not None:
        heard += ["ACK", "BYE"] if final == 200 else ["ACK"]
    return heard


@pytest.mark.parametrize(("kind", "way"), [each for each in GIVEN_UP if each[1] is not the_ring_timeout], ids=_name)
@pytest.mark.parametrize("state", ["no 1xx", "180"])
async def test_trunk_case_19_a_call_given_up_while_the_second_is_tried(
    open_house: Opens, kind: Any, way: Any, state: str
) -> None:
    """The first is silent until it is left; then what the second says is no reason to go on either."""
    for crossing in SOME:
        far: list[FarSide] = []

        def before(house: House, phone: Phone, crossing: str = crossing, far: list[FarSide] = far) -> None:
            first = EAST if kind is routed else CARRIER
            house.network.gate = lambda content, _source, to: to != first or not content.startswith(b"INVITE")
            far.append(FarSide(phone, STATES[state], CROSSINGS[crossing], deaf=False))
            house.carrier_at(SECOND.host).status = None

        attempt = await kind(open_house, before)
        await attempt.house.run(8.2)
        assert far[0].methods() == ["INVITE"]
        await is_given_up(attempt, way, far[0])
        assert far[0].methods() == expected(state, crossing), crossing


@pytest.mark.parametrize(("kind", "way"), GIVEN_UP, ids=_name)
async def test_trunk_case_02_a_call_given_up_in_the_line_of_the_call_rate_is_never_sent(
    open_house: Opens, kind: Any, way: Any
) -> None:
    def before(house: House, _phone: Phone) -> None:
        for trunk in house.trunks:
            trunk.rate._next_at = house.clock.time() + 0.9

    attempt = await kind(open_house, before)
    for trunk in attempt.house.trunks:
        trunk.rate._next_at += 60.0  # as if second legs of many calls were ahead of it
    await attempt.house.run(0.3)
    assert [trunk.rate.waiting for trunk in attempt.house.trunks if trunk.rate.waiting] == [1]
    await is_given_up(attempt, way, None)
    assert attempt.dialled.methods() == []


@pytest.mark.parametrize(("kind", "way"), [each for each in GIVEN_UP if each[1] is not the_ring_timeout], ids=_name)
async def test_trunk_case_02_a_call_given_up_while_its_connection_is_made(
    open_house: Opens, kind: Any, way: Any
) -> None:
    """The INVITE waits for a connection that comes to nothing after the hang-up: nobody else is tried."""
    first = EAST if kind is routed else CARRIER

    def before(house: House, _phone: Phone) -> None:
        house.network.gate = lambda content, _source, to: to != first or not content.startswith(b"INVITE")

    attempt = await kind(open_house, before)
    house = attempt.house
    house.clock.call_later(0.5, lambda: house.endpoint.transport_failed(first))
    await is_given_up(attempt, way, None)
