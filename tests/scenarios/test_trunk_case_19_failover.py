"""Hard case 19: another destination, or another trunk, where a failure says nothing of the callee; and nobody else
where it does. RFC 3263 section 4.3, RFC 3261 section 21.5.4."""

from typing import Any

import pytest

from b2bua.call.errors import CapacityExhausted
from b2bua.sip.events import IncomingInvite
from b2bua.sip.routing import TransportAddress
from b2bua.switch.hunting import MOST_ATTEMPTS
from b2bua.switch.why_unanswered import REFUSED_UNDERWAY
from tests.support.house import CARRIER, MASKED, House
from tests.support.scripted_phone import ALICE, Phone, answers, rejects, rings

OTHER = "917969002803"
SECOND, THIRD = "203.0.113.2", "203.0.113.3"


def trunk(name: str, host: str, priority: int = 0, numbers: tuple[str, ...] = (MASKED,), more: str = "") -> str:
    return f"""
[[trunks]]
name = "{name}"
uri = "sip:{host}:5060"
addresses = ["203.0.113.0/24"]
numbers = {list(numbers)!r}
options_interval_s = 0
priority = {priority}
{more}
"""


TWO = trunk("first", CARRIER.host, 1) + trunk("second", SECOND, 2)


@pytest.fixture
async def two(open_house: Any) -> House:
    """Two trunks, the first with priority; both reach both phones."""
    house: House = await open_house(trunks=TWO)
    house.carrier_at(SECOND)
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    return house


def took(house: House, name: str) -> tuple[int, int]:
    found = house.trunk(name)
    return found.live_calls, found.promised


@pytest.mark.parametrize("status", [401, 402, 407, 408, 430, 500, 501, 502, 503, 504, 513, 580, 599])
async def test_trunk_case_19_what_says_nothing_of_the_callee_goes_on(two: House, status: int) -> None:
    two.carrier.status = status
    call = await two.bridged()
    assert [leg.trunk for leg in two.switch._calls[call.call_id].machine.record.legs] == ["second", "second"]
    assert took(two, "first") == (0, 0)
    assert took(two, "second") == (2, 0)
    two.bob.hang_up()
    cdr = await two.ended(call)
    assert (cdr.status, [leg.trunk for leg in cdr.legs]) == ("completed", ["second", "second"])
    assert len(two.carrier.invites) == (1 if status == 503 else 2), "a trunk that says 503 is left alone for a while"
    assert len(two.carrier_at(SECOND).invites) == 2
    ids = {invite.call_id for carrier in two.carriers.values() for invite in carrier.invites}
    tags = {invite.from_tag for carrier in two.carriers.values() for invite in carrier.invites}
    assert len(ids) == len(tags) == (3 if status == 503 else 4)


@pytest.mark.parametrize(
    "status",
    [302, 400, 403, 404, 405, 410, 415, 416, 420, 480, 481, 482, 483, 484, 486, 487, 488, 600, 603, 604, 606, 607],
)
async def test_trunk_case_19_what_speaks_of_the_callee_stops(two: House, status: int) -> None:
    two.carrier.status = status
    call = await two.place()
    cdr = await two.ended(call)
    assert (cdr.status, cdr.legs[0].sip_status, cdr.legs[0].trunk) == ("failed", status, "first")
    assert two.carrier_at(SECOND).received == []


@pytest.mark.parametrize("status", [408, 500, 503])
@pytest.mark.parametrize("ringing", [180, 183])
async def test_trunk_case_19_after_a_18x_nobody_else_is_tried(two: House, status: int, ringing: int) -> None:
    def ring_and_refuse(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(ringing)
        phone.clock.call_later(1.0, lambda: phone.respond(status, to=event))

    two.alice.on_invite = ring_and_refuse
    cdr = await two.ended(await two.place())
    assert cdr.legs[0].sip_status == status
    assert two.carrier_at(SECOND).received == []


async def test_trunk_case_19_silence_is_left_after_invite_timeout_s_and_not_after_32_s(two: House) -> None:
    two.carrier.status = 0
    two.alice.on_invite = rejects(486)
    at = two.clock.time()
    await two.place()
    await two.until(lambda: two.carrier_at(SECOND).invites)
    assert two.clock.time() - at == pytest.approx(4.0)
    assert took(two, "first") == (0, 1), "B's place is still promised"


async def test_trunk_case_19_a_destination_nothing_reaches_is_left_at_once(two: House) -> None:
    two.carrier.go_away()
    at = two.clock.time()
    call = await two.bridged()
    assert two.alice.invites[0].call_id == two.carrier_at(SECOND).invites[0].call_id
    assert two.clock.time() - at == pytest.approx(3.0)  # two pick up after a second each, and one second of talk
    two.bob.hang_up()
    assert (await two.ended(call)).status == "completed"


async def test_trunk_case_19_a_name_that_does_not_resolve_is_left_at_once(two: House) -> None:
    call = await two.place()
    await two.until(lambda: two.state(call) == "dialling_b")
    two.alice.hang_up()
    await two.ended(call)
    task = two.switch

    def answer_nameless(phone: Phone, event: IncomingInvite) -> None:
        two.trunk("first").destinations = ()
        answers(1.0)(phone, event)

    two.alice.on_invite = answer_nameless
    call = await two.bridged()
    assert [leg.trunk for leg in task._calls[call.call_id].machine.record.legs] == ["first", "second"]
    assert (took(two, "first"), took(two, "second")) == ((1, 0), (1, 0))
    two.bob.hang_up()


async def test_trunk_case_19_an_attempt_without_an_answer_is_not_sent_again_while_another_rings(two: House) -> None:
    two.carrier.status = 0
    two.alice.on_invite = rings()
    call = await two.place()
    await two.run(30.0)
    at_first = [message for message in two.carrier.received if message.method == "INVITE"]
    assert len(at_first) == 4, "at 0, 0.5, 1.5 and 3.5 s, and none after the next trunk's at 4 s"
    await two.switch.hang_up(call.org_id, call.call_id)
    await two.ended(call)


@pytest.mark.parametrize("late", [100, 180, 183, 200])
async def test_trunk_case_19_what_a_dead_attempt_still_says_is_dropped(two: House, late: int) -> None:
    two.carrier.status = 0
    two.carrier_at(SECOND)
    two.alice.on_invite = answers(3.0)
    call = await two.place()
    await two.until(lambda: two.alice.invites)
    dead = two.carrier.invites[0]
    two.carrier.answer(dead, late, tag="late")
    two.carrier.status = None
    await two.until(lambda: two.state(call) == "dialling_b")
    words = await two.words(call)
    assert words == ["initiated", "ringing", "answered"]
    methods = [message.method for message in two.carrier.received if message.call_id == dead.call_id]
    assert set(methods) == ({"INVITE", "ACK", "BYE"} if late == 200 else {"INVITE", "CANCEL"})
    ends = [message for message in two.carrier.received if message.method in ("CANCEL", "BYE")]
    assert {end.headers.get("Reason") for end in ends} == {'Q.850;cause=102;text="Recovery on timer expiry"'}
    await two.until(lambda: two.state(call) == "bridged")
    two.bob.hang_up()
    cdr = await two.ended(call)
    assert cdr.status == "completed"
    for message in two.carrier.received:  # the dead attempt's requests get their answers at last
        if message.call_id == dead.call_id and message.method in ("CANCEL", "BYE"):
            two.carrier.answer(message, 200)


async def test_trunk_case_19_the_end_of_a_dead_attempt_ends_nothing_else(two: House) -> None:
    """It rings late, is cancelled and says 487, all while the next trunk's phone rings."""
    two.carrier.status = 0
    two.carrier_at(SECOND)
    two.alice.on_invite = answers(38.0)
    call = await two.place()
    await two.until(lambda: two.alice.invites)
    dead = two.carrier.invites[0]
    two.carrier.answer(dead, 180, tag="late")
    await two.run(0.1)
    [cancel] = [message for message in two.carrier.received if message.method == "CANCEL"]
    two.carrier.answer(cancel, 200, tag="late")
    two.carrier.answer(dead, 487, tag="late")
    await two.run(0.1)
    assert [message.method for message in two.carrier.received][-1] == "ACK"
    await two.run(34.0)  # until nothing of it is remembered
    assert two.user_agent.table_sizes().usages == 1
    assert two.state(call) == "ringing_a"
    two.carrier.status = None
    await two.until(lambda: two.state(call) == "bridged")
    two.alice.hang_up()
    cdr = await two.ended(call)
    assert (cdr.status, cdr.hangup_cause, cdr.hangup_party) == ("completed", "normal", "a")


async def test_trunk_case_19_a_503_that_comes_again_advances_once(two: House) -> None:
    two.carrier.status = 503
    two.alice.on_invite = rejects(486)
    await two.place()
    await two.until(lambda: two.alice.invites)
    for _ in range(3):
        two.carrier.answer(two.carrier.invites[0], 503)
    await two.run(0.5)
    assert len(two.carrier_at(SECOND).invites) == 1


async def test_trunk_case_19_a_503_with_retry_after_marks_the_trunk_for_other_calls(two: House) -> None:
    two.carrier.status, two.carrier.headers = 503, "Retry-After: 20"
    call = await two.bridged()
    two.bob.hang_up()
    await two.over(call)
    assert len(two.carrier.invites) == 1, "B's leg did not even ask the first trunk"
    state = two.switch.trunk_states()[0]
    assert (state.up, state.reason) == (False, "asked to be left alone (503 Retry-After)")
    two.carrier.status = None
    await two.run(20.0)
    assert two.switch.trunk_states()[0].up
    call = await two.bridged()
    assert len(two.carrier.invites) == 3
    two.bob.hang_up()


async def test_trunk_case_19_a_503_without_a_time_makes_the_trunk_second_choice_for_a_while(two: House) -> None:
    two.carrier.status = 503
    call = await two.bridged()
    assert [len(two.carrier.invites), len(two.carrier_at(SECOND).invites)] == [1, 2], "B's leg goes past it"
    two.carrier.status = None
    two.bob.hang_up()
    await two.ended(call)  # which takes longer than that
    call = await two.bridged()
    assert [len(two.carrier.invites), len(two.carrier_at(SECOND).invites)] == [3, 2]
    two.bob.hang_up()


async def test_trunk_case_19_second_choice_is_still_a_choice(two: House) -> None:
    two.carrier.status = two.carrier_at(SECOND).status = 503
    await two.over(await two.place())
    two.carrier.status = None
    call = await two.bridged()
    assert len(two.carrier.invites) == 3
    two.bob.hang_up()
    await two.ended(call)


async def test_trunk_case_19_inside_the_set_first(open_house: Any) -> None:
    house: House = await open_house(trunks=TWO)
    house.trunk("first").destinations = (CARRIER, TransportAddress("udp", THIRD, 5060))
    house.carrier_at(SECOND)
    house.carrier.status = 503
    house.carrier_at(THIRD).status = 0
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.bridged()
    order = [
        (each.destination.host, each.first_line.split()[0])
        for each in house.network.carried
        if each.source.host == "192.0.2.1" and each.first_line.startswith("INVITE")
    ]
    seen = list(dict.fromkeys(host for host, _method in order))
    assert seen == [CARRIER.host, THIRD, SECOND]
    house.bob.hang_up()
    house.carrier_at(THIRD).status = None
    cdr = await house.ended(call)
    assert [leg.trunk for leg in cdr.legs] == ["second", "second"]
    # B's leg: the first destination has just said 503, so the second was asked first.
    assert [len(house.carrier.invites), len(house.carrier_at(THIRD).invites)] == [2, 2]


async def test_trunk_case_19_refused_credentials_are_not_tried_at_the_same_trunk_again(open_house: Any) -> None:
    house: House = await open_house(trunks=TWO)
    house.trunk("first").destinations = (CARRIER, TransportAddress("udp", THIRD, 5060))
    house.carrier.status = 407
    for host in (SECOND, THIRD):  # there before the call: nobody would tell of what is sent where nothing is
        house.carrier_at(host)
    house.alice.on_invite = rejects(486)
    await house.ended(await house.place())
    assert house.carrier_at(THIRD).received == []
    assert len(house.carrier_at(SECOND).invites) == 1
    assert house.trunk("first").failures == {"credentials": 1}, "an alert is made of it, and of 4xx none"


@pytest.mark.parametrize("at_s", [0.0, 1.0, 3.9])
async def test_trunk_case_19_a_hung_up_call_never_fails_over(two: House, at_s: float) -> None:
    """Hard case 2 as well: the CANCEL waits for a provisional that never comes."""
    two.carrier.status = 0
    call = await two.place()
    await two.run(at_s)
    await two.switch.hang_up(call.org_id, call.call_id)
    cdr = await two.ended(call)
    assert cdr.hangup_cause == "api_hangup"
    assert two.carrier_at(SECOND).received == []


async def test_trunk_case_19_hung_up_calls_say_nothing_against_the_trunk(two: House) -> None:
    """Each was given up before the trunk's time for an answer was over."""
    two.carrier.status = 0
    for _ in range(3):
        call = await two.place()
        await two.run(1.0)
        await two.switch.hang_up(call.org_id, call.call_id)
        await two.run(4.0)
    assert [(state.name, state.up, dict(state.failures)) for state in two.trunks.states()] == [
        ("first", True, {}),
        ("second", True, {}),
    ]


@pytest.mark.parametrize("status", [487, 503])
async def test_trunk_case_19_a_failure_that_crosses_our_cancel_is_no_reason_to_go_on(two: House, status: int) -> None:
    two.alice.on_invite = lambda phone, event: None
    call = await two.place()
    await two.until(lambda: two.carrier.invites)
    await two.run(0.5)
    await two.switch.hang_up(call.org_id, call.call_id)
    two.carrier.answer(two.carrier.invites[0], status)
    await two.ended(call)
    assert two.carrier_at(SECOND).received == []


async def test_trunk_case_19_all_attempts_share_the_ring_timeout(two: House) -> None:
    two.carrier.status = 0
    two.alice.on_invite = rings()
    at = two.clock.time()
    cdr = await two.over(await two.place(ring_timeout_s=6))
    assert (cdr.status, cdr.hangup_cause) == ("no-answer", "no_answer")
    assert two.alice.was_cancelled
    assert two.clock.time() - at == pytest.approx(6.0, abs=0.2)


async def test_trunk_case_19_the_number_of_attempts_is_bounded(open_house: Any) -> None:
    house: House = await open_house(trunks=TWO)
    hosts = [f"203.0.113.{number}" for number in range(100, 120)]
    house.trunk("first").destinations = tuple(TransportAddress("udp", host, 5060) for host in hosts)
    for host in hosts:
        house.carrier_at(host).status = 500
    cdr = await house.ended(await house.place())
    assert cdr.legs[0].sip_status == 500
    assert sum(len(house.carrier_at(host).invites) for host in hosts) == MOST_ATTEMPTS


async def test_trunk_case_19_only_trunks_that_may_show_the_number_that_are_up_and_have_room(open_house: Any) -> None:
    config = (
        trunk("first", CARRIER.host, 1)
        + trunk("another number", SECOND, 2, (OTHER,)).replace("another number", "another-number")
        + trunk("full", THIRD, 3, more="max_calls = 1")
        + trunk("down", "203.0.113.4", 4)
        + trunk("fit", "203.0.113.5", 5)
    )
    house: House = await open_house(trunks=config)
    for host in (SECOND, THIRD, "203.0.113.4", "203.0.113.5"):
        house.carrier_at(host)
    house.carrier.status = 500
    house.trunk("full").live_calls = 1
    house.trunk("down").up = False
    house.alice.on_invite = rejects(486)
    cdr = await house.ended(await house.place())
    house.trunk("full").live_calls = 0
    assert cdr.legs[0].trunk == "fit"
    assert len(house.carrier_at("203.0.113.5").invites) == 1


async def test_trunk_case_19_a_sip_party_stays_on_its_trunk(open_house: Any) -> None:
    house: House = await open_house("[calls]\nsip_parties = true", trunks=TWO)
    house.carrier_at(SECOND)
    house.carrier.status = 503
    cdr = await house.ended(await house.place(party_a=f"sip:{ALICE.number}@{CARRIER.host}"))
    assert (cdr.legs[0].trunk, cdr.legs[0].sip_status) == ("first", 503)
    assert house.carrier_at(SECOND).received == []


async def test_trunk_case_19_the_next_trunk_s_profile_is_what_it_gets(open_house: Any) -> None:
    profile = 'codecs = ["PCMU"]\nnumber_format = "0{national}"\nidentity = ["remote-party-id"]\ndtmf_payload_type = 96'
    house: House = await open_house(trunks=trunk("first", CARRIER.host, 1) + trunk("second", SECOND, 2, more=profile))
    house.carrier_at(SECOND)
    house.carrier.status = 500
    house.alice.on_invite = rejects(486)
    await house.ended(await house.place())
    first, second = house.carrier.invites[0], house.carrier_at(SECOND).invites[0]
    assert b"RTP/AVP 8 0 101" in first.body
    assert b"RTP/AVP 0 96" in second.body
    assert second.from_.uri.user == f"0{MASKED[2:]}"
    assert "P-Asserted-Identity" not in second.headers
    assert MASKED[2:] in (second.headers.get("Remote-Party-ID") or "")


async def test_trunk_case_19_the_first_trunk_s_failure_is_in_the_log_and_counted(two: House) -> None:
    two.carrier.status = 503
    two.alice.on_invite = rejects(486)
    await two.ended(await two.place())
    first, second = two.trunk("first"), two.trunk("second")
    assert (first.failures, first.failovers) == ({"503": 1}, 1)
    assert (second.failures, second.failovers) == ({"4xx": 1}, 0)
    (line,) = [line for line in two.log.lines if "trying trunk second" in line]
    assert "trunk first at udp:203.0.113.1:5060: 503; trying trunk second at udp:203.0.113.2:5060" in line


async def test_trunk_case_19_the_log_says_in_words_why_the_first_trunk_was_not_reached(two: House) -> None:
    first = TransportAddress("udp", "203.0.113.1", 5060)
    two.network.gate = lambda content, _source, to: to != first or not content.startswith(b"INVITE")
    two.clock.call_later(0.5, lambda: two.endpoint.transport_failed(first))
    two.alice.on_invite = rejects(486)
    await two.ended(await two.place())
    (line,) = [line for line in two.log.lines if "trying trunk second" in line]
    assert f"trunk first at {first}: {REFUSED_UNDERWAY}; trying" in line


async def test_trunk_case_19_with_nothing_left_the_last_failure_is_the_cause(two: House) -> None:
    two.carrier.status = 503
    two.carrier_at(SECOND).status = 504
    cdr = await two.ended(await two.place())
    assert (cdr.hangup_cause, cdr.legs[0].sip_status, cdr.legs[0].trunk) == ("network_error", 504, "second")


async def test_trunk_case_19_three_calls_unanswered_take_a_trunk_down_until_a_trial(two: House) -> None:
    two.carrier.status = 0
    two.alice.on_invite = rejects(486)
    for _ in range(3):
        await two.over(await two.place())
    assert not two.switch.trunk_states()[0].up
    before = len(two.carrier.invites)
    await two.over(await two.place())
    assert len(two.carrier.invites) == before
    two.carrier.status = None
    await two.run(30.0)
    await two.ended(await two.place())
    assert len(two.carrier.invites) == before + 1
    assert two.switch.trunk_states()[0].up


async def test_trunk_case_19_while_no_trunk_is_open_calls_are_refused(two: House) -> None:
    two.carrier.status = two.carrier_at(SECOND).status = 503
    two.carrier.headers = two.carrier_at(SECOND).headers = "Retry-After: 30"
    await two.over(await two.place())
    with pytest.raises(CapacityExhausted):
        await two.place()


async def test_trunk_case_19_every_destination_is_asked_with_options(open_house: Any) -> None:
    house: House = await open_house(trunks=TWO.replace("options_interval_s = 0", "options_interval_s = 10"))
    third = house.carrier_at(THIRD)
    third.options_status = None
    house.carrier_at(SECOND)
    first = house.trunk("first")
    first.destinations = (third.address, CARRIER)
    await house.run(80.0)
    assert third.options >= 2
    assert house.carrier.options >= 7
    assert first.open_destinations(house.clock.time()) == [CARRIER]
    house.alice.on_invite = rejects(486)
    await house.over(await house.place())
    assert third.received == []
    house.switch.stop()


@pytest.mark.parametrize("more", ['srtp = "optional"', ""])
async def test_trunk_case_19_each_attempt_has_keys_ports_and_a_session_of_its_own(open_house: Any, more: str) -> None:
    """Whoever was asked before knows the keys that it was offered, and may send to the port."""
    both = trunk("first", CARRIER.host, 1, more=more) + trunk("second", SECOND, 2, more=more)
    house: House = await open_house(trunks=both)
    house.trunk("first").destinations = (CARRIER, TransportAddress("udp", THIRD, 5060))
    asked = [house.carrier, house.carrier_at(THIRD), house.carrier_at(SECOND)]
    for each in asked:
        each.status = 500
    await house.over(await house.place())
    bodies = [each.invites[0].body.decode() for each in asked]
    for word in ("o=", "m=audio", *(["a=crypto"] if more else [])):
        lines = [line for body in bodies for line in body.splitlines() if line.startswith(word)]
        assert len(lines) == len(set(lines)) >= 3, f"{word} is the same for two of them"
    ports = {line.split()[1] for body in bodies for line in body.splitlines() if line.startswith("m=audio")}
    assert len(ports) == 3


async def test_trunk_case_19_once_early_media_are_heard_nobody_else_is_asked(open_house: Any) -> None:
    """By whichever provisional response they come."""
    house: House = await open_house(trunks=TWO)
    second = house.carrier_at(SECOND)
    house.alice.on_invite = answers(1.0)

    def announces(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(170, phone.persona.sdp())
        phone.clock.call_later(3.0, lambda: phone.respond(503, to=event))

    house.bob.on_invite = announces
    cdr = await house.ended(await house.place())
    assert (cdr.status, cdr.legs[1].sip_status) == ("failed", 503)
    assert second.invites == []
