"""A party of a recent call calls the masked number and gets the other, both still seeing that number."""

import re
from dataclasses import replace
from typing import Any

import pytest

from storage.errors import StoreUnavailable
from storage.records import CallRecord
from storage.units import UnitOfWork
from tests.support.house import CARRIER, MASKED, ONE_TRUNK, ORG, OURS, House, direct_trunk
from tests.support.scripted_phone import ALICE, BOB, Phone, answers, nothing, rejects, rings


async def paired(house: House) -> None:
    """Alice and Bob have talked, and are forgotten by the phones."""
    call = await house.bridged()
    house.alice.hang_up()
    await house.ended(call)
    for phone in (house.alice, house.bob):
        phone.invite = phone.on_invite = None
        phone.events.clear()
        phone.invites.clear()


@pytest.fixture
async def pair(house: House) -> House:
    """A house in which the two have talked."""
    await paired(house)
    return house


@pytest.mark.parametrize("caller", ["alice", "bob"])
async def test_either_party_gets_the_other(pair: House, caller: str) -> None:
    house = pair
    phone, other = (house.alice, house.bob) if caller == "alice" else (house.bob, house.alice)
    other.on_invite = answers(3.0)
    call = await house.arrive(MASKED, phone)
    await house.until(lambda: phone.is_connected)
    phone.speak()
    other.speak()
    await house.run(90.0)
    other.hang_up()
    cdr = await house.ended(call)
    assert (cdr.direction, cdr.party_a, cdr.party_b) == ("inbound", phone.persona.number, other.persona.number)
    assert (cdr.masked_number, cdr.org_id) == (MASKED, ORG)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "b")
    assert (cdr.duration_s, cdr.bill_duration_s, cdr.price_paise) == (90, 120, 300)
    assert [leg.status for leg in cdr.legs] == ["ended", "ended"]
    assert [(leg.trunk, leg.codec, leg.sip_status) for leg in cdr.legs] == [("carrier", "PCMA", 200)] * 2
    assert await house.words(call) == ["initiated", "ringing", "answered", "bridged", "completed", "recording.ready"]
    house.masked_on(other)
    assert phone.statuses() == [180, 200]
    assert house.recorder.lengths_s[call.call_id] == pytest.approx(90.0)


async def test_each_event_tells_the_status_of_its_own_step(pair: House) -> None:
    house = pair
    house.bob.on_invite = answers(2.0)
    call = await house.arrive(MASKED)
    await house.until(lambda: house.alice.is_connected)
    house.alice.hang_up()
    cdr = await house.ended(call)
    told = await house.told(call)
    assert [(event.event.value, event.call.status.value) for event in told[:5]] == [
        ("call.initiated", "initiated"),
        ("call.ringing", "ringing"),
        ("call.answered", "answered"),
        ("call.bridged", "in-progress"),
        ("call.completed", "completed"),
    ]
    assert cdr.started_at is not None
    assert cdr.answered_at is not None
    assert cdr.a_answered_at == cdr.answered_at == cdr.legs[0].answered_at == cdr.legs[1].answered_at
    assert cdr.answered_at - cdr.started_at == 2000
    assert cdr.legs[1].ringing_at == cdr.started_at


@pytest.mark.parametrize("sip_party_is_newer", [False, True])
async def test_the_newest_pairing_counts_whichever_way_the_caller_was_written(
    open_house: Any, sip_party_is_newer: bool
) -> None:
    """Who calls may be a number and a `sip:` party, each with a pairing of its own."""
    house: House = await open_house("[calls]\nsip_parties = true")
    numbers = {"party_a": ALICE.number, "party_b": BOB.number}
    uris = {name: f"sip:+91{number}@{CARRIER.host}" for name, number in numbers.items()}
    for pairing in (numbers, uris) if sip_party_is_newer else (uris, numbers):
        house.alice.on_invite = rejects(486)
        await house.ended(await house.place(**pairing))
    house.alice.invite = house.alice.on_invite = None
    house.alice.events.clear()
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert {"party_a": cdr.party_a, "party_b": cdr.party_b} == (uris if sip_party_is_newer else numbers)


@pytest.mark.parametrize(
    "dialled", [MASKED, f"+{MASKED}", f"00{MASKED}", MASKED[2:], f"0{MASKED[2:]}", f"+91-{MASKED[2:]}", f"{MASKED};x=1"]
)
async def test_the_number_is_known_however_it_is_dialled(pair: House, dialled: str) -> None:
    pair.bob.on_invite = rings()
    call = await pair.arrive(dialled)
    pair.alice.hang_up()
    assert (await pair.ended(call)).party_b == BOB.number


@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        (486, 'Q.850;cause=17;text="User busy"', "b_busy"),
        (603, "SIP;cause=603", "b_rejected"),
        (480, None, "b_unreachable"),
        (404, "Q.850;cause=1", "b_unreachable"),
        (500, None, "b_unreachable"),
    ],
)
async def test_b_s_failure_is_told_to_a_and_written_down(
    pair: House, status: int, reason: str | None, cause: str
) -> None:
    house = pair

    def refuse(phone: Phone, _event: object) -> None:
        headers = (("Reason", f"{reason}"),) if reason else ()
        assert phone._transaction is not None
        phone.endpoint.respond(phone._transaction, status, headers=(*headers, *phone.persona.headers))

    house.bob.on_invite = refuse
    call = await house.arrive(MASKED)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", cause, 0)
    assert [leg.sip_status for leg in cdr.legs] == [status, status]
    assert house.alice.rejected.status == status
    told = house.alice.rejected.headers.get("Reason")
    assert (told is None) == (reason is None)
    assert reason is None or (told or "").startswith(reason.partition(";text")[0])
    assert await house.words(call) == ["initiated", "failed"]
    assert (await house.wallet()).reserved_paise == 0


@pytest.mark.parametrize("behaviour", [nothing, rings(), rings(183, sdp=True)])
async def test_a_gives_up_before_b_answers(pair: House, behaviour: Any) -> None:
    house = pair
    house.bob.on_invite = behaviour
    call = await house.arrive(MASKED)
    await house.run(3.0)
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "a_hangup_before_bridge", "a")
    assert (cdr.legs[0].sip_status, cdr.price_paise) == (487, 0)
    assert house.alice.rejected.status == 487
    assert house.bob.was_cancelled


async def test_a_gives_up_while_the_store_is_asked(pair: House) -> None:
    house, placed = pair, pair.switch.tally.calls_placed
    house.bob.on_invite = rings()
    house.alice.call(MASKED, house.user_agent_address)
    house.clock.advance(0.0)
    assert house.switch._being_admitted() == 1
    house.alice.hang_up()
    house.clock.advance(0.0)
    await house.run(1.0)
    assert house.alice.rejected.status == 487
    assert house.bob.invite is None
    assert house.switch.live_calls() == 0
    await house.until(lambda: house.switch._being_admitted() == 0)
    assert house.switch.tally.calls_placed == placed, "it is no call, and none is written down"


async def test_a_gives_up_while_its_call_is_written_down(pair: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its leg is in the books as that of any call that is given up."""
    house, run, written = pair, pair.store.run, list[CallRecord]()

    async def then_a_gives_up(work: Any) -> Any:
        result = await run(work)
        if isinstance(result, CallRecord) and not written:
            written.append(result)
            house.alice.hang_up()
            house.clock.advance(0.0)
        return result

    monkeypatch.setattr(house.store, "run", then_a_gives_up)
    house.alice.call(MASKED, OURS)
    await house.until(lambda: written)
    cdr = await house.ended(written[0])
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "a_hangup_before_bridge", "a")
    assert house.alice.rejected.status == 487
    assert house.bob.invite is None
    a, b = cdr.legs
    assert (a.status, a.sip_status, a.ended_at, a.hangup_cause) == ("failed", 487, cdr.ended_at, cdr.hangup_cause)
    assert (b.status, b.sip_status, b.ended_at, b.hangup_cause) == ("idle", None, None, None)


async def test_no_phone_rings_on_for_a_caller_whose_connection_is_gone(pair: House) -> None:
    """What is sent to A over TCP reaches nobody any more, which the transport tells."""
    house = pair
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    await house.run(3.0)
    ringing = next(content for content in reversed(house.alice.received) if content.startswith(b"SIP/2.0 180 "))
    house.endpoint.unanswerable(ringing)
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.price_paise) == ("failed", "network_error", 0)
    assert house.bob.was_cancelled
    assert house.alice.rejected.status == 480


async def test_a_caller_that_is_gone_before_its_call_is_written_down_has_not_hung_up(
    pair: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection ended as it had sent the INVITE, so that not even the 100 reaches it."""
    house, run, written = pair, pair.store.run, list[CallRecord]()

    async def then_a_is_gone(work: Any) -> Any:
        result = await run(work)
        if isinstance(result, CallRecord) and not written:
            written.append(result)
            trying = next(content for content in house.alice.received if content.startswith(b"SIP/2.0 100 "))
            house.endpoint.unanswerable(trying)
        return result

    monkeypatch.setattr(house.store, "run", then_a_is_gone)
    house.alice.call(MASKED, OURS)
    await house.until(lambda: written)
    cdr = await house.ended(written[0])
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("failed", "network_error", "system")
    assert house.bob.invite is None
    a, b = cdr.legs
    assert (a.status, a.ended_at, b.status) == ("failed", cdr.ended_at, "idle")


async def test_a_callback_takes_one_of_its_hops(pair: House) -> None:
    """RFC 3261 8.1.1.6: what goes round by a number of ours ends."""
    pair.bob.on_invite = rings()
    call = await pair.arrive(MASKED, max_forwards=7)
    await pair.run(1.0)
    assert pair.bob.invite is not None
    assert pair.bob.invite.max_forwards == 6
    pair.alice.hang_up()
    await pair.ended(call)
    pair.alice.events.clear()
    assert (await pair.refused(MASKED, max_forwards=0)).status == 483


async def test_b_does_not_answer_in_time(open_house: Any) -> None:
    house = await open_house("[calls]\nring_timeout_s = 20")
    await paired(house)
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    await house.until(lambda: "Rejected" in house.alice.kinds())
    assert house.alice.rejected.status == 480
    assert house.alice.rejected.headers.get("Reason") == 'Q.850;cause=19;text="No answer from user"'
    cdr = await house.ended(call)
    assert (cdr.status, cdr.hangup_cause) == ("failed", "b_no_answer")
    assert house.bob.was_cancelled


async def test_without_money_nobody_is_called(open_house: Any) -> None:
    house = await open_house(paise=150)
    await paired(house)
    answer = await house.refused(MASKED)
    assert answer.status == 480
    assert answer.headers.get("Reason") == 'Q.850;cause=21;text="Call rejected"'
    assert house.bob.invite is None
    assert house.switch.counters()["inbound_refused_total"] == 1


async def test_the_window_ends_and_a_callback_renews_it(open_house: Any) -> None:
    house = await open_house("[calls]\ncallback_window_s = 600")
    await paired(house)
    for _ in range(3):
        await house.run(400.0)
        house.alice.events.clear()
        house.bob.on_invite = rejects(486)
        call = await house.arrive(MASKED)
        await house.ended(call)
    await house.run(601.0)
    house.alice.events.clear()
    assert (await house.refused(MASKED)).status == 403


async def test_when_every_trunk_is_down_a_is_asked_to_come_back(pair: House) -> None:
    pair.trunks.held_off(pair.trunk(), 60.0)
    answer = await pair.refused(MASKED)
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")


async def test_a_full_trunk_takes_no_call(open_house: Any) -> None:
    house = await open_house(trunks=ONE_TRUNK + "max_calls = 2\n")
    await paired(house)
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    answer = await house.refused(MASKED, house.bob)
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
    assert house.trunk().live_calls == 2
    house.alice.hang_up()
    await house.ended(call)
    assert house.trunk().live_calls == 0


async def test_an_organisation_at_its_limit_is_busy_and_holds_up_nobody_else(pair: House) -> None:
    """RFC 3261 21.5.4: a 503 would have the trunk hold back every call to us."""

    def limit(unit: UnitOfWork) -> None:
        organisation = unit.accounts.organisation(ORG)
        unit.accounts.change_organisation(replace(organisation, max_concurrent_calls=1))

    house = pair
    await house.store.run(limit)
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    answer = await house.refused(MASKED, house.bob)
    assert (answer.status, answer.headers.get("Reason")) == (486, 'Q.850;cause=17;text="User busy"')
    assert answer.headers.get("Retry-After") is None
    house.alice.hang_up()
    await house.ended(call)


async def test_the_log_tells_of_many_calls_that_are_not_admitted_once_a_second(
    pair: House, caplog: pytest.LogCaptureFixture
) -> None:
    house = pair

    def suspend(unit: UnitOfWork) -> None:
        organisation = unit.accounts.organisation(ORG)
        unit.accounts.change_organisation(replace(organisation, suspended_at=house.clock.wall_ms()))

    await house.store.run(suspend)
    with caplog.at_level("INFO", "b2bua.switch.arrivals"):
        for wait_s in (0.0, 0.0, 0.0, 1.0):
            await house.run(wait_s)
            house.bob.events.clear()
            assert (await house.refused(MASKED, house.bob)).status == 480
    first, then = caplog.messages
    assert re.fullmatch(r"leg [0-9a-f-]{36}/a is refused with 480: .*[^)]", first)
    assert then.endswith(" (2 more were, since the last one told)")


@pytest.mark.parametrize("party", ["agent:asha", "sip:desk@198.51.100.9"])
async def test_who_can_be_called_no_more_holds_up_no_other_call(house: House, party: str) -> None:
    """The browsers, or a trunk, have gone from the configuration since: that is no overload of ours."""
    at = house.clock.wall_ms()
    await house.store.run(lambda unit: unit.numbers.choose(ORG, ALICE.number, party, [("carrier", MASKED)], at))
    answer = await house.refused(MASKED)
    assert (answer.status, answer.headers.get("Reason")) == (480, 'Q.850;cause=21;text="Call rejected"')
    assert answer.headers.get("Retry-After") is None


async def test_while_draining_there_are_no_new_calls(pair: House) -> None:
    pair.switch.drain(lambda: None)
    answer = await pair.refused(MASKED)
    assert answer.status == 503
    assert answer.headers.get("Retry-After") is not None


async def test_the_store_is_down(pair: House) -> None:
    pair.take_store_down()

    async def refuse(_work: object) -> None:
        raise StoreUnavailable("disk full")

    pair.store.read = refuse  # type: ignore[method-assign, assignment]
    pair.alice.call(MASKED, pair.user_agent_address)
    await pair.run(1.0)
    assert pair.alice.rejected.status == 503
    del pair.store.read
    pair.bring_store_back()


async def test_a_defect_in_the_admission_is_a_500_and_logged(pair: House) -> None:
    async def fails(_work: object) -> None:
        raise ZeroDivisionError("a defect")

    pair.store.read = fails  # type: ignore[method-assign, assignment]
    pair.alice.call(MASKED, pair.user_agent_address)
    await pair.run(1.0)
    assert pair.alice.rejected.status == 500
    assert any("a call that arrived could not be admitted" in line for line in pair.log.lines)
    del pair.store.read


async def test_an_offer_that_cannot_be_used_is_refused_and_nobody_called(pair: House) -> None:
    answer = await pair.refused(MASKED, body=ALICE.sdp().replace(b"RTP/AVP 8 101", b"RTP/AVP 18 101"))
    assert (answer.status, answer.headers.get("Retry-After")) == (488, None)
    assert pair.bob.invite is None
    assert pair.switch.counters()["inbound_refused_total"] == 1
    assert not [line for line in pair.log.lines if line.startswith("ERROR")]


async def test_trunk_case_19_who_is_called_back_is_reached_by_another_trunk_with_the_number(open_house: Any) -> None:
    second = ONE_TRUNK.replace(CARRIER.host, "203.0.113.2").replace("carrier", "second")
    house: House = await open_house(trunks=ONE_TRUNK + "priority = 1\n" + second + "priority = 2\n")
    house.carrier_at("203.0.113.2")
    await paired(house)
    house.carrier.status = 503
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    await house.until(lambda: house.bob.invite)
    house.alice.hang_up()
    assert [leg.trunk for leg in (await house.ended(call)).legs] == ["carrier", "second"]


async def test_a_party_at_an_address_of_its_own_is_called_back_while_its_trunk_has_room(open_house: Any) -> None:
    house: House = await open_house(
        "[calls]\nsip_parties = true", trunks=direct_trunk(ALICE) + direct_trunk(BOB) + "max_calls = 1\n"
    )
    alice, bob = (f"sip:+91{each.number}@{each.sip.host}:{each.sip.port}" for each in (ALICE, BOB))
    house.alice.on_invite = rejects(486)
    await house.ended(await house.place(party_a=alice, party_b=bob))
    house.alice.on_invite = None
    house.alice.events.clear()
    house.bob.on_invite = rings()
    call = await house.arrive(MASKED)
    await house.until(lambda: house.bob.invite)
    held = house.alice.usage
    answer = await house.refused(MASKED)
    assert (answer.status, answer.headers.get("Retry-After")) == (503, "5")
    house.alice.endpoint.hang_up(held or 0)
    assert (await house.ended(call)).party_b == bob


async def test_the_asserted_identity_counts_and_not_from(pair: House) -> None:
    pair.bob.on_invite = rings()
    headers = (("P-Asserted-Identity", f"<tel:+91{ALICE.number}>"),)
    call = await pair.arrive(MASKED, from_uri="sip:anonymous@anonymous.invalid", from_display=None, headers=headers)
    pair.alice.hang_up()
    assert (await pair.ended(call)).party_a == ALICE.number


async def test_a_call_whose_admission_outlasts_the_second_signal_calls_nobody(pair: House) -> None:
    """It is settled as those are that were live then."""
    known = len(pair.tasks)
    pair.alice.call(MASKED, OURS)
    while not pair.switch._being_admitted():
        pair.clock.advance(0.001)
    empty: list[bool] = []
    pair.switch.drain(lambda: empty.append(True))
    pair.switch.end_all_calls()
    assert empty == []
    await pair.run(2.0)
    assert empty == [True]
    assert pair.alice.rejected.status == 503
    assert pair.bob.invite is None
    for task in pair.tasks[known:]:
        assert (await pair.cdr(task.machine.record)).hangup_cause == "system_restart"


async def test_a_call_written_down_as_the_second_signal_comes_is_refused_in_the_books_too(
    pair: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, run, written = pair, pair.store.run, list[CallRecord]()

    async def then_the_signal(work: Any) -> Any:
        result = await run(work)
        if isinstance(result, CallRecord):
            written.append(result)
            house.switch.drain(lambda: None)
            house.switch.end_all_calls()
        return result

    monkeypatch.setattr(house.store, "run", then_the_signal)
    house.alice.call(MASKED, OURS)
    await house.until(lambda: written)
    await house.run(2.0)
    assert house.alice.rejected.status == 503
    assert house.bob.invite is None
    cdr = await house.cdr(written[0])
    assert cdr.hangup_cause == "system_restart"
    assert [(leg.status, leg.sip_status) for leg in cdr.legs] == [("failed", 503), ("idle", None)]


async def test_a_call_placed_as_the_second_signal_comes_calls_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = house.store.run

    async def then_the_signal(work: Any) -> Any:
        result = await run(work)
        if house.switch._admitting:
            house.switch.drain(lambda: None)
            house.switch.end_all_calls()
        return result

    monkeypatch.setattr(house.store, "run", then_the_signal)
    call = await house.place()
    await house.run(2.0)
    assert (await house.cdr(call)).hangup_cause == "system_restart"
    assert house.alice.received == []


async def test_a_caller_is_refused_where_the_last_ports_are_those_of_a_call_that_is_being_admitted(
    open_house: Any,
) -> None:
    """A call whose other leg finds no port would be written down for nothing."""
    house: House = await open_house(media='ports = "30000-30005"\nport_rest_s = 0')
    await paired(house)
    house.bob.on_invite = rings()
    house.alice.call(MASKED, OURS)
    house.bob.call(MASKED, OURS)
    house.clock.advance(0.0)
    assert house.switch._being_admitted() == 1
    await house.until(lambda: house.bob.statuses())
    assert house.bob.rejected.status == 503
    assert house.bob.rejected.headers.get("Retry-After") is not None
    await house.until(lambda: house.bob.invite)
    assert house.alice.statuses() == [180]
    house.alice.hang_up()
    await house.ended(house.tasks[-1].machine.record)
