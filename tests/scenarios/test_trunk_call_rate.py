"""A trunk's call rate: every INVITE to it, of first legs, second legs and further attempts, waits its turn."""

import asyncio
import itertools
from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.sip.events import Rejected
from b2bua.sip.routing import TransportAddress
from tests.support.house import CARRIER, MASKED, ONE_TRUNK, OURS, House
from tests.support.scripted_phone import answers, rejects, rings


def invited_at(house: House) -> list[float]:
    """When each INVITE left, repeated ones left out, from the first."""
    first: dict[bytes, float] = {}
    for each in house.network.carried:
        if each.source.host == "192.0.2.1" and each.first_line.startswith("INVITE"):
            first.setdefault(each.content, each.at)
    return [at - min(first.values()) for at in first.values()]


async def place_at_once(house: House, calls: int) -> list[Any]:
    return await asyncio.gather(
        *(house.place(party_b=f"98200000{n:02d}", ring_timeout_s=5) for n in range(calls)), return_exceptions=True
    )


async def test_calls_above_the_rate_wait_and_a_second_s_worth_at_most(open_house: Any) -> None:
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 3\n")
    house.alice.on_invite = rejects(486)
    results = await place_at_once(house, 7)
    refused = [result for result in results if isinstance(result, CapacityExhausted)]
    assert len(refused) == 3
    assert {refusal.retry_after_s for refusal in refused} == {1}
    await house.run(3.0)
    assert invited_at(house) == pytest.approx([0, 1 / 3, 2 / 3, 1.0], abs=1e-4)


async def test_a_request_repeated_before_its_reply_gets_the_same_call(open_house: Any) -> None:
    """The first has taken the last turn and is not written down yet: the others are that call."""
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 1\n")
    house.alice.on_invite = rejects(486)
    same = {"ring_timeout_s": 5, "idempotency_key": "k", "body_sha256": "body"}
    placed = await asyncio.gather(*(house.place(**same) for _ in range(3)), return_exceptions=True)
    assert [getattr(each, "call_id", each) for each in placed] == [getattr(placed[0], "call_id", None)] * 3
    assert house.switch.tally.calls_refused == 0
    await house.run(3.0)
    assert len(house.carrier.invites) == 1


async def test_second_legs_wait_too_and_nothing_leaves_faster(open_house: Any) -> None:
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 2\n")
    house.alice.on_invite = answers(0.25, ringing=None)
    house.bob.on_invite = rings()
    for _ in range(3):
        await house.place(ring_timeout_s=8)
    await house.run(5.0)
    at = invited_at(house)
    assert len(at) == 6
    assert min(later - earlier for earlier, later in itertools.pairwise(at)) >= 0.5 - 1e-4
    assert at[-1] == pytest.approx(2.5, abs=1e-3)
    await house.run(20.0)


async def test_a_hang_up_while_waiting_frees_the_turn(open_house: Any) -> None:
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 1\n")
    house.alice.on_invite = rejects(486)
    await house.place()
    waits = await house.place()
    with pytest.raises(CapacityExhausted):
        await house.place()
    assert house.trunk().rate.waiting == 1
    await house.switch.hang_up(waits.org_id, waits.call_id)
    assert (house.trunk().rate.waiting, house.trunk().live_calls) == (0, 1)
    cdr = await house.over(waits)
    assert (cdr.hangup_cause, cdr.legs[0].sip_status) == ("api_hangup", None)
    await house.place()
    await house.run(5.0)
    assert invited_at(house) == pytest.approx([0, 1.0], abs=1e-4)


async def test_a_leg_whose_ring_timeout_ends_in_the_line_is_never_sent(open_house: Any) -> None:
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 1\n")
    house.alice.on_invite = rejects(486)
    await house.place()
    call = await house.place(ring_timeout_s=5)
    house.trunk().rate._next_at += 60.0  # as if many second legs were ahead of it
    cdr = await house.over(call)
    assert cdr.hangup_cause == "no_answer"
    assert len(house.carrier.invites) == 1
    assert house.trunk().rate.waiting == 0


async def test_further_attempts_wait_for_a_turn(open_house: Any) -> None:
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 2\n")
    house.trunk().destinations = (CARRIER, TransportAddress("udp", "203.0.113.2", 5060))
    house.carrier.status = 500
    house.carrier_at("203.0.113.2").status = 486
    await house.ended(await house.place())
    assert invited_at(house) == pytest.approx([0, 0.5], abs=1e-4)


async def test_a_turn_that_comes_when_the_destination_is_down_goes_to_the_next(open_house: Any) -> None:
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 1\n")
    house.trunk().destinations = (CARRIER, TransportAddress("udp", "203.0.113.2", 5060))
    house.carrier_at("203.0.113.2").status = 486
    house.carrier.status, house.carrier.headers = 503, "Retry-After: 30"
    await place_at_once(house, 2)
    await house.run(10.0)
    assert len(house.carrier.invites) == 1
    assert len(house.carrier_at("203.0.113.2").invites) == 2
    assert (house.trunk().invites, dict(house.trunk().failures)) == (3, {"503": 1, "4xx": 2})
    assert house.trunk().failovers == 1, "the call that waited was never sent there, so nothing of it has failed"
    assert (house.trunk().live_calls, house.trunk().promised) == (0, 0)


async def test_callbacks_wait_a_second_s_worth_at_most_too(open_house: Any) -> None:
    """Many arrive at once, and none has asked for its turn before all are admitted."""
    house: House = await open_house(trunks=ONE_TRUNK + "cps = 3\n")
    house.alice.on_invite = rejects(486)
    await house.ended(await house.place())
    house.alice.on_invite = None
    house.bob.on_invite = rings()
    await house.run(1.0)
    for _ in range(7):
        house.alice.call(MASKED, OURS)
    await house.until(lambda: house.alice.kinds().count("Rejected") == 3)
    await house.run(3.0)
    refused = [event.response for event in house.alice.events if isinstance(event, Rejected)]
    assert [(response.status, response.headers.get("Retry-After")) for response in refused] == [(503, "5")] * 3
    assert len(house.bob.invites) == 4
    assert house.trunk().rate.booked == 0
    await house.until(lambda: house.switch.live_calls() == 0)
