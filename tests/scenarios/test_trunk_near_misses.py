"""What carriers do that is lawful but seldom, or unlawful but frequent: whole calls, placed and routed."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from b2bua.sip.events import IncomingInvite
from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from storage.records import CallRecord
from tests.support.agents import answer_to
from tests.support.house import OURS, House
from tests.support.lossy_network import Wire
from tests.support.routes import DIALLED, EAST, RELAYED, SHOWN, WEST, peer, route
from tests.support.scripted_phone import ALICE, BOB, Phone, answers

COMPACT = {
    "Via": "v",
    "From": "f",
    "To": "t",
    "Call-ID": "i",
    "Contact": "m",
    "Content-Type": "c",
    "Content-Length": "l",
    "Supported": "k",
    "Subject": "s",
}


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A house that relays Alice's calls to Bob."""
    house: House = await open_house(trunks=RELAYED)
    return house


class RewritingWire(Wire):
    """A phone's wire on which each message is written otherwise before it leaves."""

    def __init__(self, wire: Wire, rewrite: Callable[[bytes], bytes]) -> None:
        super().__init__(wire._network, wire.local)
        self.rewrite = rewrite
        self.sent = 0

    def send(self, content: bytes, destination: TransportAddress, _fallback: TransportAddress | None = None) -> None:
        changed = self.rewrite(content)
        self.sent += changed != content
        super().send(changed, destination)


def compact(content: bytes) -> bytes:
    """RFC 3261 7.3.3: the compact form of each name that has one."""
    head, _, body = content.decode().partition("\r\n\r\n")
    for name, short in COMPACT.items():
        head = re.sub(rf"(?m)^{name}:", f"{short}:", head)
    return f"{head}\r\n\r\n{body}".encode()


def folded(content: bytes) -> bytes:
    """RFC 3261 7.3.1: each value on lines of its own, by a space or a tab."""
    head, _, body = content.decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    lines = [first]
    for number, field in enumerate(fields):
        name, _, value = field.partition(": ")
        lines += [f"{name}:", (" \t", "  ", "\t")[number % 3] + value]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def unmeasured(content: bytes) -> bytes:
    """RFC 3261 18.3: over UDP the body may go on to the datagram's end."""
    return re.sub(rb"Content-Length: \d+\r\n", b"", content)


def padded(content: bytes) -> bytes:
    """RFC 3261 18.3: what is in a datagram beyond its Content-Length is no part of the message."""
    return content + b"a=sendonly\r\n\x00rubbish"


def rewriting(phone: Phone, rewrite: Callable[[bytes], bytes]) -> RewritingWire:
    """The wire of a phone that writes so."""
    wire = RewritingWire(phone._wire, rewrite)
    phone.endpoint.attach(wire)
    return wire


WAYS = {
    "compact_headers": compact,
    "folded_headers": folded,
    "content_length_missing": unmeasured,
    "content_length_too_short": padded,
}


@pytest.mark.parametrize("way", WAYS)
async def test_near_miss_a_placed_call_of_phones_that_write_otherwise(house: House, way: str) -> None:
    wires = [rewriting(phone, WAYS[way]) for phone in (house.alice, house.bob)]
    call = await house.bridged()
    house.bob.reinvite(BOB.sdp(version=2))
    await house.run(1.0)
    assert [answer.status for answer in house.bob.answers()] == [200]
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a")
    assert house.bob.requests("BYE")[0].request_uri.startswith("sip:bobby@"), "its Contact was read"
    assert all(wire.sent > 3 for wire in wires)


@pytest.mark.parametrize("way", WAYS)
async def test_near_miss_a_routed_call_of_phones_that_write_otherwise(relay: House, way: str) -> None:
    wires = [rewriting(phone, WAYS[way]) for phone in (relay.alice, relay.bob)]
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    relay.bob.speak()
    await relay.run(2.0)
    assert len(relay.bob.heard()) > 5
    relay.bob.hang_up()
    assert (await relay.relayed(call)).hangup_party == "b"
    assert relay.alice.requests("BYE")[0].request_uri.startswith("sip:alice@"), "its Contact was read"
    assert all(wire.sent > 1 for wire in wires)


async def test_near_miss_content_length_too_long_is_refused_and_makes_no_call(relay: House) -> None:
    """RFC 3261 18.3: a datagram that ends before its Content-Length is an error: 400 to a request."""
    rewriting(relay.alice, lambda content: content.replace(b"Content-Length: ", b"Content-Length: 1", 1))
    relay.alice.call(DIALLED, OURS)
    await relay.run(1.0)
    assert relay.alice.rejected.status == 400
    assert relay.tasks == []
    assert relay.bob.received == []


async def test_near_miss_content_length_too_long_in_a_response_is_as_if_it_never_came(relay: House) -> None:
    """RFC 3261 18.3: such a response is discarded; one that is whole is taken after it."""
    broken = rewriting(relay.bob, lambda content: content.replace(b"Content-Length: ", b"Content-Length: 1", 1))
    relay.bob.on_invite = answers(1.0, ringing=None)
    call = await relay.arrive(DIALLED)
    await relay.run(1.2)
    assert broken.sent > 0
    assert not relay.alice.is_connected
    relay.bob.endpoint.attach(relay.bob._wire)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.hang_up()
    await relay.relayed(call)


def _recorded(persona_at: TransportAddress, *, ours_last: bool) -> bytes:
    """A Record-Route of two proxies on one line, the phone itself the nearer one."""
    near, far = f"<sip:{persona_at.host}:{persona_at.port};lr>", "<sip:203.0.113.77;lr>"
    return f"Record-Route: {', '.join((far, near) if ours_last else (near, far))}\r\n".encode()


async def test_near_miss_several_values_on_one_line_are_a_route_set_of_each_leg(relay: House) -> None:
    """RFC 3261 7.3.1, 12.1: each leg's BYE follows its own route set, loose, in the right order."""
    at_alice, at_bob = _recorded(ALICE.sip, ours_last=False), _recorded(BOB.sip, ours_last=True)
    rewriting(relay.alice, lambda content: content.replace(b"Max-Forwards:", at_alice + b"Max-Forwards:", 1))
    rewriting(relay.bob, lambda content: re.sub(rb"^(SIP/2.0 .*\r\n)", rb"\1" + at_bob, content, count=1))
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    relay.bob.speak()
    await relay.run(1.0)
    relay.switch.end_all_calls()
    await relay.relayed(call)
    for phone in (relay.alice, relay.bob):
        [bye] = phone.requests("BYE")
        at = phone.persona.sip
        assert bye.headers.get_all("Route") == [f"<sip:{at.host}:{at.port};lr>", "<sip:203.0.113.77;lr>"]


class Untagged:
    """A phone that never puts a To-tag, RFC 2543 fashion."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        phone.raw = self.take

    def take(self, message: Request | Response, source: TransportAddress) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        if message.method == "INVITE":
            self.answer(180, source)
            self.phone.clock.call_later(1.0, lambda: self.answer(200, source))
        else:
            self.phone.send(answer_to(message, 200), source)

    def answer(self, status: int, source: TransportAddress) -> None:
        assert self.phone.invite is not None
        at = self.phone.persona.sip
        self.phone.send(
            answer_to(
                self.phone.invite,
                status,
                contact=f"<sip:bobby@{at.host}:{at.port}>",
                headers="Content-Type: application/sdp" if status == 200 else "",
                body=self.phone.persona.sdp().decode() if status == 200 else "",
            ),
            source,
        )


async def test_near_miss_18x_and_200_without_a_to_tag_make_a_placed_call(house: House) -> None:
    """RFC 3261 12.1.2: a null tag is the tag of that dialog."""
    Untagged(house.bob)
    house.alice.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(2.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("completed", "normal", 150)
    assert house.bob.methods() == ["INVITE", "ACK", "BYE"]
    assert {request.to_tag for request in house.bob.requests()} == {None}


async def test_near_miss_18x_and_200_without_a_to_tag_make_a_routed_call_with_a_tag_of_ours(relay: House) -> None:
    Untagged(relay.bob)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    assert len({response.to_tag for response in relay.alice.responses()}) == 1
    assert relay.alice.responses()[-1].to_tag is not None
    relay.alice.hang_up()
    await relay.relayed(call)
    assert relay.bob.methods() == ["INVITE", "ACK", "BYE"]


@pytest.mark.parametrize("leg", ["a", "b"])
async def test_near_miss_a_200_without_sdp_to_our_offer_gets_ack_then_bye(house: House, leg: str) -> None:
    """RFC 3261 13.2.1: no answer in the first reliable response, so there is no session; nothing is charged."""

    def without(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(180)
        phone.clock.call_later(1.0, lambda: phone.respond(200, to=event))

    phone = house.alice if leg == "a" else house.bob
    house.alice.on_invite = answers(1.0)
    phone.on_invite = without
    call = await house.place()
    cdr = await house.ended(call)
    assert phone.methods() == ["INVITE", "ACK", "BYE"]
    assert (cdr.status, cdr.hangup_cause) == ("failed", "network_error" if leg == "a" else "b_unreachable")
    assert (cdr.answered_at, cdr.price_paise) == (None, 0)


async def test_near_miss_contact_changes_in_a_reinvite_of_either_party(relay: House) -> None:
    """RFC 3261 12.2: the BYE goes to the newest Contact of each leg, and the other leg hears nothing of it."""
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    relay.bob.speak()
    await relay.run(1.0)
    for phone in (relay.alice, relay.bob):
        rewriting(phone, lambda content: re.sub(rb"Contact: <sip:[^@>]*@", b"Contact: <sip:moved@", content))
        phone.reinvite(phone.persona.sdp(version=2))
        await relay.run(1.0)
    relay.switch.end_all_calls()
    await relay.relayed(call)
    for phone in (relay.alice, relay.bob):
        [bye] = phone.requests("BYE")
        assert bye.request_uri.startswith("sip:moved@")
        assert phone.methods().count("INVITE") == (0 if phone is relay.alice else 1)


def _acknowledge_with(phone: Phone, body: bytes) -> None:
    """Have its ACKs bring the answer to our offers."""
    wire = phone._wire
    send = wire.send

    def send_with(content: bytes, destination: TransportAddress, fallback: TransportAddress | None = None) -> None:
        if content.startswith(b"ACK "):
            more = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(body)
            content = content.replace(b"Content-Length: 0\r\n", more) + body
        send(content, destination, fallback)

    wire.send = send_with  # type: ignore[method-assign, assignment]


async def _begin_anew(relay: House, phone: Phone, sip: TransportAddress) -> None:
    """Its NAT gives it another address: its SIP and its media come from elsewhere, and it is deaf."""
    await relay.run(1.0)
    phone._wire.local = relay.network.attach(sip, phone.arrived).local
    relay.media_network.detach(phone._rtp)
    phone.change_port(phone.persona.media_port + 40)
    await relay.run(1.0)
    phone.received_rtp.clear()
    await relay.run(1.0)
    assert not phone.heard()


async def _in_talk(relay: House) -> CallRecord:
    """A call of Alice's in which both talk."""
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    relay.bob.speak()
    return call


@pytest.mark.parametrize("in_ack", [False, True], ids=["an offer", "an answer in the ACK"])
async def test_near_miss_a_caller_whose_nat_begins_anew_hears_again_with_its_next_description(
    in_ack: bool, open_house: Any
) -> None:
    """Its SIP and its media come from elsewhere then, and its SDP, with its private address, is what it was."""
    trunks = peer("west", ALICE, more="nat = true") + EAST + route(more='trunk = "west"')
    relay: House = await open_house(trunks=trunks)
    call = await _in_talk(relay)
    await _begin_anew(relay, relay.alice, ALICE.sip._replace(port=ALICE.sip.port + 40))
    if in_ack:
        _acknowledge_with(relay.alice, relay.alice.persona.sdp())
    relay.alice.reinvite(b"" if in_ack else relay.alice.persona.sdp())
    await relay.run(1.0)
    assert relay.alice.responses()[-1].status == 200
    assert relay.alice.heard()
    relay.alice.hang_up()
    await relay.relayed(call)


@pytest.mark.parametrize("in_ack", [False, True], ids=["an offer", "an answer in the ACK"])
async def test_near_miss_who_is_called_hears_again_with_its_first_description_after_its_nat_began_anew(
    in_ack: bool, open_house: Any
) -> None:
    """Both parties of a masked call are called. Where it is was known by where the INVITE went, which it answered."""
    trunks = WEST + peer("east", BOB, numbers=f'["{SHOWN}"]', more="nat = true") + route(more='trunk = "west"')
    relay: House = await open_house(trunks=trunks)
    call = await _in_talk(relay)
    await _begin_anew(relay, relay.bob, BOB.sip._replace(port=BOB.sip.port + 40))
    if in_ack:
        _acknowledge_with(relay.bob, relay.bob.persona.sdp())
    relay.bob.reinvite(b"" if in_ack else relay.bob.persona.sdp())
    await relay.run(1.0)
    assert relay.bob.heard()
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_near_miss_a_cseq_lower_than_the_last_gets_500_and_the_call_goes_on(relay: House) -> None:
    """RFC 3261 12.2.2: an old BYE of the caller's does not end its call."""
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    relay.bob.speak()
    await relay.run(1.0)
    answer = relay.alice.responses()[-1]
    relay.alice.send(_bye(answer, answer.cseq.number - 1), OURS)
    await relay.run(1.0)
    assert [response.status for response in relay.alice.responses("BYE")] == [500]
    assert relay.state(call) == "bridged"
    assert not relay.bob.was_hung_up
    relay.alice.hang_up()
    await relay.relayed(call)


def _bye(answer: Response, cseq: int) -> bytes:
    at = ALICE.sip
    lines = [
        f"BYE sip:{OURS.host}:{OURS.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {at.host}:{at.port};branch=z9hG4bKalice-old-bye",
        "Max-Forwards: 70",
        f"From: {answer.headers.get('From')}",
        f"To: {answer.headers.get('To')}",
        f"Call-ID: {answer.call_id}",
        f"CSeq: {cseq} BYE",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
