"""Limits of time and money: what is reserved, extended, refused, charged."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from b2bua.call.errors import BalanceInsufficient, CapacityExhausted, IdempotencyConflict, InvalidParties
from b2bua.call.model import PlaceCall
from storage.records import CallRecord, Tariff
from tests.support.house import ONE_TRUNK, ORG, House
from tests.support.scripted_phone import ALICE, BOB, answers, rings

PULSE = 150


@pytest.mark.parametrize(
    ("talk_s", "billed_s", "price"),
    [
        (0.0, 60, 150),
        (0.4, 60, 150),
        (0.6, 60, 150),
        (1, 60, 150),
        (59.9, 60, 150),
        (60, 60, 150),
        (60.6, 120, 300),
        (94, 120, 300),
    ],
)
async def test_trunk_case_17_the_price_is_by_whole_pulses_of_the_rounded_talk(
    house: House, talk_s: float, billed_s: int, price: int
) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(talk_s)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.bill_duration_s, cdr.price_paise) == (billed_s, price)
    assert (await house.wallet()).balance_paise == 100_000 - price


@pytest.mark.parametrize("limit_s", [10, 60, 61, 150])
async def test_max_duration_ends_the_call_and_is_what_is_billed(house: House, limit_s: int) -> None:
    call = await house.bridged(max_duration_s=limit_s)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "max_duration", "system")
    assert cdr.answered_at is not None
    assert cdr.ended_at == cdr.answered_at + limit_s * 1000
    assert (cdr.duration_s, cdr.bill_duration_s) == (limit_s, -(-limit_s // 60) * 60)
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up


async def test_a_short_call_never_reserves_beyond_its_limit(house: House) -> None:
    call = await house.bridged(max_duration_s=60)
    await house.run(55.0)
    assert (await house.wallet()).reserved_paise == PULSE
    await house.ended(call)


async def test_the_reservation_is_a_pulse_ahead_all_along(house: House) -> None:
    call = await house.bridged()
    await house.run(48.0)
    assert (await house.wallet()).reserved_paise == PULSE
    await house.run(2.0)
    assert (await house.wallet()).reserved_paise == 2 * PULSE
    await house.run(150.0)
    assert (await house.wallet()).reserved_paise == 4 * PULSE
    house.bob.hang_up()
    cdr = await house.ended(call)
    assert (cdr.duration_s, cdr.price_paise) == (201, 4 * PULSE)
    wallet = await house.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (100_000 - 4 * PULSE, 0)


@pytest.mark.parametrize("pulses", [1, 2, 3])
async def test_a_balance_that_runs_out_ends_the_call_with_the_paid_pulse(open_house: Any, pulses: int) -> None:
    house = await open_house(paise=pulses * PULSE + 149)
    call = await house.bridged()
    await house.run(pulses * 60 - 12.0)  # a second before the extension is asked for
    before = [len(phone.received_rtp) for phone in (house.alice, house.bob)]
    await house.run(1.0)
    normal = [len(phone.received_rtp) - had for phone, had in zip((house.alice, house.bob), before, strict=True)]
    before = [len(phone.received_rtp) for phone in (house.alice, house.bob)]
    await house.run(1.0)
    warned = [len(phone.received_rtp) - had for phone, had in zip((house.alice, house.bob), before, strict=True)]
    assert all(more > 5 * usual for more, usual in zip(warned, normal, strict=True)), "both hear the warning"
    assert house.state(call) == "bridged"
    cdr = await house.ended(call)

    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "balance_exhausted", "system")
    assert cdr.answered_at is not None
    assert cdr.ended_at == cdr.answered_at + pulses * 60_000
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (pulses * 60, pulses * 60, pulses * PULSE)
    assert (await house.wallet()).balance_paise == 149
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up


async def test_a_tariff_of_its_own_is_what_an_organisation_pays(open_house: Any) -> None:
    house = await open_house(tariff=Tariff(rate_paise_per_minute=60, pulse_s=15))
    call = await house.bridged()
    await house.run(30.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (31, 45, 45)


@pytest.mark.parametrize(("pulse_s", "talk_s", "price"), [(1, 60, 150), (1, 61, 153), (7, 60, 158), (7, 20, 53)])
async def test_pulses_that_are_no_whole_paise_add_up_to_the_tariffs_price(
    open_house: Any, pulse_s: int, talk_s: int, price: int
) -> None:
    house = await open_house(tariff=Tariff(rate_paise_per_minute=150, pulse_s=pulse_s))
    call = await house.bridged()
    await house.run(talk_s - 1.0)
    wallet = await house.wallet()
    assert wallet.reserved_paise >= price
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.duration_s, cdr.price_paise) == (talk_s, price)
    wallet = await house.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (100_000 - price, 0)
    assert await house.store.run(lambda unit: unit.ledger.verify()) == []


async def test_seconds_are_paid_for_to_the_last_one_that_the_balance_has(open_house: Any) -> None:
    house = await open_house(paise=25, tariff=Tariff(rate_paise_per_minute=60, pulse_s=1))
    call = await house.bridged()
    cdr = await house.ended(call)
    assert (cdr.hangup_cause, cdr.duration_s, cdr.price_paise) == ("balance_exhausted", 25, 25)
    assert (await house.wallet()).balance_paise == 0


async def test_billing_by_the_second_is_no_write_each_second(open_house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await open_house(tariff=Tariff(rate_paise_per_minute=60, pulse_s=1))
    asked: list[int] = []
    extend = house.settlement.extend

    def counted(record: CallRecord, reserved_pulses: int, pulses: int, done: Callable[[int], None]) -> None:
        asked.append(pulses)
        extend(record, reserved_pulses, pulses, done)

    monkeypatch.setattr(house.settlement, "extend", counted)
    call = await house.bridged()
    await house.run(60.0)
    assert asked == [10] * 8
    assert 60 < (await house.wallet()).reserved_paise <= 60 + 21
    house.alice.hang_up()
    await house.ended(call)


async def test_without_a_pulse_s_worth_no_call_is_placed(open_house: Any) -> None:
    house = await open_house(paise=149)
    with pytest.raises(BalanceInsufficient):
        await house.place()
    await house.run(5.0)
    assert house.network.carried == []
    assert (await house.wallet()).reserved_paise == 0


async def test_concurrent_placements_never_overdraw(open_house: Any) -> None:
    house = await open_house(paise=5 * PULSE + 10)
    house.alice.on_invite = rings()
    results = await asyncio.gather(
        *(house.place(party_b=f"98200000{n:02d}", ring_timeout_s=5) for n in range(20)), return_exceptions=True
    )
    placed = [result for result in results if not isinstance(result, BaseException)]
    assert len(placed) == 5
    assert all(isinstance(result, BalanceInsufficient) for result in results if isinstance(result, BaseException))
    wallet = await house.wallet()
    assert (wallet.reserved_paise, wallet.available_paise) == (5 * PULSE, 10)
    await house.run(60.0)
    wallet = await house.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (5 * PULSE + 10, 0)


async def test_two_talkers_share_what_is_left(open_house: Any) -> None:
    """Two calls, money for three pulses: one is extended, the other is told that it is over, nobody talks on credit."""
    house = await open_house(paise=3 * PULSE)
    first = await house.bridged()
    second = await house.place()
    await house.until(lambda: house.state(second) == "bridged")
    cdr = await house.over(second)
    assert (cdr.hangup_cause, cdr.duration_s, cdr.price_paise) == ("balance_exhausted", 60, PULSE)
    assert house.state(first) == "bridged"
    cdr = await house.ended(first)
    assert (cdr.hangup_cause, cdr.duration_s, cdr.price_paise) == ("balance_exhausted", 120, 2 * PULSE)
    assert (await house.wallet()).balance_paise == 0


async def test_the_same_key_and_body_give_the_first_reply_again(house: House) -> None:
    house.alice.on_invite = rings()
    command = PlaceCall(
        ORG, ALICE.number, BOB.number, ring_timeout_s=5, request_id="r1", idempotency_key="k", body_sha256="body"
    )
    first = await house.place(ring_timeout_s=5, request_id="r1", idempotency_key="k", body_sha256="body")
    again = await house.switch.place_call(command)
    assert (again.replayed, again.record.call_id, again.request_id) == (True, first.call_id, "r1")
    await house.ended(first)
    later = await house.switch.place_call(command)
    assert (later.replayed, later.record.call_id) == (True, first.call_id)
    assert len(house.alice.requests("INVITE")) == 1
    assert len(house.tasks) == 1


async def test_the_same_key_with_another_body_is_a_conflict(house: House) -> None:
    house.alice.on_invite = rings()
    await house.place(ring_timeout_s=5, idempotency_key="k", body_sha256="one")
    with pytest.raises(IdempotencyConflict):
        await house.place(ring_timeout_s=5, idempotency_key="k", body_sha256="two")
    assert (await house.wallet()).reserved_paise == PULSE


async def test_equal_requests_at_once_make_one_call(house: House) -> None:
    house.alice.on_invite = rings()
    values = {"ring_timeout_s": 5, "idempotency_key": "k", "body_sha256": "one"}
    results = await asyncio.gather(*(house.place(**values) for _ in range(10)))
    assert len({result.call_id for result in results}) == 1
    await house.run(1.0)
    assert len(house.alice.requests("INVITE")) == 1
    assert (await house.wallet()).reserved_paise == PULSE


async def test_a_key_is_forgotten_after_a_day(house: House) -> None:
    house.alice.on_invite = rings()
    values = {"ring_timeout_s": 5, "idempotency_key": "k", "body_sha256": "one"}
    first = await house.place(**values)
    await house.ended(first)
    house.switch.stop()  # or the sign of life would be written 43,200 times
    house.clock.advance(24 * 3600)
    house.switch.start()
    second = await house.place(**values)
    assert second.call_id != first.call_id
    await house.ended(second)


async def test_no_more_calls_than_allowed_at_once(open_house: Any) -> None:
    house = await open_house("[calls]\nmax_concurrent = 3")
    house.alice.on_invite = rings()
    results = await asyncio.gather(
        *(house.place(party_b=f"98200000{n:02d}", ring_timeout_s=5) for n in range(8)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, CapacityExhausted)]
    assert len(refused) == 5
    assert all(refusal.retry_after_s for refusal in refused)
    await house.run(12.0)
    call = await house.place(ring_timeout_s=5)
    await house.ended(call)


async def test_a_trunk_holds_no_more_legs_than_its_cap(open_house: Any) -> None:

    house = await open_house(trunks=ONE_TRUNK + "max_calls = 4\n")
    first = await house.bridged()
    second = await house.place()
    await house.until(lambda: house.state(second) == "bridged")
    assert house.trunk().live_calls == 4
    with pytest.raises(CapacityExhausted):
        await house.place()
    house.alice.hang_up()
    await house.over(second)
    assert house.trunk().live_calls == 2
    await house.switch.hang_up(ORG, first.call_id)
    await house.ended(first)


@pytest.mark.parametrize(
    ("party_a", "party_b", "field"),
    [
        (ALICE.number, ALICE.number, "party_b"),
        (ALICE.number, f"+91 {ALICE.number[:5]} {ALICE.number[5:]}", "party_b"),
        ("12345", BOB.number, "party_a"),
        (ALICE.number, "5845012376", "party_b"),
        (ALICE.number, f"sip:{BOB.number}@203.0.113.1:5060", "party_b"),
    ],
)
async def test_parties_that_cannot_be_called(house: House, party_a: str, party_b: str, field: str) -> None:
    with pytest.raises(InvalidParties) as refused:
        await house.place(party_a=party_a, party_b=party_b)
    assert refused.value.field == field
    assert (await house.wallet()).reserved_paise == 0


async def test_a_trunk_s_cap_counts_the_second_legs_of_calls_that_still_ring(open_house: Any) -> None:
    house = await open_house(trunks=ONE_TRUNK + "max_calls = 4\n")
    house.alice.on_invite = rings()
    await house.place(ring_timeout_s=5)
    await house.run(1.0)
    await house.place(ring_timeout_s=5)
    with pytest.raises(CapacityExhausted):
        await house.place()
    assert house.trunk().live_calls == 1 + 1
    await house.run(15.0)
    call = await house.place(ring_timeout_s=5)
    await house.ended(call)


async def test_placements_at_once_do_not_pass_a_trunk_s_caps(open_house: Any) -> None:
    for cap, taken in (("max_calls = 4", 2), ("cps = 2", 3)):
        house = await open_house(trunks=ONE_TRUNK + cap + "\n", seed=cap)
        house.alice.on_invite = rings()
        results = await asyncio.gather(
            *(house.place(party_b=f"98200000{n:02d}", ring_timeout_s=5) for n in range(10)), return_exceptions=True
        )
        assert [isinstance(result, CapacityExhausted) for result in results].count(True) == 10 - taken, cap
        await house.run(1.1)
        assert len(house.alice.requests("INVITE")) == taken, cap


async def test_a_placement_that_comes_to_nothing_keeps_no_room_on_the_trunk(open_house: Any) -> None:
    house = await open_house(trunks=ONE_TRUNK + "max_calls = 2\n", paise=PULSE)
    house.alice.on_invite = rings()
    values = {"ring_timeout_s": 5, "idempotency_key": "k", "body_sha256": "one"}
    await house.ended(await house.place(**values))
    await house.place(**values)  # a replay
    with pytest.raises(InvalidParties):
        await house.place(party_a="1")
    await house.ended(await house.place(ring_timeout_s=5))
    await house.store.run(lambda unit: unit.ledger.reserve("elsewhere", ORG, "other", PULSE, 1))
    with pytest.raises(BalanceInsufficient):
        await house.place(ring_timeout_s=5)
    await house.store.run(lambda unit: unit.ledger.void("void", "other", 2))
    await house.ended(await house.place(ring_timeout_s=5))
