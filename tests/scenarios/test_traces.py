"""What is kept of a call's course, so that its ladder can be drawn afterwards."""

import pytest

from b2bua.switch import tracing
from control_api.trace_schemas import event_representation
from storage.records import DeliveryOutcome, TraceStep
from storage.units import UnitOfWork
from tests.scenarios.conftest import OpenHouse
from tests.support.agents import request_from_peer
from tests.support.house import OURS, House
from tests.support.routes import BILLED, DIALLED, RELAYED
from tests.support.scripted_phone import answers, rejects


def ladder(steps: list[TraceStep], leg: str) -> list[str]:
    """A leg's messages: `>` sent to its party, `<` received."""
    return [
        f"{'>' if step.details['direction'] == 'sent' else '<'} {step.name}"
        for step in steps
        if step.kind == "sip" and step.leg == leg
    ]


def words(steps: list[TraceStep], kind: str) -> list[str]:
    return [f"{step.leg or '-'} {step.name}" for step in steps if step.kind == kind]


async def test_both_legs_of_a_masked_call_are_told_message_by_message(house: House) -> None:
    call = await house.bridged()
    house.bob.hang_up()
    await house.ended(call)
    steps = await house.trace(call)
    course = ["> INVITE", "< 100 Trying", "< 180 Ringing", "< 200 OK", "> ACK"]
    assert ladder(steps, "a") == [*course, "> BYE", "< 200 OK"]
    assert ladder(steps, "b") == [*course, "< BYE", "> 200 OK"]
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert words(steps, "state") == [
        "a leg.ringing",
        "- call.ringing",
        "- call.answered",
        "b leg.ringing",
        "- call.bridged",
        "b leg.hung_up",
        "a hang_up",
        "- call.completed",
    ]
    assert words(steps, "trunk") == ["a carrier", "b carrier"]


async def test_a_leg_tells_its_call_id_cseq_codec_and_latching(house: House) -> None:
    call = await house.bridged()
    house.bob.hang_up()
    await house.ended(call)
    steps = await house.trace(call)
    for leg, phone in (("a", house.alice), ("b", house.bob)):
        assert phone.invite is not None
        of_leg = [step for step in steps if step.leg == leg and step.kind == "sip"]
        assert {step.details["call_id"] for step in of_leg} == {phone.invite.call_id}
        assert [step.details["cseq"] for step in of_leg][:2] == ["1 INVITE", "1 INVITE"]
        assert of_leg[0].details["body"] == "application/sdp"
        assert of_leg[0].details["peer"] == "udp:203.0.113.1:5060"
        media = {step.name: step.details for step in steps if step.leg == leg and step.kind == "media"}
        assert media["negotiated"]["codec"] == "PCMA"
        assert "latched" in media
        assert media["closed"]["packets_lost"] == 0


async def test_a_message_that_is_sent_again_says_so(house: House) -> None:
    house.alice.on_invite = rejects(486)
    house.network.follow([0])
    call = await house.place()
    await house.ended(call)
    steps = await house.trace(call)
    assert ladder(steps, "a") == ["> INVITE", "> INVITE", "< 100 Trying", "< 486 Busy Here", "> ACK"]
    assert ["again" in step.details for step in steps if step.kind == "sip"] == [False, True, False, False, False]


async def test_a_call_that_arrives_is_told_from_its_invite_on(open_house: OpenHouse) -> None:
    house = await open_house(trunks=BILLED)
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.hang_up()
    await house.ended(call)
    steps = await house.trace(call)
    assert ladder(steps, "a") == [
        *("< INVITE", "> 100 Trying", "> 180 Ringing", "> 200 OK", "< ACK"),
        *("< BYE", "> 200 OK"),
    ]
    assert ladder(steps, "b")[0] == "> INVITE"


async def test_a_call_that_is_nobodys_is_traced_only_where_that_is_wanted(open_house: OpenHouse) -> None:
    house = await open_house(trunks=RELAYED)
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    house.alice.hang_up()
    await house.relayed(call)
    assert await house.trace(call) == []
    assert house.tracing.counters()["trace_steps_waiting"] == 0


@pytest.mark.parametrize("in_info", [True, False])
async def test_a_pressed_key_is_told_without_which_one(house: House, in_info: bool) -> None:
    call = await house.bridged()
    if in_info:
        house.alice.tell_digit("Signal=7\r\nDuration=160\r\n")
    else:
        house.alice.press("7")
    await house.run(2.0)
    house.bob.hang_up()
    await house.ended(call)
    (step,) = [step for step in await house.trace(call) if step.name == "digit"]
    assert step.leg == "a"
    assert step.details.keys() == {"way", "duration_ms"}


async def test_the_webhooks_that_were_sent_stand_among_the_steps(house: House) -> None:
    call = await house.bridged()
    await house.store.run(deliver_first)
    house.bob.hang_up()
    await house.ended(call)
    (step,) = [step for step in await house.trace(call) if step.kind == "webhook"]
    assert step.name == "call.initiated"
    assert (step.details["http_status"], step.details["attempt"], step.details["delivered"]) == (200, 1, True)


def deliver_first(unit: UnitOfWork) -> None:
    (delivery,) = unit.outbox.claim_due(10**15, 1, lease_ms=1_000, per_endpoint=1)
    unit.outbox.finish(
        DeliveryOutcome(
            delivery_id=delivery.delivery_id,
            attempt=delivery.attempt,
            attempted_at=1,
            delivered=True,
            next_attempt_at=None,
            http_status=200,
            error=None,
            duration_ms=12,
            disable_endpoint=False,
        )
    )


async def test_what_was_said_in_a_reason_or_a_phrase_shows_no_number(house: House) -> None:
    house.alice.on_invite = lambda phone, event: phone.user_agent.respond(
        event.transaction, 486, phone.clock.time(), reason="9123456789 is busy"
    )
    call = await house.place()
    await house.ended(call)
    names = [step.name for step in await house.trace(call) if step.kind == "sip"]
    assert "486 91******89 is busy" in names


async def test_why_an_answer_could_not_be_used_is_told(house: House) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = lambda phone, _event: phone.respond(200, phone.persona.sdp().replace(b" 8 101", b" 18 101"))
    call = await house.place()
    await house.ended(call)
    (step,) = [step for step in await house.trace(call) if step.name == "leg.failed"]
    assert (step.leg, step.details["kind"]) == ("b", "media")
    assert step.details["why"] == "the SDP has no codec in common with ours (PCMA, PCMU)"


async def test_the_log_tells_what_a_call_that_failed_was_answered(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.alice.on_invite = answers(1.0)
    house.bob.on_invite = rejects(488)
    with caplog.at_level("INFO", "b2bua.switch.switch"):
        call = await house.place()
        await house.ended(call)
    assert f"call {call.call_id}: failed, b_unreachable (a answered 200, b answered 488)" in caplog.messages


async def test_a_warning_is_the_operator_s_alone_and_shows_no_number(house: House) -> None:
    warning = '399 sbc.carrier.example "9123456789 is not allowed"'
    house.alice.on_invite = lambda phone, event: phone.user_agent.respond(
        event.transaction, 403, phone.clock.time(), headers=(("Warning", warning),)
    )
    call = await house.place()
    await house.ended(call)
    (step,) = [step for step in await house.trace(call) if step.name.startswith("403")]
    assert step.details["warning"] == '399 sbc.carrier.example "91******89 is not allowed"'
    assert "warning" not in event_representation(step)["details"]


@pytest.mark.parametrize("spelling", ["91234.56789", "(912) 345-6789", "+91 91234 56789", "9.1.2.3.4.5.6.7.8.9"])
async def test_a_number_with_what_is_for_the_eye_alone_is_shortened_too(house: House, spelling: str) -> None:
    house.alice.on_invite = lambda phone, event: phone.user_agent.respond(
        event.transaction,
        486,
        phone.clock.time(),
        reason=f"{spelling} is busy",
        headers=(("Reason", f'Q.850;cause=17;text="{spelling}"'),),
    )
    call = await house.place()
    await house.ended(call)
    (step,) = [step for step in await house.trace(call) if step.name.startswith("486")]
    assert spelling not in str(step)
    assert step.name.endswith("89 is busy")


async def test_no_number_stands_in_a_cseq_or_a_body_s_type(house: House) -> None:
    call = await house.bridged()
    house.alice.send(
        request_from_peer(
            "INFO",
            cseq=3_123_456_789,
            call_id=house.alice.invite.call_id if house.alice.invite else "",
            to_tag="gone",
            headers="Content-Type: application/x-9123456789",
        ),
        OURS,
    )
    await house.run(1.0)
    house.bob.hang_up()
    await house.ended(call)
    told = [step.details for step in await house.trace(call) if step.name == "INFO"]
    assert [(details["cseq"], details["body"]) for details in told] == [("31******89 INFO", "application/x-91******89")]


async def test_old_traces_are_forgotten(house: House) -> None:
    call = await house.bridged()
    house.bob.hang_up()
    await house.ended(call)
    house.switch._heartbeat.clear()
    await house.run(6 * 86_400.0)
    house.tracing.forget_old()
    await house.flush()
    assert await house.trace(call) != []
    await house.run(86_500.0)
    house.tracing.forget_old()
    await house.flush()
    assert await house.trace(call) == []
    house.tasks.clear()  # of which the house would ask for the traces


async def test_while_the_store_is_busy_nothing_is_written_and_nothing_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "JOURNAL_BUSY", 0)
    call = await house.bridged()
    house.bob.hang_up()
    await house.run(60.0)
    assert await house.trace(call) == []
    monkeypatch.setattr(tracing, "JOURNAL_BUSY", 100)
    await house.ended(call)
    assert len(ladder(await house.trace(call), "a")) == 7


async def test_a_tape_that_is_full_drops_and_counts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "TAPE_LIMIT", 3)
    call = await house.bridged()
    house.bob.hang_up()
    await house.ended(call)
    assert house.tracing.counters()["trace_steps_dropped_total"] > 0


async def test_a_trace_that_is_full_says_so_and_takes_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "STEPS_PER_CALL", 5)
    call = await house.bridged()
    house.bob.hang_up()
    await house.ended(call)
    steps = await house.trace(call)
    assert len(steps) == 6
    assert (steps[-1].name, steps[-1].details) == ("trace.full", {"limit": 5})
    assert house.tracing.dropped > 10
