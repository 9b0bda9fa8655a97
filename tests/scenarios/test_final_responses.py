"""What each final response, or the want of one, makes of the call: the published table, row by row."""

import pytest

from b2bua.call.hangup import CLEARINGS, q850_of_status, q850_reason
from b2bua.call.model import HangupCause
from tests.support.house import CARRIER, House
from tests.support.scripted_phone import answers, nothing, rejects, rings

BUSY = (486, 600)
REJECTED = (403, 603, 607, 608)
UNREACHABLE = (408, 410, 480)
INVALID = (404, 416, 484, 604)
OTHERS = (
    *(400, 401, 402, 405, 406, 407, 409, 413, 414, 415, 420, 421, 422, 423, 433, 481, 482, 483, 485, 487, 488, 491),
    *(493, 499, 500, 501, 502, 503, 504, 505, 513, 580, 599, 606, 699, 302),
)
ROWS = [
    *((status, "busy", "b_busy") for status in BUSY),
    *((status, "rejected", "b_rejected") for status in REJECTED),
    *((status, "unreachable", "b_unreachable") for status in UNREACHABLE),
    *((status, "invalid_number", "b_unreachable") for status in INVALID),
    *((status, "network_error", "b_unreachable") for status in OTHERS),
]
TONE_S = 4.0


@pytest.mark.parametrize(("status", "cause", "_of_b"), ROWS)
@pytest.mark.parametrize("ringing", [False, True])
async def test_a_gives_a_final_response(house: House, status: int, cause: str, _of_b: str, ringing: bool) -> None:
    house.alice.on_invite = rejects(status, ringing=ringing)
    call = await house.place()
    cdr = await house.ended(call)

    ending = "failed"
    if status == 408 and ringing:
        cause, ending = "no_answer", "no-answer"
    assert (cdr.status, cdr.hangup_cause) == (ending, cause)
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (0, 0, 0)
    assert (cdr.answered_at, cdr.a_answered_at) == (None, None)
    assert (cdr.legs[0].status, cdr.legs[0].sip_status, cdr.legs[0].hangup_cause) == ("failed", status, cause)
    assert (cdr.legs[1].status, cdr.legs[1].sip_status) == ("idle", None)
    assert await house.words(call) == ["initiated", *(["ringing"] if ringing else []), ending]
    assert house.bob.received == []
    assert house.alice.methods() == ["INVITE", "ACK"]
    assert (await house.wallet()).balance_paise == 100_000


@pytest.mark.parametrize(("status", "_of_a", "cause"), ROWS)
@pytest.mark.parametrize("ringing", [False, True])
async def test_trunk_case_24_b_gives_a_final_response_and_a_hears_of_it(
    house: House, status: int, _of_a: str, cause: str, ringing: bool
) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rejects(status, ringing=ringing, after_s=2.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "telling_a")
    failed_at, heard = house.clock.time(), len(house.alice.received_rtp)
    await house.until(lambda: house.alice.was_hung_up)
    assert house.clock.time() == pytest.approx(failed_at + TONE_S)
    cdr = await house.ended(call)

    if status == 408 and ringing:
        cause = "b_no_answer"
    assert (cdr.status, cdr.hangup_cause) == ("failed", cause)
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (0, 0, 0)
    assert cdr.answered_at is None
    assert (cdr.legs[1].status, cdr.legs[1].sip_status, cdr.legs[1].hangup_cause) == ("failed", status, cause)
    assert cdr.legs[0].status == "ended"
    assert await house.words(call) == ["initiated", "ringing", "answered", "failed"]
    assert len(house.alice.received_rtp) - heard >= TONE_S * 50 - 2, "the tone"
    assert house.bob.methods() == ["INVITE", "ACK"]
    truth = q850_of_status(status) if cause == "b_unreachable" else CLEARINGS[HangupCause(cause)].q850
    bye = house.alice.requests("BYE")[0]
    assert bye.headers.get("Reason") == q850_reason(truth)


@pytest.mark.parametrize("leg", ["a", "b"])
async def test_nothing_at_all_comes_back(house: House, leg: str) -> None:
    lost, other = (house.alice, house.bob) if leg == "a" else (house.bob, house.alice)
    other.on_invite = answers(1.0)
    house.carrier.reachable.discard(lost.persona.number)
    call = await house.place()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "unreachable" if leg == "a" else "b_unreachable")
    assert cdr.started_at is not None
    assert cdr.ended_at is not None
    waited_ms = 4_000 if leg == "a" else 1_000 + 4_000 + 4_000  # the trunk's short timer; then what A hears
    assert cdr.ended_at - cdr.started_at == waited_ms
    assert set(lost.methods()) == {"INVITE"}


@pytest.mark.parametrize("leg", ["a", "b"])
async def test_the_network_says_that_it_cannot_be_reached(house: House, leg: str) -> None:
    house.alice.on_invite = answers(1.0)
    if leg == "a":
        house.network.detach(CARRIER)
    call = await house.place()
    if leg == "b":
        await house.until(lambda: house.alice.invite)
        house.network.detach(CARRIER)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "unreachable" if leg == "a" else "b_unreachable")
    assert await house.words(call) == (
        ["initiated", "failed"] if leg == "a" else ["initiated", "ringing", "answered", "failed"]
    )


async def test_b_s_trunk_has_no_address_any_more(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    call = await house.place()
    house.trunk().destinations = ()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_unreachable")
    assert house.bob.received == []


@pytest.mark.parametrize("behaviour", [rings(), rings(183, sdp=True), nothing])
async def test_trunk_case_24_a_does_not_answer_in_time(house: House, behaviour: object) -> None:
    house.alice.on_invite = behaviour  # type: ignore[assignment]
    call = await house.place(ring_timeout_s=20)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("no-answer", "no_answer", "system")
    assert cdr.started_at is not None
    assert cdr.ended_at == cdr.started_at + 20_000
    assert house.alice.was_cancelled
    methods = [method for method in house.alice.methods() if method != "PRACK"]  # of a 183 with SDP
    assert methods == ["INVITE", "CANCEL", "ACK"]
    assert (await house.words(call))[-1] == "no-answer"
    assert cdr.legs[0].sip_status == 487 or cdr.legs[0].sip_status is None


@pytest.mark.parametrize("behaviour", [rings(), rings(183, sdp=True), nothing])
async def test_trunk_case_24_b_does_not_answer_in_time(house: House, behaviour: object) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = behaviour  # type: ignore[assignment]
    call = await house.place(ring_timeout_s=20)
    await house.until(lambda: house.state(call) == "dialling_b")
    await house.run(20.0)
    assert house.bob.was_cancelled, "at once, not when A has heard the tone"
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "b_no_answer", "system")
    assert cdr.a_answered_at is not None
    assert cdr.ended_at == cdr.a_answered_at + 20_000 + 4_000
    assert house.bob.was_cancelled
    methods = [method for method in house.bob.methods() if method != "PRACK"]  # of a 183 with SDP
    assert methods == ["INVITE", "CANCEL", "ACK"]
    assert house.alice.was_hung_up


async def test_the_ring_timeout_is_the_configured_one_where_none_is_asked_for(house: House) -> None:
    house.alice.on_invite = rings()
    call = await house.place()
    cdr = await house.ended(call)
    assert cdr.started_at is not None
    assert cdr.ended_at == cdr.started_at + 45_000
