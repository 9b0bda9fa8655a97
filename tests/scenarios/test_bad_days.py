"""The store that is gone, the network that loses, the trunk that is down, callers from outside."""

from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.sip.routing import TransportAddress
from storage.records import Tariff
from tests.support.agents import request_from_peer
from tests.support.house import ONE_TRUNK, OURS, House
from tests.support.lossy_network import Conditions
from tests.support.scripted_phone import answers, rings


async def test_a_store_that_is_down_makes_facts_late_and_loses_none(house: House) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    house.take_store_down()
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(30.0)
    with pytest.raises(CapacityExhausted):
        await house.place()
    house.bob.hang_up()
    await house.run(10.0)
    assert house.switch.live_calls() == 0, "for the parties nothing is different"
    assert house.journal.backlog > 0
    assert house.journal.retries > 0
    house.bring_store_back()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.duration_s, cdr.price_paise) == ("completed", "normal", 30, 150)
    assert await house.words(call) == [
        "initiated",
        "ringing",
        "answered",
        "bridged",
        "completed",
        "recording.ready",
    ]
    told = await house.told(call)
    at = [event.created_at for event in told]
    assert at == sorted(at)
    assert told[3].created_at == cdr.answered_at, "each event has the time of its fact"


async def test_a_store_that_is_down_past_the_paid_time_ends_no_call_that_can_pay(house: House) -> None:
    call = await house.bridged()
    await house.run(40.0)
    house.take_store_down()
    await house.run(40.0)
    house.bring_store_back()
    await house.run(60.0)
    assert house.state(call) == "bridged"
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert (cdr.duration_s, cdr.price_paise) == (141, 450)
    assert (await house.wallet()).balance_paise == 100_000 - 450


async def test_nobody_talks_for_long_on_credit_while_the_store_is_down(house: House) -> None:
    """Half a minute past what is set aside; then it is our failure, for of the balance nothing is known."""
    call = await house.bridged()
    await house.run(40.0)
    house.take_store_down()
    await house.run(60.0)
    house.bring_store_back()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "network_error")
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (90, 120, 300)
    wallet = await house.wallet()
    assert (wallet.balance_paise, wallet.reserved_paise) == (100_000 - 300, 0)


async def test_a_balance_that_turns_out_too_low_when_the_store_is_back_ends_the_call(open_house: Any) -> None:
    house = await open_house(paise=150 + 149)
    call = await house.bridged()
    await house.run(40.0)
    house.take_store_down()
    await house.run(30.0)
    house.bring_store_back()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "balance_exhausted")
    assert (cdr.bill_duration_s, cdr.price_paise) == (60, 150)
    assert (await house.wallet()).balance_paise == 149


@pytest.mark.parametrize("pulse_s", [1, 2, 5])
async def test_short_pulses_outlast_a_store_that_stalls(open_house: Any, pulse_s: int) -> None:
    house = await open_house(tariff=Tariff(rate_paise_per_minute=60, pulse_s=pulse_s))
    call = await house.bridged()
    for _ in range(4):
        house.take_store_down()
        await house.run(3.0)
        house.bring_store_back()
        await house.run(7.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.hangup_cause, cdr.duration_s) == ("normal", 41)


async def test_a_store_that_comes_back_in_time_costs_nobody_anything(house: House) -> None:
    call = await house.bridged()
    await house.run(48.0)
    house.take_store_down()
    await house.run(5.0)  # the extension is due in here
    house.bring_store_back()
    await house.run(40.0)
    assert house.state(call) == "bridged"
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.hangup_cause, cdr.duration_s, cdr.price_paise) == ("normal", 94, 300)


LOSSES = [0.05, 0.1, 0.2]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(6))
async def test_a_call_survives_a_network_that_loses(open_house: Any, loss: float, seed: int) -> None:
    house = await open_house(seed=f"lossy line {seed}")
    house.network.conditions = Conditions(loss=loss, duplication=0.05, delay_s=0.02, jitter_s=0.05)
    house.alice.on_invite = answers(3.0)
    house.bob.on_invite = answers(4.0)
    call = await house.place()
    await house.until(lambda: house.state(call) in ("bridged", "ended", "ending"))
    assert house.state(call) == "bridged"
    house.alice.speak()
    house.bob.speak()
    await house.run(20.0)
    (house.alice if seed % 2 else house.bob).hang_up()
    cdr = await house.ended(call)
    assert house.network.lost or loss < 0.2
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a" if seed % 2 else "b")
    assert (await house.words(call)).count("completed") == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(4))
async def test_a_cancelled_call_over_a_network_that_loses(open_house: Any, loss: float, seed: int) -> None:
    house = await open_house(seed=f"cancel {seed}")
    house.network.conditions = Conditions(loss=loss, duplication=0.05, delay_s=0.02, jitter_s=0.05)
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rings()
    call = await house.place()
    await house.until(lambda: house.bob.invite)
    await house.run(1.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "a_hangup_before_bridge", 0)


async def test_lost_acks_are_sent_again_with_the_200(house: House) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    await house.until(lambda: house.alice.invite)
    await house.run(0.9)
    house.network.follow([1, 0, 1, 0])  # Alice's 200; then our ACK is lost, and the INVITE to Bob; and again
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.speak()
    house.bob.speak()
    await house.run(40.0)
    assert house.state(call) == "bridged"
    acks = [sent for sent in house.network.carried if sent.first_line.startswith("ACK sip:alice")]
    assert acks[0].copies == 0
    assert len(acks) >= 2
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")


async def test_a_bye_that_is_lost_is_sent_again(house: House) -> None:
    call = await house.bridged()
    house.network.follow([0, 0, 1, 1])  # Alice's BYE is lost twice
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "normal")
    assert house.bob.was_hung_up


async def test_trunk_case_23_a_bye_that_is_never_answered_is_cleaned_up_after_32_s(house: House) -> None:
    call = await house.bridged()
    house.phones_forget = False
    for at in (house.bob.persona.sip, TransportAddress("udp", "203.0.113.1", 5060)):
        house.network.attach(at, lambda content, source, local: None)
    house.alice.hang_up()
    await house.run(6.0)
    assert house.switch.live_calls() == 0, "the settlement does not wait for it"
    assert house.user_agent.table_sizes().usages > 0
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a")


async def test_near_miss_a_lost_bye_is_saved_by_the_media_timeout(house: House) -> None:
    call = await house.bridged()
    house.phones_forget = False
    house.bob.fall_silent()
    house.network.detach(house.bob.persona.sip)  # Bob is gone without a word
    house.network.unreachable = None
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("completed", "media_timeout")
    assert house.alice.was_hung_up


async def test_a_trunk_that_answers_no_options_gets_no_calls_until_it_does(open_house: Any) -> None:
    house = await open_house(trunks=ONE_TRUNK.replace("options_interval_s = 0", "options_interval_s = 30"))
    await house.run(1.0)
    assert house.carrier.options == 1
    house.carrier.options_status = None
    await house.run(60.0 + 40.0)
    with pytest.raises(CapacityExhausted):
        await house.place()
    assert not house.switch.trunk_states()[0].up
    house.carrier.options_status = 405
    await house.run(31.0)
    house.alice.on_invite = rings()
    call = await house.place(ring_timeout_s=5)
    await house.ended(call)
    house.carrier.options_status = 503
    await house.run(31.0)
    with pytest.raises(CapacityExhausted):
        await house.place()


@pytest.mark.parametrize(("dialled", "status"), [("917969002802", 403), ("919999999999", 404)])
async def test_a_call_from_a_trunk_is_refused_and_leaves_nothing(house: House, dialled: str, status: int) -> None:
    house.carrier.send(request_from_peer("INVITE", uri=f"sip:+{dialled}@192.0.2.1:5060", via="203.0.113.1:5060"))
    await house.run(1.0)
    assert [answer.status for answer in house.carrier.answers][:2] == [100, status]
    assert house.switch.live_calls() == 0
    await house.run(45.0)


async def test_options_from_a_trunk_say_whether_calls_are_taken(house: House) -> None:
    house.carrier.send(request_from_peer("OPTIONS", call_id="one", branch="z9hG4bK1", via="203.0.113.1:5060"))
    await house.run(0.5)
    house.switch.drain(lambda: None)
    house.carrier.send(request_from_peer("OPTIONS", call_id="two", branch="z9hG4bK2", via="203.0.113.1:5060"))
    await house.run(0.5)
    assert [answer.status for answer in house.carrier.answers] == [200, 503]


async def test_a_stranger_gets_silence_whatever_it_sends(house: House) -> None:
    call = await house.bridged()
    assert house.bob.invite is not None
    heard: list[bytes] = []
    stranger = TransportAddress("udp", "198.51.100.66", 5060)
    wire = house.network.attach(stranger, lambda content, source, local: heard.append(content))
    for number, method in enumerate(("OPTIONS", "INVITE", "BYE", "REGISTER", "CANCEL")):
        wire.send(
            request_from_peer(
                method,
                call_id=house.bob.invite.call_id,
                branch=f"z9hG4bKs{number}",
                from_tag="x",
                to_tag=house.bob.invite.from_tag,
                via="198.51.100.66:5060",
            ),
            OURS,
        )
        wire.send(b"\x00garbage\xff", OURS)
    await house.run(5.0)
    assert heard == []
    assert house.state(call) == "bridged"
    assert house.endpoint.counters()["strangers"] == 10
    house.alice.hang_up()
    await house.ended(call)


async def test_the_counters_tell_what_happened(house: House) -> None:
    call = await house.bridged()
    house.alice.hang_up()
    await house.ended(call)
    figures = house.switch.counters()
    assert (figures["calls_placed_total"], figures["calls_settled_total"], figures["calls_refused_total"]) == (1, 1, 0)
    assert figures["recordings_exported_total"] == 1
    assert figures["media_legs"] == 0
    assert figures["journal_backlog"] == 0
    assert all(name.replace("_", "").isalnum() for name in figures)


async def test_thirty_calls_after_another_leave_nothing_behind(house: House) -> None:
    house.alice.on_invite = answers(0.5)
    house.bob.on_invite = answers(0.5)
    calls = []
    for _ in range(30):
        calls.append(await house.place())
        await house.run(0.2)
    await house.until(lambda: all(house.state(call) == "bridged" for call in calls))
    for call in calls:
        await house.switch.hang_up(call.org_id, call.call_id)
    for call in calls:
        assert (await house.over(call)).hangup_cause == "api_hangup"
    assert (await house.wallet()).balance_paise == 100_000 - 30 * 150


async def test_each_counter_of_the_user_agent_has_a_name_of_its_own(house: House) -> None:
    """What was told apart by capitals alone, `ACKs of nothing`, lost them and its name."""
    house.user_agent._station.counters.update(
        {"BYEs unanswered": 2, "PRACKs unanswered": 3, "malformed, unanswered": 4}
    )
    figures = house.switch.counters()
    assert figures["sip_byes_unanswered_total"] == 2
    assert figures["sip_pracks_unanswered_total"] == 3
    assert figures["sip_malformed_unanswered_total"] == 4
