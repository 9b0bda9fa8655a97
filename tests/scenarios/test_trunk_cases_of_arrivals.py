"""Hard cases of carrier trunks, for calls that arrive."""

from typing import Any

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.support.agents import answer_to
from tests.support.house import MASKED, OURS, House
from tests.support.routes import DIALLED, EAST, RELAYED, peer, route
from tests.support.scripted_phone import ALICE, BOB, Persona, Phone, answers, rings


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A house that relays Alice's calls to Bob."""
    house: House = await open_house(trunks=RELAYED)
    return house


class HandPlayed:
    """Bob's phone by hand: what it sends at an INVITE, 200 to every BYE, and what else a test wants."""

    def __init__(self, phone: Phone, *statuses: int) -> None:
        self.phone = phone
        self.statuses = statuses
        self.at_cancel: tuple[int, ...] = (200,)
        phone.raw = self.take

    def take(self, message: Request | Response, source: TransportAddress) -> None:
        if not isinstance(message, Request):
            return
        if message.method == "INVITE":
            for status in self.statuses:
                self.send(status)
        elif message.method == "BYE":
            self.phone.send(answer_to(message, 200), source)
        elif message.method == "CANCEL":
            for status in self.at_cancel:
                self.phone.send(answer_to(message, status, to_tag="bobby-tag"), source)

    def send(self, status: int, tag: str = "bobby-tag") -> None:
        """A response to the INVITE, one of 183 and 200 with SDP."""
        assert self.phone.invite is not None
        at = self.phone.persona.sip
        with_sdp = status in (183, 200)
        content = answer_to(
            self.phone.invite,
            status,
            to_tag=tag,
            contact=f"<sip:bobby@{at.host}:{at.port}>",
            headers="Content-Type: application/sdp" if with_sdp else "",
            body=self.phone.persona.sdp().decode() if with_sdp else "",
        )
        self.phone.send(content, OURS)


async def test_trunk_case_02_a_487_that_never_comes(relay: House) -> None:
    """A is let go at once; B's transaction ends 64*T1 after the 200 to the CANCEL, and nothing is tried anew."""
    HandPlayed(relay.bob, 180)
    call = await relay.arrive(DIALLED)
    await relay.run(1.0)
    relay.alice.hang_up()
    await relay.run(0.0)
    assert relay.alice.rejected.status == 487
    await relay.relayed(call)
    assert relay.bob.methods() == ["INVITE", "CANCEL"]


async def test_trunk_case_02_a_final_response_before_any_provisional_ends_a_held_cancel(relay: House) -> None:
    bob = HandPlayed(relay.bob)
    call = await relay.arrive(DIALLED)
    await relay.run(0.2)
    relay.alice.hang_up()
    bob.send(486)
    await relay.relayed(call)
    assert relay.bob.methods() == ["INVITE", "ACK"]


async def test_trunk_case_03_a_repeated_200_gets_the_same_ack_and_a_fork_ack_and_bye(relay: House) -> None:
    bob = HandPlayed(relay.bob, 180, 200)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    bob.send(200)
    bob.send(200, "another-tag")
    await relay.run(1.0)
    acks = relay.bob.requests("ACK")
    assert [ack.to_tag for ack in acks] == ["bobby-tag", "bobby-tag", "another-tag"]
    assert acks[0] == acks[1]
    assert [bye.to_tag for bye in relay.bob.requests("BYE")] == ["another-tag"]
    assert relay.state(call) == "bridged"
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_trunk_case_18_a_bye_to_who_called_us_answers_its_challenge(open_house: Any) -> None:
    west = peer("west", ALICE, more='auth_username = "us"\nauth_password = "secret"')
    house: House = await open_house(trunks=west + EAST + route(more='trunk = "west"'))
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    byes: list[Request] = []

    def challenge(message: Request | Response, source: TransportAddress) -> None:
        if isinstance(message, Request) and message.method == "BYE":
            byes.append(message)
            status = 200 if "Authorization" in message.headers else 401
            header = 'WWW-Authenticate: Digest realm="west", nonce="n1", qop="auth"'
            house.alice.send(answer_to(message, status, headers=header if status == 401 else ""), source)

    house.alice.raw = challenge
    house.bob.hang_up()
    await house.relayed(call)
    assert ["Authorization" in bye.headers for bye in byes] == [False, True]


async def test_trunk_case_17_only_the_talk_is_billed(house: House) -> None:
    """Ringing is not talk; talk is from the bridge to the first BYE, however late that is answered."""
    call = await house.bridged()
    house.alice.hang_up()
    await house.ended(call)
    house.bob.invite = None
    house.bob.on_invite = answers(40.0)
    call = await house.arrive(MASKED)
    await house.run(40.0)
    house.alice.speak()
    house.bob.speak()
    await house.run(59.4)
    house.phones_forget = False
    house.bob.raw = lambda message, source: None
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (59, 60, 150)
    assert cdr.started_at is not None
    assert cdr.answered_at is not None
    assert cdr.ended_at is not None
    assert (cdr.answered_at - cdr.started_at, cdr.ended_at - cdr.answered_at) == (40_000, 59_400)


def tell_all(persona: Persona) -> tuple[tuple[str, str], ...]:
    """Every header in which a caller may be told."""
    number, host, word = persona.number, persona.sip.host, persona.word
    return (
        *persona.headers,
        ("Diversion", f"<sip:+91{number}@{host}>;reason=no-answer"),
        ("History-Info", f"<sip:+91{number}@{host}>;index=1"),
        ("Referred-By", f"<sip:{word}@{host}>"),
        ("P-Preferred-Identity", f"<tel:+91{number}>"),
        ("P-Access-Network-Info", f'3GPP-E-UTRAN-FDD;utran-cell-id-3gpp="{word}"'),
        ("P-Charging-Vector", f"icid-value={word}-{number};orig-ioi={host}"),
        ("Subject", f"{word} calls from {number}"),
        ("Alert-Info", f"<http://{host}/{word}.wav>"),
        ("In-Reply-To", f"{word}@{host}"),
        ("User-to-User", f"{number};encoding=hex"),
        ("X-Anything", f"{word} {number} {host}:{persona.sip.port}"),
    )


@pytest.mark.parametrize("direction", ["to Bob", "to Alice"])
async def test_trunk_case_20_nothing_of_the_caller_reaches_the_other(house: House, direction: str) -> None:
    """All that is sent to a phone is searched when the house comes to rest; here it must also have been sent much."""
    call = await house.bridged()
    house.alice.hang_up()
    await house.ended(call)
    phone, other = (house.alice, house.bob) if direction == "to Bob" else (house.bob, house.alice)
    other.invite = None
    other.on_invite = answers(3.0, ringing=183, early=True)
    call = await house.arrive(MASKED, phone, headers=tell_all(phone.persona))
    await house.until(lambda: phone.is_connected)
    phone.speak()
    other.speak()
    await house.run(5.0)
    for each in (phone, other):
        each.reinvite(each.persona.sdp(direction="sendonly", version=2))
        await house.run(1.0)
        assert each.usage is not None
        info = f"Signal=5\r\nX={each.persona.word}".encode()
        each.endpoint.request_in_dialog(each.usage, "INFO", body=info, content_type="application/dtmf-relay")
        each.report()
        await house.run(1.0)
    other.hang_up()
    await house.ended(call)
    house.masked_on(other)
    assert len(other.received) > 6
    assert len(other.heard()) > 10
    house.check_secrecy()


async def test_trunk_case_20_nothing_of_the_caller_passes_a_masked_route(relay: House) -> None:
    """The other way Alice is told Bob's number by nobody but herself: she dialled what the route leads to."""
    relay.bob.on_invite = answers(1.0, ringing=183, early=True)
    call = await relay.arrive(DIALLED, headers=tell_all(ALICE))
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    await relay.run(2.0)
    relay.alice.reinvite(ALICE.sdp(direction="sendonly", version=2))
    await relay.run(1.0)
    relay.alice.hang_up()
    await relay.relayed(call)
    assert relay.bob.methods()[-1] == "BYE"
    sent = b"\n".join(relay.bob.received).lower()
    for secret in (*ALICE.secrets(), *relay.alice.marks()):
        assert secret.lower() not in sent, secret


async def test_trunk_case_23_a_bye_in_the_early_dialog(relay: House) -> None:
    """RFC 3261 15.1.2: 200 to the BYE, 487 to the INVITE, CANCEL to B."""
    relay.bob.on_invite = rings()
    call = await relay.arrive(DIALLED)
    await relay.run(1.0)
    ringing = relay.alice.responses()[0]
    relay.alice.send(_bye_of_alice(relay, ringing), OURS)
    await relay.run(0.0)
    assert relay.alice.rejected.status == 487
    assert relay.bob.was_cancelled
    assert (await relay.relayed(call)).hangup_cause == "a_hangup_before_bridge"


async def test_trunk_case_23_b_says_bye_before_it_answers(relay: House) -> None:
    bob = HandPlayed(relay.bob, 180)
    call = await relay.arrive(DIALLED)
    await relay.run(1.0)
    relay.bob.send(_bye_of_bob(relay.bob), OURS)
    await relay.run(0.0)
    assert relay.alice.rejected.status == 603
    bob.send(487)
    assert (await relay.relayed(call)).hangup_cause == "b_rejected"


async def test_trunk_case_23_a_bye_for_a_call_that_is_over_gets_481(relay: House) -> None:
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    answer = relay.alice.responses()[-1]
    relay.alice.hang_up()
    await relay.relayed(call)
    relay.alice.send(_bye_of_alice(relay, answer, cseq=9), OURS)
    await relay.run(0.0)
    assert relay.alice.responses("BYE")[-1].status == 481


async def test_trunk_case_24_a_hangs_up_while_b_rings_and_b_is_cancelled_at_once(relay: House) -> None:
    relay.bob.on_invite = rings(183, sdp=True)
    call = await relay.arrive(DIALLED)
    await relay.run(7.0)
    at = relay.clock.time()
    relay.alice.hang_up()
    await relay.run(0.0)
    assert relay.bob.was_cancelled
    assert relay.clock.time() == at
    await relay.relayed(call)


async def test_trunk_case_25_nothing_comes_after_a_final_response(relay: House) -> None:
    """A 1xx of B's that is late does nothing, to a call that is answered and to one that is refused."""
    bob = HandPlayed(relay.bob, 180, 200, 183, 180)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    bob.send(183)
    await relay.run(1.0)
    assert relay.alice.statuses() == [180, 200]
    relay.alice.hang_up()
    await relay.relayed(call)
    relay.alice.events.clear()
    relay.bob.invite = None
    bob.statuses = (183, 486, 180, 200)
    call = await relay.arrive(DIALLED)
    await relay.relayed(call)
    assert relay.alice.statuses() == [183, 486]


def _bye_of_alice(house: House, response: Response, cseq: int = 2) -> bytes:
    at = ALICE.sip
    lines = [
        f"BYE sip:{OURS.host}:{OURS.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {at.host}:{at.port};branch=z9hG4bKalice-bye-{cseq}",
        "Max-Forwards: 70",
        f"From: {response.headers.get('From')}",
        f"To: {response.headers.get('To')}",
        f"Call-ID: {response.call_id}",
        f"CSeq: {cseq} BYE",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _bye_of_bob(phone: Phone) -> bytes:
    assert phone.invite is not None
    at = BOB.sip
    lines = [
        f"BYE sip:{OURS.host}:{OURS.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {at.host}:{at.port};branch=z9hG4bKbobby-bye",
        "Max-Forwards: 70",
        f"From: {phone.invite.headers.get('To')};tag=bobby-tag",
        f"To: {phone.invite.headers.get('From')}",
        f"Call-ID: {phone.invite.call_id}",
        "CSeq: 1 BYE",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
