"""What B's side says on the way to its answer reaches A as it came: its status, with a session of our own."""

from functools import partial
from typing import Any

import pytest

from b2bua.sip.events import IncomingInvite, Provisional
from media.engine import MediaEngine
from tests.support.agents import answer_to
from tests.support.house import House
from tests.support.routes import BILLED, DIALLED, EAST, RELAYED, WEST, peer, route
from tests.support.scripted_phone import BOB, PCMU, Phone, answers


@pytest.fixture
async def relay(open_house: Any) -> House:
    """A house that relays Alice's calls to Bob."""
    house: House = await open_house(trunks=RELAYED)
    return house


@pytest.mark.parametrize("status", [180, 181, 182, 183, 189, 155])
async def test_a_provisional_response_is_passed_on_with_its_status(relay: House, status: int) -> None:
    relay.bob.on_invite = answers(2.0, ringing=status)
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    assert relay.alice.statuses() == [status, 200]
    assert relay.alice.responses()[0].body == b""
    relay.alice.hang_up()
    await relay.relayed(call)


@pytest.mark.parametrize("early", [False, True])
async def test_the_end_of_one_of_bs_early_dialogs_is_not_as(relay: House, early: bool) -> None:
    """RFC 6228: a 199 ends the early dialog of its To-tag. A has one alone with us, which goes on."""

    def behave(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(180)
        phone.clock.call_later(1.0, lambda: phone.respond(199, phone.persona.sdp() if early else b"", to=event))
        phone.clock.call_later(2.0, lambda: phone.answer(to=event))

    relay.bob.on_invite = behave
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    assert relay.alice.statuses() == [180, 200]
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_they_come_in_order_and_as_often_as_b_says_them(relay: House) -> None:
    def behave(phone: Phone, event: IncomingInvite) -> None:
        for after_s, status in enumerate((181, 182, 180, 180, 183)):
            phone.clock.call_later(after_s, partial(phone.respond, status, to=event))
        phone.clock.call_later(6.0, lambda: phone.answer(to=event))

    relay.bob.on_invite = behave
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    assert relay.alice.statuses() == [181, 182, 180, 180, 183, 200]
    relay.alice.hang_up()
    await relay.relayed(call)


@pytest.mark.parametrize("status", [180, 183])
async def test_early_media_comes_with_our_answer_and_is_heard(relay: House, status: int) -> None:
    relay.bob.on_invite = answers(5.0, ringing=status, early=True)
    call = await relay.arrive(DIALLED)
    relay.bob.speak()
    await relay.run(3.0)
    assert relay.state(call) == "alerting"
    early = relay.alice.responses()[0]
    assert early.status == status
    assert early.body.startswith(b"v=0\r\no=- ")
    assert len(relay.alice.heard()) > 5
    assert relay.bob.heard() == [], "B hears nothing of A before it answers"
    await relay.until(lambda: relay.alice.is_connected)
    final = relay.alice.responses()[-1]
    assert final.body == b"", "the answer was acknowledged with the 18x and is not said again (RFC 6337 2.3)"
    relay.alice.speak()
    await relay.run(3.0)
    assert len(relay.bob.heard()) > 5
    relay.bob.hang_up()
    await relay.relayed(call)


async def test_early_media_is_kept_from_a_where_the_trunk_wants_it_ignored(open_house: Any) -> None:
    east = peer("east", BOB, numbers='["917969002802"]', more='early_media = "ignore"')
    house: House = await open_house(trunks=WEST + east + route())
    house.bob.on_invite = answers(5.0, ringing=183, early=True)
    call = await house.arrive(DIALLED)
    house.bob.speak()
    await house.run(3.0)
    assert house.alice.statuses() == [183]
    assert house.alice.responses()[0].body == b""
    assert house.alice.heard() == []
    await house.until(lambda: house.alice.is_connected)
    house.alice.hang_up()
    await house.relayed(call)


async def test_several_forks_of_b_are_one_dialog_to_a(relay: House) -> None:
    """RFC 3261 12.1.2, hard case 4: the session of the 200 replaces those of the early dialogs."""
    bob = relay.bob

    def fork(message: Any, source: Any) -> None:
        if message.method == "INVITE":
            for tag in ("one", "two"):
                bob.send(_with_sdp(message, 183, tag, bob), source)
            bob.clock.call_later(2.0, lambda: bob.send(_with_sdp(message, 200, "two", bob), source))
        elif message.method == "BYE":
            bob.send(answer_to(message, 200), source)

    bob.raw = fork
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    provisional = [event for event in relay.alice.events if isinstance(event, Provisional)]
    assert [event.status for event in provisional] == [183, 183]
    assert len({response.to_tag for response in relay.alice.responses()}) == 1
    relay.alice.hang_up()
    await relay.relayed(call)
    assert bob.methods() == ["INVITE", "ACK", "BYE"]


async def test_a_is_waited_for_when_it_learns_of_our_media_and_at_the_answer_and_not_as_often_as_b_rings(
    relay: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time, a door stands open for whoever sends from elsewhere."""
    waited: list[str] = []
    expect = MediaEngine.expect
    bob = relay.bob

    def noted(media: MediaEngine, leg: str) -> None:
        waited.append(leg[-1])
        expect(media, leg)

    def ring(message: Any, source: Any) -> None:
        if message.method == "INVITE":
            for _ in range(3):
                bob.send(_with_sdp(message, 183, "one", bob), source)
            bob.clock.call_later(2.0, lambda: bob.send(_with_sdp(message, 200, "one", bob), source))
        elif message.method == "BYE":
            bob.send(answer_to(message, 200), source)

    monkeypatch.setattr(MediaEngine, "expect", noted)
    bob.raw = ring
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.statuses() == [183, 183, 183])
    assert waited.count("a") == 1
    await relay.until(lambda: relay.alice.is_connected)
    assert waited.count("a") == 2
    relay.alice.hang_up()
    await relay.relayed(call)


async def test_both_sides_may_use_different_codecs(relay: House) -> None:
    relay.bob.on_invite = answers(1.0, payload_types=(PCMU,))
    call = await relay.arrive(DIALLED)
    await relay.until(lambda: relay.alice.is_connected)
    relay.alice.speak()
    relay.bob.say_once(PCMU, b"\xff" * 160)
    await relay.run(2.0)
    assert {packet.payload_type for packet in relay.bob.heard()} == {PCMU}
    relay.bob.hang_up()
    end = await relay.relayed(call)
    assert [leg.codec for leg in end.legs] == ["PCMA", "PCMU"]


async def test_ringing_is_told_once_to_an_organisation(open_house: Any) -> None:
    house: House = await open_house(trunks=BILLED)

    def behave(phone: Phone, event: IncomingInvite) -> None:
        phone.respond(182)
        phone.respond(183, phone.persona.sdp())
        phone.respond(180)
        phone.clock.call_later(2.0, lambda: phone.answer(to=event))

    house.bob.on_invite = behave
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    assert house.alice.statuses() == [182, 183, 180, 200]
    house.alice.hang_up()
    cdr = await house.ended(call)
    assert (await house.words(call))[:5] == ["initiated", "ringing", "answered", "bridged", "completed"]
    assert (cdr.direction, cdr.status, cdr.price_paise, cdr.masked_number) == (
        "inbound",
        "completed",
        150,
        "917969002802",
    )
    assert cdr.party_b == f"sip:{DIALLED}@{BOB.sip.host}:{BOB.sip.port}"
    assert house.recorder.paths[call.call_id] == cdr.recording_path


async def test_a_relayed_call_can_be_recorded_without_anything_written_down(open_house: Any) -> None:
    house: House = await open_house(trunks=WEST + EAST + route(more="record = true"))
    house.bob.on_invite = answers(1.0)
    call = await house.arrive(DIALLED)
    await house.until(lambda: house.alice.is_connected)
    await house.run(10.0)
    house.bob.hang_up()
    await house.relayed(call)
    assert house.recorder.lengths_s[call.call_id] == pytest.approx(10.0)
    assert house.recorder.acknowledged == [call.call_id]
    assert house.pool.exported == []


def _with_sdp(message: Any, status: int, tag: str, phone: Phone) -> bytes:
    return answer_to(
        message,
        status,
        to_tag=tag,
        contact=f"<sip:bobby@{phone.persona.sip.host}:{phone.persona.sip.port}>",
        headers="Content-Type: application/sdp",
        body=phone.persona.sdp().decode(),
    )
