"""Within its dialogs each leg of a routed call is answered by us alone: holds, offers, key presses, late offers."""

from typing import Any

import pytest

from b2bua.sip.message import Request, Response
from tests.support.house import OURS, House
from tests.support.routes import DIALLED, EAST, PASSED, RELAYED, SHOWN, WEST, peer, route
from tests.support.scripted_phone import ALICE, BOB, Phone, answers, rings


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A house that relays Alice's calls to Bob."""
    house: House = await open_house(trunks=RELAYED)
    return house


async def talking(house: House) -> Any:
    """A routed call in which both talk."""
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(1.0)
    return call


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_hold_and_resume_stay_on_their_own_leg(relay: House, who: str) -> None:
    call = await talking(relay)
    phone, other = (relay.alice, relay.bob) if who == "alice" else (relay.bob, relay.alice)
    before = len(other.received)
    phone.reinvite(phone.persona.sdp(direction="sendonly", version=2))
    await relay.run(1.0)
    assert phone.answers()[-1].status == 200
    assert b"a=recvonly" in phone.answers()[-1].body
    phone.reinvite(phone.persona.sdp(version=3))
    await relay.run(1.0)
    assert b"a=sendrecv" in phone.answers()[-1].body
    assert len(other.received) == before
    heard = len(other.heard()), len(phone.heard())
    await relay.run(2.0)
    assert len(other.heard()) > heard[0]
    assert len(phone.heard()) > heard[1]
    relay.alice.hang_up()
    await relay.relayed(call)


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_trunk_case_08_a_refused_change_leaves_the_session(relay: House, who: str) -> None:
    """Hard case 8: 488 to T.38 or a foreign codec, and the audio goes on."""
    call = await talking(relay)
    phone, other = (relay.alice, relay.bob) if who == "alice" else (relay.bob, relay.alice)
    phone.reinvite(phone.persona.sdp().replace(b"m=audio", b"m=image").replace(b"RTP/AVP 8 101", b"udptl t38"))
    await relay.run(1.0)
    refusal = phone.answers()[-1]
    why = '399 maskbridge "the SDP offer has no audio over RTP that is served"'
    assert (refusal.status, refusal.headers.get("Warning")) == (488, why), "RFC 3261 14.2"
    heard = len(other.heard())
    await relay.run(2.0)
    assert len(other.heard()) > heard
    relay.bob.hang_up()
    await relay.relayed(call)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("INFO", 200), ("UPDATE", 200), ("MESSAGE", 405)])
async def test_other_requests_in_a_dialog(relay: House, who: str, method: str, status: int) -> None:
    call = await talking(relay)
    phone = relay.alice if who == "alice" else relay.bob
    body = b"Signal=5\r\nDuration=160\r\n" if method == "INFO" else b""
    assert phone.usage is not None
    phone.endpoint.request_in_dialog(
        phone.usage, method, body=body, content_type="application/dtmf-relay" if body else None
    )
    await relay.run(1.0)
    assert phone.answers()[-1].status == status
    relay.bob.hang_up()
    await relay.relayed(call)


class LateOffer:
    """Alice's phone by hand: an INVITE without an offer, and whatever is to stand in its ACK."""

    def __init__(self, house: House, ack_body: str) -> None:
        self.house = house
        self.phone: Phone = house.alice
        self.ack_body = ack_body
        self.offers: list[bytes] = []
        self.ended = False
        house.phones_forget = False
        self.phone.raw = self.take

    def call(self) -> None:
        """Send the INVITE."""
        self.phone.send(self._request("INVITE", 1, None), OURS)

    def hang_up(self) -> None:
        """Send BYE."""
        self.phone.send(self._request("BYE", 2, self.tag), OURS)

    def take(self, message: Request | Response, source: Any) -> None:
        if isinstance(message, Request):
            self.ended = message.method == "BYE"
            lines = ["SIP/2.0 200 OK", *(f"Via: {via}" for via in message.headers.get_fields("Via"))]
            lines += [f"{name}: {message.headers.get(name)}" for name in ("From", "To", "Call-ID", "CSeq")]
            self.phone.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode(), OURS)
        elif message.cseq.method == "INVITE" and message.status >= 180:
            self.offers.append(message.body)
            self.tag = message.to_tag
            if message.status == 200:
                self.phone.send(self._request("ACK", 1, self.tag, self.ack_body), OURS)

    def _request(self, method: str, cseq: int, to_tag: str | None, body: str = "") -> bytes:
        at = ALICE.sip
        lines = [
            f"{method} sip:{DIALLED}@{OURS.host} SIP/2.0",
            f"Via: SIP/2.0/UDP {at.host}:{at.port};branch=z9hG4bKalice-{method}-{cseq}",
            "Max-Forwards: 70",
            f"From: <sip:+91{ALICE.number}@{at.host}>;tag=alice-tag",
            f"To: <sip:{DIALLED}@{OURS.host}>" + (f";tag={to_tag}" if to_tag else ""),
            "Call-ID: alice-late-offer",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:alice@{at.host}:{at.port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", body]).encode()


@pytest.mark.parametrize("early", [False, True])
async def test_an_invite_without_an_offer(relay: House, early: bool) -> None:
    """RFC 3261 13.2.1: B gets our full offer, A gets ours in the 200 and answers it in the ACK."""
    relay.bob.on_invite = answers(2.0, ringing=183 if early else 180, early=early)
    late = LateOffer(relay, ALICE.sdp().decode())
    late.call()
    await relay.until(lambda: len(relay.tasks) == 1)
    call = relay.tasks[-1].machine.record
    await relay.until(lambda: len(late.offers) == 2)
    assert late.offers[0] == b"", "no offer in a response that is not reliable"
    assert b"m=audio" in late.offers[1]
    assert b"RTP/AVP 8 0 101" in late.offers[1]
    assert relay.bob.invite is not None
    assert b"RTP/AVP 8 0 101" in relay.bob.invite.body
    relay.bob.speak()
    await relay.run(2.0)
    assert len(relay.alice.heard()) > 3
    late.hang_up()
    end = await relay.relayed(call)
    assert (end.hangup_party, end.legs[0].codec) == ("a", "PCMA")


@pytest.mark.parametrize("ack_body", [ALICE.sdp().decode().replace("RTP/AVP 8 101", "RTP/AVP 18"), ""])
async def test_an_answer_in_the_ack_that_is_missing_or_cannot_be_used_ends_both(relay: House, ack_body: str) -> None:
    relay.bob.on_invite = answers(1.0)
    late = LateOffer(relay, ack_body)
    late.call()
    await relay.until(lambda: len(relay.tasks) == 1)
    call = relay.tasks[-1].machine.record
    await relay.run(1.5)
    assert late.ended
    assert relay.bob.was_hung_up
    assert (await relay.relayed(call)).hangup_cause == "network_error"


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_a_later_ack_without_the_answer_that_it_owes_leaves_the_session(relay: House, who: str) -> None:
    """What was agreed before holds (RFC 3261 14.1)."""
    call = await talking(relay)
    phone, other = (relay.alice, relay.bob) if who == "alice" else (relay.bob, relay.alice)
    phone.reinvite(b"")
    await relay.run(1.0)
    assert phone.answers()[-1].status == 200
    assert b"m=audio" in phone.answers()[-1].body
    heard = len(other.heard()), len(phone.heard())
    await relay.run(2.0)
    assert len(other.heard()) > heard[0]
    assert len(phone.heard()) > heard[1]
    relay.alice.hang_up()
    end = await relay.relayed(call)
    assert (end.status, end.hangup_party) == ("completed", "a")


async def test_an_offer_among_several_bodies(relay: House) -> None:
    """RFC 5621: a gateway's INVITE has what its telephone network said beside the SDP."""
    relay.bob.on_invite = answers(1.0)
    isup = b"--b1\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x00\x00\r\n"
    sdp = b"--b1\r\nContent-Type: application/sdp\r\n\r\n" + ALICE.sdp() + b"\r\n--b1--\r\n"
    call = await relay.arrive(DIALLED, body=isup + sdp, content_type="multipart/mixed;boundary=b1")
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.hang_up()
    assert (await relay.relayed(call)).legs[0].codec == "PCMA"


async def test_a_telephone_number_is_dialled_as_such(relay: House) -> None:
    """RFC 3966: IMS cores send the number without any host."""
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED, request_uri=f"tel:{DIALLED}")
    await relay.until(lambda: relay.alice.is_connected)
    assert relay.bob.invite is not None
    assert relay.bob.invite.uri.user == DIALLED
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_what_the_second_leg_shows(open_house: Any) -> None:
    house: House = await open_house(trunks=PASSED)
    house.may_see[BOB] = {ALICE.number.encode(), ALICE.word.encode()}
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    invite = house.bob.invite
    assert invite is not None
    assert str(invite.from_).startswith(f'"alice surname" <sip:+91{ALICE.number}@{BOB.sip.host}>')
    assert invite.headers.get("P-Asserted-Identity") == f"<sip:+91{ALICE.number}@{BOB.sip.host}>"
    assert ALICE.sip.host.encode() not in b"".join(house.bob.received)
    house.alice.hang_up()
    await house.relayed(call)


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("Privacy", "id"), ("P-Asserted-Identity", f"<sip:+91{ALICE.number}@{ALICE.sip.host}>"))},
        {"headers": (), "from_uri": "sip:anonymous@anonymous.invalid", "from_display": "Anonymous"},
    ],
)
async def test_a_caller_that_withholds_its_number_is_shown_to_nobody(open_house: Any, changes: dict[str, Any]) -> None:
    house: House = await open_house(trunks=PASSED)
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED, **changes)
    invite = house.bob.invite
    assert invite is not None
    assert str(invite.from_).startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert invite.headers.get("Privacy") == "id"
    assert "P-Asserted-Identity" not in invite.headers
    house.alice.hang_up()
    await house.relayed(call)


@pytest.mark.parametrize(
    ("from_uri", "party_a", "masked_number"),
    [
        ("sip:+919876543210@198.51.100.9", "9876543210", "+919876543210"),
        ("sip:desk@198.51.100.9", "desk", "desk"),
        ("sip:anonymous@anonymous.invalid", "anonymous", "anonymous"),
        ("sip:198.51.100.9", "anonymous", "anonymous"),
    ],
)
async def test_who_a_billed_call_is_written_down_to_come_from(
    open_house: Any, from_uri: str, party_a: str, masked_number: str
) -> None:
    house: House = await open_house(trunks=WEST + EAST + route(more='org = "org-1"\ncaller = "pass"'))
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED, from_uri=from_uri, from_display=None, headers=())
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.party_a, cdr.masked_number) == (party_a, masked_number)


async def test_a_route_without_any_number_shows_nobody(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + peer("east", BOB) + route())
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    assert house.bob.invite is not None
    assert house.bob.invite.from_.uri.user == "anonymous"
    house.alice.hang_up()
    await house.relayed(call)


async def test_the_number_of_the_trunk_it_came_by_where_the_other_has_none(open_house: Any) -> None:
    west = peer("west", ALICE, numbers=f'["{SHOWN}"]')
    house: House = await open_house(trunks=west + peer("east", BOB) + route())
    house.bob.on_invite = rings()
    call = await house.arrive(DIALLED)
    assert house.bob.invite is not None
    assert house.bob.invite.from_.uri.user == f"+{SHOWN}"
    house.alice.hang_up()
    await house.relayed(call)
