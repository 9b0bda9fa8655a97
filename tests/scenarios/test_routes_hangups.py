"""Every way a routed call is given up or hung up, on either side, in every state, with messages lost and crossing."""

from typing import Any

import pytest

from b2bua.sip.message import Request, Response
from b2bua.sip.routing import TransportAddress
from tests.support.agents import answer_to
from tests.support.house import OURS, House
from tests.support.lossy_network import Conditions
from tests.support.routes import DIALLED, RELAYED
from tests.support.scripted_phone import ALICE, Phone, answers, nothing, rings


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


@pytest.mark.parametrize("behaviour", [nothing, rings(), rings(183), rings(183, sdp=True), rings(182)])
async def test_a_cancels_in_every_state_before_the_answer(relay: House, behaviour: Any) -> None:
    relay.bob.on_invite = behaviour
    call = await relay.arrive(DIALLED)
    await relay.run(2.0)
    relay.alice.hang_up()
    await relay.run(0.0)
    assert relay.bob.was_cancelled, "at once"
    end = await relay.relayed(call)
    assert relay.alice.rejected.status == 487
    assert (end.hangup_cause, end.hangup_party) == ("a_hangup_before_bridge", "a")
    assert [method for method in relay.bob.methods() if method != "PRACK"] == ["INVITE", "CANCEL", "ACK"]
    cancel = relay.bob.requests("CANCEL")[0]
    assert cancel.headers.get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('SIP;cause=200;text="Alice has taken it"', 'SIP;cause=200;text="Call completed elsewhere"'),
        ("Q.850;cause=26, SIP ;cause=200", 'SIP;cause=200;text="Call completed elsewhere"'),
        ("SIP;cause=487", 'Q.850;cause=16;text="Normal call clearing"'),
        ("SIP;cause=;cause=200", 'Q.850;cause=16;text="Normal call clearing"'),
    ],
)
async def test_b_is_told_where_another_place_has_answered(relay: House, said: str, told: str) -> None:
    """RFC 3326: B's phone has missed no call then. The caller's own words are not passed on."""
    relay.bob.on_invite = rings()
    call = await relay.arrive(DIALLED)
    await relay.run(2.0)
    relay.alice.hang_up(said)
    await relay.relayed(call)
    assert relay.bob.requests("CANCEL")[0].headers.get("Reason") == told


async def test_trunk_case_02_the_cancel_is_held_until_b_says_anything(relay: House) -> None:
    """RFC 3261 9.1, hard case 2."""
    bob = relay.bob
    bob.raw = lambda message, source: None
    call = await relay.arrive(DIALLED)
    await relay.run(1.0)
    relay.alice.hang_up()
    await relay.run(0.5)
    assert relay.alice.rejected.status == 487
    assert set(bob.methods()) == {"INVITE"}
    _crossing(bob, 200, answers_first=False, rings=False)
    assert bob.invite is not None
    bob.send(answer_to(bob.invite, 180, to_tag="bobby-tag", contact=_contact(bob)), OURS)
    await relay.relayed(call)
    assert bob.methods()[-3:] == ["CANCEL", "ACK", "BYE"]


@pytest.mark.parametrize("cancel_status", [200, 481])
@pytest.mark.parametrize("answers_first", [True, False])
async def test_trunk_case_01_b_s_200_crosses_the_cancel(relay: House, cancel_status: int, answers_first: bool) -> None:
    _crossing(relay.bob, cancel_status, answers_first)
    call = await relay.arrive(DIALLED)
    await relay.run(2.0)
    relay.alice.hang_up()
    end = await relay.relayed(call)
    assert relay.alice.rejected.status == 487
    assert not relay.alice.is_connected
    assert relay.bob.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert (end.status, end.answered_at) == ("failed", None)


async def test_trunk_case_01_a_s_cancel_crosses_our_200(relay: House) -> None:
    """The 200 counts: the CANCEL is answered and does nothing, A hangs up by BYE (RFC 3261 9.2, 15)."""
    alice = relay.alice
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.run(0.9)
    relay.network.conditions = Conditions(delay_s=0.2)
    await relay.run(0.15)
    alice.hang_up()  # our 200 is under way
    await relay.relayed(call)
    assert [response.status for response in alice.responses("CANCEL")] == [200]
    assert 200 in [response.status for response in alice.responses()]
    assert relay.bob.methods() == ["INVITE", "ACK", "BYE"]


@pytest.mark.parametrize("who", ["a", "b"])
async def test_a_bye_ends_the_other_side_at_once(relay: House, who: str) -> None:
    call = await talking(relay)
    first, second = (relay.alice, relay.bob) if who == "a" else (relay.bob, relay.alice)
    first.hang_up()
    await relay.run(0.0)
    assert second.was_hung_up
    bye = second.requests("BYE")[0]
    assert bye.headers.get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
    end = await relay.relayed(call)
    assert (end.hangup_cause, end.hangup_party) == ("normal", who)


async def test_trunk_case_23_both_hang_up_at_once(relay: House) -> None:
    call = await talking(relay)
    relay.alice.hang_up()
    relay.bob.hang_up()
    end = await relay.relayed(call)
    assert (end.status, end.hangup_cause) == ("completed", "normal")


async def test_b_hangs_up_in_the_instant_it_answers(relay: House) -> None:
    def behave(phone: Phone, _event: object) -> None:
        phone.answer()
        phone.hang_up()

    relay.bob.on_invite = behave
    call = await relay.arrive(DIALLED)
    end = await relay.relayed(call)
    assert end.hangup_party == "b"
    assert relay.alice.was_hung_up


async def test_trunk_case_03_a_never_acknowledges_so_both_are_hung_up(relay: House) -> None:
    """RFC 3261 13.3.1.4: the 200 again and again for 64*T1, then BYE."""
    alice = relay.alice
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.run(0.5)
    statuses: list[int] = []

    def deaf(message: Request | Response, source: TransportAddress) -> None:
        if isinstance(message, Response):
            statuses.append(message.status)
        elif message.method == "BYE":
            alice.send(answer_to(message, 200), source)

    alice.raw = deaf
    relay.phones_forget = False
    relay.bob.speak()
    await relay.run(36.0)
    assert statuses.count(200) > 8
    assert alice.methods() == ["BYE"]
    assert alice.requests("BYE")[0].headers.get("Reason") == 'Q.850;cause=102;text="Recovery on timer expiry"'
    assert relay.bob.was_hung_up
    assert relay.bob.requests("BYE")[0].headers.get("Reason") == 'Q.850;cause=38;text="Network out of order"'
    end = await relay.relayed(call)
    assert (end.status, end.hangup_cause) == ("completed", "network_error")


async def test_trunk_case_23_our_bye_waits_for_the_ack_of_our_200(relay: House) -> None:
    """RFC 3261 15: the callee's side sends no BYE before its ACK has come."""
    alice = relay.alice
    relay.bob.on_invite = answers(1.0)
    call = await relay.arrive(DIALLED)
    await relay.run(0.5)

    def deaf(message: Request | Response, source: TransportAddress) -> None:
        if isinstance(message, Request) and message.method == "BYE":
            alice.send(answer_to(message, 200), source)

    alice.raw = deaf
    relay.phones_forget = False
    await relay.run(1.0)
    relay.bob.hang_up()
    await relay.run(5.0)
    assert alice.methods() == []
    await relay.relayed(call)
    assert alice.methods() == ["BYE"]


async def test_trunk_case_23_an_unanswered_bye_is_cleaned_up(relay: House) -> None:
    call = await talking(relay)
    relay.phones_forget = False
    relay.alice.raw = lambda message, source: None
    relay.bob.hang_up()
    await relay.relayed(call)
    assert set(relay.alice.methods()) == {"BYE"}


@pytest.mark.parametrize("silent", ["alice", "bob"])
async def test_media_that_stops_ends_both_sides(open_house: Any, silent: str) -> None:
    house: House = await open_house(trunks=RELAYED, media="rtp_timeout_s = 10")
    call = await talking(house)
    (house.alice if silent == "alice" else house.bob).fall_silent()
    await house.run(12.0)
    assert house.alice.was_hung_up
    assert house.bob.was_hung_up
    assert (await house.relayed(call)).hangup_cause == "media_timeout"


async def test_early_media_that_stops_ends_both_sides(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED, media="rtp_timeout_early_s = 10")
    house.bob.on_invite = rings(183, sdp=True)
    call = await house.arrive(DIALLED)
    house.bob.speak()
    await house.run(5.0)
    house.bob.fall_silent()
    await house.run(12.0)
    assert house.alice.rejected.status == 480
    assert house.bob.was_cancelled
    assert (await house.relayed(call)).hangup_cause == "media_timeout"


async def test_a_caller_that_sends_nothing_before_the_answer_is_not_lost(open_house: Any) -> None:
    house: House = await open_house(trunks=RELAYED, media="rtp_timeout_early_s = 5")
    house.bob.on_invite = answers(20.0, ringing=183, early=True)
    call = await house.arrive(DIALLED)
    house.bob.speak()
    house.alice.say_once()
    await house.run(15.0)
    assert house.state(call) == "alerting"
    house.alice.hang_up()
    await house.relayed(call)


@pytest.mark.parametrize("seed", range(8))
async def test_lost_and_repeated_messages_change_nothing(open_house: Any, seed: int) -> None:
    house: House = await open_house(trunks=RELAYED, seed=f"lossy {seed}")
    house.network.conditions = Conditions(loss=0.2, duplication=0.2, delay_s=0.03, jitter_s=0.05)
    house.phones_forget = False
    house.bob.on_invite = answers(3.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected or "Rejected" in house.alice.kinds())
    house.alice.speak()
    house.bob.speak()
    await house.run(20.0)
    if call.call_id in house.switch._calls:
        house.alice.hang_up()
    end = await house.relayed(call)
    assert end.status in ("completed", "failed")
    assert len({request.call_id for request in house.bob.requests("INVITE")}) == 1


async def test_draining_lets_a_routed_call_finish_and_takes_no_new_one(relay: House) -> None:
    call = await talking(relay)
    empty: list[bool] = []
    relay.switch.drain(lambda: empty.append(True))
    first = relay.alice.usage
    answer = await relay.refused(DIALLED)
    assert answer.status == 503
    assert answer.headers.get("Retry-After") is not None
    assert empty == []
    relay.alice.endpoint.hang_up(first or 0)
    await relay.relayed(call)
    assert empty == [True]


@pytest.mark.parametrize("behaviour", [rings(), answers(1.0)])
async def test_the_second_signal_ends_it_at_once(relay: House, behaviour: Any) -> None:
    relay.bob.on_invite = behaviour
    call = await relay.arrive(DIALLED)
    await relay.run(3.0)
    relay.switch.drain(lambda: None)
    relay.switch.end_all_calls()
    await relay.run(0.0)
    assert relay.bob.was_cancelled or relay.bob.was_hung_up
    assert relay.alice.was_hung_up or relay.alice.rejected.status == 503
    assert (await relay.relayed(call)).hangup_cause == "system_restart"


async def test_near_miss_a_repeated_invite_makes_no_second_call(relay: House) -> None:
    relay.bob.on_invite = rings()
    call = await relay.arrive(DIALLED)
    invite = next(carried.content for carried in relay.network.carried if carried.first_line.startswith("INVITE"))
    relay.alice.send(invite, OURS)
    await relay.run(1.0)
    assert len(relay.tasks) == 1
    assert len(relay.bob.requests("INVITE")) == 1
    relay.alice.hang_up()
    await relay.relayed(call)


def _contact(phone: Phone) -> str:
    at = phone.persona.sip
    return f"<sip:bobby@{at.host}:{at.port}>"


def _crossing(phone: Phone, cancel_status: int, answers_first: bool, rings: bool = True) -> None:
    """B's 200 to the INVITE crosses our CANCEL."""

    def take(message: Request | Response, source: TransportAddress) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        if message.method == "INVITE":
            if rings:
                phone.send(answer_to(message, 180, to_tag="bobby-tag", contact=_contact(phone)), source)
        elif message.method == "BYE":
            phone.send(answer_to(message, 200), source)
        elif message.method == "CANCEL":
            assert phone.invite is not None
            accept = answer_to(
                phone.invite,
                200,
                to_tag="bobby-tag",
                contact=_contact(phone),
                headers="Content-Type: application/sdp",
                body=phone.persona.sdp().decode(),
            )
            refuse = answer_to(message, cancel_status, to_tag="bobby-tag")
            for content in (accept, refuse) if answers_first else (refuse, accept):
                phone.send(content, source)

    phone.raw = take


async def test_a_call_that_expires_is_over_for_both(relay: House) -> None:
    """RFC 3261 13.3.1: what rings for a caller that waits no longer is cancelled."""
    relay.bob.on_invite = rings()
    call = await relay.arrive(DIALLED, headers=(("Expires", "20"), *ALICE.headers))
    await relay.run(19.0)
    assert relay.alice.statuses() == [180]
    await relay.run(1.5)
    assert relay.alice.rejected.status == 487
    assert relay.bob.was_cancelled
    assert (await relay.relayed(call)).hangup_cause == "a_hangup_before_bridge"


async def test_a_caller_that_waits_long_is_told_each_minute_that_b_rings(open_house: Any) -> None:
    """RFC 3261 13.3.1.1."""
    relay: House = await open_house("[calls]\nring_timeout_s = 120", trunks=RELAYED)
    at = relay.bob.persona.sip

    def ring_once(message: Request | Response, source: TransportAddress) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            relay.bob.send(answer_to(message, 180, to_tag="b", contact=f"<sip:bobby@{at.host}:{at.port}>"), source)

    relay.bob.raw = ring_once
    call = await relay.arrive(DIALLED)
    await relay.run(119.0)
    assert [each.status for each in relay.alice.responses()] == [180, 180]
    assert relay.bob.methods() == ["INVITE"], "B is told nothing of it"
    relay.alice.hang_up()
    await relay.relayed(call)
