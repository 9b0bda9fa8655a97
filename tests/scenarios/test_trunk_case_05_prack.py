"""Hard case 5: 100rel on each leg for itself, from end to end."""

from typing import Any

import pytest

from b2bua.call.events import HangupRequested
from b2bua.sip.message import Request, Response
from b2bua.sip.settings import PeerPolicy
from tests.support.house import ONE_TRUNK, OURS, House
from tests.support.raw_dialog import raw_call
from tests.support.routes import BILLED, DIALLED, EAST, WEST, peer, route
from tests.support.scripted_phone import ALICE, Phone, answers, rejects, rings


def trunk(policy: str) -> str:
    return f'{ONE_TRUNK}\nreliable_provisional = "{policy}"\n'


def racks(phone: Phone) -> list[str]:
    """What each PRACK that the phone got acknowledged, without the RSeq, which is random."""
    return [str(prack.rack).split(" ", 1)[1] for prack in phone.requests("PRACK")]


@pytest.mark.parametrize(("policy", "for_180"), [("supported", 0), ("required", 1)])
async def test_a_carrier_with_100rel(open_house: Any, policy: str, for_180: int) -> None:
    house: House = await open_house(trunks=trunk(policy))

    def behave(phone: Phone, _event: object) -> None:
        phone.respond(180)
        phone.respond(183, phone.persona.sdp())
        phone.clock.call_later(3.0, lambda: phone.respond(200))

    house.alice.on_invite = house.bob.on_invite = behave
    call = await house.bridged()
    await house.run(5.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a")
    assert await house.words(call) == ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"]
    for phone in (house.alice, house.bob):
        assert phone.invite is not None
        assert "100rel" in phone.invite.supported
        assert phone.invite.require == (("100rel",) if policy == "required" else ())
        assert racks(phone) == ["1 INVITE"] * (for_180 + 1)
    assert house.bob.methods()[-1] == "BYE"
    numbers = [request.cseq.number for request in house.bob.requests() if request.method in ("PRACK", "BYE")]
    assert numbers == sorted(numbers)
    assert len(house.bob.heard()) > 20


async def test_a_trunk_that_wants_none_of_it(open_house: Any) -> None:
    house: House = await open_house(trunks=trunk("off"))
    house.alice.on_invite = house.bob.on_invite = answers(2.0, ringing=183, early=True)
    call = await house.bridged()
    house.bob.hang_up()
    await house.ended(call)
    for phone in (house.alice, house.bob):
        assert phone.invite is not None
        assert "100rel" not in phone.invite.supported + phone.invite.require
        assert "PRACK" not in phone.methods()


async def test_a_party_that_cannot_what_the_trunk_requires(open_house: Any) -> None:
    house: House = await open_house(trunks=trunk("required"))
    house.alice.on_invite = rejects(420)
    call = await house.place()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.legs[0].sip_status) == ("failed", 420)


async def test_a_183_that_is_repeated_is_heard_once_and_acknowledged_once(house: House) -> None:
    call, bob = await raw_call(house)
    for _ in range(3):
        bob.respond(183, "one", port=42100, rseq=77)
        await house.run(0.5)
    bob.respond(183, "one", port=42200, rseq=79)
    bob.respond(183, "one", port=42200, rseq=76)
    await house.run(0.5)
    assert [str(prack.rack) for prack in bob.requests("PRACK")] == ["77 1 INVITE"]
    bob.respond(200, "one")
    await house.until(lambda: house.state(call) == "bridged")
    bob.request("BYE", "one")
    await house.ended(call)


async def test_a_reliable_183_then_busy_and_a_reliable_183_that_nobody_answers(house: House) -> None:
    house.alice.on_invite = answers(1.0)

    def behave(phone: Phone, _event: object) -> None:
        phone.respond(183, phone.persona.sdp())
        phone.clock.call_later(2.0, lambda: phone.respond(486))

    house.bob.on_invite = behave
    cdr = await house.ended(await house.place())
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_busy")
    house.bob.on_invite = rings(183, sdp=True)
    cdr = await house.ended(await house.place(ring_timeout_s=20))
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_no_answer")
    assert house.bob.was_cancelled


# Calls that arrive: the other role, on the leg of the one who calls.


@pytest.mark.parametrize("policy", ["supported", "required"])
async def test_a_caller_hears_the_called_ones_early_media_by_a_reliable_183(open_house: Any, policy: str) -> None:
    house: House = await open_house(trunks=WEST + EAST + route())
    house.bob.on_invite = answers(3.0, ringing=183, early=True)
    wants = PeerPolicy(reliable_provisional=policy)  # type: ignore[arg-type]  # a word of the parameters
    call = await house.arrive(DIALLED, policy=wants)
    await house.until(lambda: house.alice.is_connected)
    house.alice.speak()
    house.bob.speak()
    await house.run(5.0)
    progress, ok = house.alice.responses()
    assert (progress.status, progress.require, ok.status) == (183, ("100rel",), 200)
    assert b"m=audio" in progress.body
    assert ok.body == b""
    [told] = house.alice.responses("PRACK")
    assert told.status == 200
    assert racks(house.bob) == ["1 INVITE"], "each leg has its own"
    assert len(house.alice.heard()) > 10
    house.alice.hang_up()
    end = await house.relayed(call)
    assert (end.status, end.hangup_cause) == ("completed", "normal")


async def test_a_caller_of_a_trunk_that_requires_100rel_has_to_know_it(open_house: Any) -> None:
    west = peer("west", ALICE, more='reliable_provisional = "required"')
    house: House = await open_house(trunks=west + EAST + route())
    refusal = await house.refused(DIALLED, policy=PeerPolicy(reliable_provisional="off"))
    assert (refusal.status, refusal.require) == (421, ("100rel",))
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    assert house.alice.responses()[-2].status == 180
    assert house.alice.responses()[-2].rseq is not None
    house.alice.hang_up()
    await house.relayed(call)


async def test_a_caller_that_acknowledges_nothing_is_given_up(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + EAST + route())
    house.bob.on_invite = answers(10.0, ringing=183, early=True)
    got: list[Request | Response] = []
    house.alice.raw = lambda message, _source: got.append(message)
    call = await _arrive_by_hand(house, "Supported: 100rel", house.alice.persona.sdp().decode())
    await house.run(33.0)
    statuses = [message.status for message in got if isinstance(message, Response)]
    assert statuses.count(183) == 7
    assert 200 not in statuses
    assert 504 in statuses
    assert house.bob.was_hung_up or house.bob.was_cancelled
    await house.relayed(call)


async def _answered_ahead(open_house: Any) -> tuple[House, Any, Response, list[Response]]:
    """A call that Bob has answered, while Alice's 200 waits for the PRACK of her 183; all that she gets."""
    house: House = await open_house(trunks=BILLED)
    house.bob.on_invite = answers(0.5, ringing=183, early=True)
    got: list[Response] = []
    house.alice.raw = lambda message, _source: got.append(message) if isinstance(message, Response) else None
    call = await _arrive_by_hand(house, "Supported: 100rel", house.alice.persona.sdp().decode())
    await house.run(3.0)
    assert house.bob.requests("ACK")
    progress = next(message for message in got if message.status == 183)
    assert house.state(call) == "answering"
    return house, call, progress, got


@pytest.mark.parametrize(
    ("end", "status", "cause", "party"),
    [
        ("cancelled", 487, "a_hangup_before_bridge", "a"),
        ("hung up by B", 480, "b_unreachable", "system"),
        ("never acknowledged", 504, "network_error", "system"),
        ("ended by its client", 480, "api_hangup", "system"),
    ],
)
async def test_a_call_whose_200_never_went_out_was_not_answered_and_costs_nothing(
    open_house: Any, end: str, status: int, cause: str, party: str
) -> None:
    house, call, _, got = await _answered_ahead(open_house)
    if end == "cancelled":
        _send(house, "CANCEL", 1, None)
    elif end == "hung up by B":
        house.bob.hang_up()
    elif end == "never acknowledged":
        await house.run(32.0)
    else:
        house.tasks[-1].post(HangupRequested())
    await house.run(1.0)
    assert [message.status for message in got if message.cseq.method == "INVITE" and message.status >= 200][:1] == [
        status
    ]
    assert house.bob.was_hung_up or end == "hung up by B"
    _send(house, "ACK", 1, got[-1].to_tag)
    cdr = await house.over(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", cause, party)
    assert (cdr.answered_at, cdr.a_answered_at, cdr.duration_s, cdr.price_paise) == (None, None, 0, 0)
    a, b = cdr.legs
    assert (a.status, a.answered_at, a.sip_status) == ("failed", None, 503 if status == 504 else status)
    assert (b.status, b.sip_status) == ("ended", 200)
    assert await house.words(call) == ["initiated", "ringing", "failed"]


async def test_a_call_is_answered_and_paid_for_from_when_its_200_goes_out(open_house: Any) -> None:
    house, call, progress, got = await _answered_ahead(open_house)
    _send(house, "PRACK", 2, progress.to_tag, f"RAck: {progress.rseq} 1 INVITE")
    await house.until(lambda: any(str(message.cseq) == "1 INVITE" and message.status == 200 for message in got))
    _send(house, "ACK", 1, progress.to_tag)
    house.bob.speak()
    await house.run(20.0)
    assert house.state(call) == "bridged"
    _send(house, "BYE", 3, progress.to_tag)
    await house.run(1.0)
    cdr = await house.over(call)
    assert (cdr.status, cdr.hangup_party, cdr.duration_s, cdr.price_paise) == ("completed", "a", 20, 150)
    a, b = cdr.legs
    assert cdr.a_answered_at == cdr.answered_at == a.answered_at
    assert (a.codec, a.sip_status, b.sip_status) == ("PCMA", 200, 200)
    assert a.answered_at is not None
    assert b.answered_at is not None
    assert a.answered_at - b.answered_at == 2500
    words = await house.words(call)
    assert words == ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"]


async def test_a_caller_that_requires_100rel_and_offers_nothing_gets_our_offer_at_the_ringing(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + EAST + route())
    house.bob.on_invite = answers(2.0)
    got: list[Request | Response] = []
    house.alice.raw = lambda message, _source: got.append(message)
    call = await _arrive_by_hand(house, "Require: 100rel", "")
    await house.run(0.5)
    ringing = next(message for message in got if isinstance(message, Response) and message.status == 180)
    assert b"m=audio" in ringing.body
    sdp = house.alice.persona.sdp().decode()
    _send(house, "PRACK", 2, ringing.to_tag, f"RAck: {ringing.rseq} 1 INVITE", sdp)
    await house.run(3.0)
    ok = [message for message in got if isinstance(message, Response) and message.status == 200][-1]
    assert (str(ok.cseq), ok.body) == ("1 INVITE", b"")
    _send(house, "ACK", 1, ringing.to_tag)
    house.bob.speak()
    await house.run(2.0)
    assert house.state(call) == "bridged"
    assert house.alice.received_rtp
    _send(house, "BYE", 3, ringing.to_tag)
    end = await house.relayed(call)
    assert (end.status, end.hangup_party) == ("completed", "a")


@pytest.mark.parametrize(("early", "reliably"), [(True, True), (False, False)])
async def test_a_caller_that_knows_100rel_and_offers_nothing_gets_our_offer_with_the_first_there_is_to_hear(
    open_house: Any, early: bool, reliably: bool
) -> None:
    house: House = await open_house(trunks=WEST + EAST + route())
    house.bob.on_invite = answers(2.0, ringing=183 if early else 180, early=early)
    got: list[Request | Response] = []
    house.alice.raw = lambda message, _source: got.append(message)
    call = await _arrive_by_hand(house, "Supported: 100rel", "")
    await house.run(0.4)
    progress = next(message for message in got if isinstance(message, Response) and message.status > 100)
    assert (progress.status, "100rel" in progress.require) == (183 if early else 180, reliably)
    assert (b"m=audio" in progress.body) == reliably
    _send(house, "CANCEL", 1, None)
    end = await house.relayed(call)
    assert end.hangup_party == "a"


def _send(house: House, method: str, cseq: int, to_tag: str | None, headers: str = "", body: str = "") -> None:
    """A request of Alice's, by hand."""
    at = house.alice.persona.sip
    tag = "" if to_tag is None else f";tag={to_tag}"
    lines = [
        f"{method} sip:{DIALLED}@{OURS.host}:{OURS.port} SIP/2.0",
        f"Via: SIP/2.0/UDP {at.host}:{at.port};branch=z9hG4bKalice{'INVITE' if method == 'CANCEL' else method}{cseq}",
        "Max-Forwards: 70",
        f"From: <sip:+91{house.alice.persona.number}@{at.host}>;tag=alice-tag",
        f"To: <sip:{DIALLED}@{OURS.host}>{tag}",
        "Call-ID: alice-call",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:alice@{at.host}:{at.port}>",
        *([headers] if headers else []),
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    house.alice.send("\r\n".join(lines).encode(), OURS)


async def _arrive_by_hand(house: House, headers: str, body: str) -> Any:
    _send(house, "INVITE", 1, None, headers, body)
    await house.until(lambda: house.tasks)
    return house.tasks[-1].machine.record
