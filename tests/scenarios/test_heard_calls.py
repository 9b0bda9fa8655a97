"""Calls that others hear beside the parties: supervised, streamed, paused; told of, and gone with the call."""

import gc
import weakref
from dataclasses import replace

import pytest

from b2bua.call.errors import CallAlreadyEnded, NotConnected
from b2bua.switch.audience import Audience, Everyone, HeardCall, HeardFrame, Told
from b2bua.switch.supervisors import Mode, SupervisorDesk
from tests.support.house import ORG, House
from tests.support.kept_gateway import OFFER, KeptGateway, KeptSeatLine
from tests.support.scripted_phone import answers


class Ears:
    """An audience that keeps the names of what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str | None, str]] = []

    def told(self, call: HeardCall, step: Told) -> None:
        self.steps.append((step.leg, step.name))


def heard_by(house: House, *audiences: Audience) -> None:
    """From the next call on."""
    house.switch._rooms = replace(house.switch._rooms, audience=Everyone(*audiences))


async def hand_on(house: House, frames: int) -> None:
    """The thread's work, which a house does not have."""
    for _ in range(frames):
        house.media._forks.turn(house.clock.time())
        await house.run(0.02)


async def test_a_supervised_call_tells_of_it_and_its_end_lets_everybody_go(house: House) -> None:
    gateway, lines = KeptGateway(), list[KeptSeatLine]()

    def open_line(peer: tuple[str, int]) -> KeptSeatLine:
        lines.append(KeptSeatLine(peer))
        return lines[-1]

    desk = SupervisorDesk(gateway, house.clock, house.tokens, house.clock, open_line=open_line)
    heard_by(house, desk)
    call = await house.bridged()
    joined = await desk.join(await house.switch.supervised_call(ORG, call.call_id), OFFER, Mode.LISTEN)
    desk.change(call.call_id, joined.supervisor.supervisor_id, Mode.BARGE)
    await hand_on(house, 50)
    assert len(lines[0].packets()) >= 40
    house.alice.hang_up()
    await house.ended(call)
    assert desk.of(call.call_id) == ()
    assert lines[0].closed
    assert gateway.closed == [f"supervisor/{joined.supervisor.supervisor_id}"]
    names = [step.name for step in await house.trace(call)]
    assert [name for name in names if name.startswith("supervisor.")] == ["supervisor.joined", "supervisor.mode"]
    with pytest.raises(CallAlreadyEnded):
        await house.switch.supervised_call(ORG, call.call_id)


async def test_a_call_that_was_heard_and_supervised_leaves_no_cycle(house: House) -> None:
    desk = SupervisorDesk(KeptGateway(), house.clock, house.tokens, house.clock, open_line=KeptSeatLine)
    heard_by(house, desk)
    call = await house.bridged()
    (task,) = house.switch._calls.values()
    held = weakref.ref(task)
    task.listen_in(8000, lambda _frame: None)
    await desk.join(task, OFFER, Mode.BARGE)
    await hand_on(house, 10)
    gc.collect()
    gc.disable()
    try:
        del task
        house.alice.hang_up()
        await house.ended(call)
        house.tasks.clear()
        assert held() is None
    finally:
        gc.enable()


async def test_only_who_talks_is_heard(house: House) -> None:
    house.alice.on_invite = house.bob.on_invite = answers(1.0)
    call = await house.place()
    heard = await house.switch.heard_call(ORG, call.call_id)
    line = KeptSeatLine()
    with pytest.raises(NotConnected):
        heard.listen_in(8000, lambda _frame: None)
    with pytest.raises(NotConnected):
        (await house.switch.supervised_call(ORG, call.call_id)).sit(line, "PCMA", 8, Mode.LISTEN)
    assert line.closed
    await house.until(lambda: house.state(call) == "bridged")
    house.alice.hang_up()
    await house.ended(call)


async def test_a_call_that_is_heard_can_be_paused_though_it_is_not_recorded(house: House) -> None:
    frames: list[HeardFrame] = []
    call = await house.bridged(record=False)
    heard = await house.switch.heard_call(ORG, call.call_id)
    ear = heard.listen_in(8000, frames.append)
    await hand_on(house, 20)
    assert any(frame.a for frame in frames)
    assert any(frame.b for frame in frames)
    await house.switch.pause_recording(ORG, call.call_id, paused=True)
    frames.clear()
    await hand_on(house, 20)
    later: list[HeardFrame] = []
    heard.listen_in(8000, later.append)
    await hand_on(house, 20)
    assert len(frames) >= 38
    assert len(later) >= 18
    assert not any(frame.a or frame.b for frame in [*frames, *later])
    await house.switch.pause_recording(ORG, call.call_id, paused=False)
    frames.clear()
    await hand_on(house, 30)
    assert any(frame.a for frame in frames)
    heard.listen_no_more(ear)
    house.alice.hang_up()
    await house.ended(call)


async def test_hold_is_told_to_who_hears_the_call_and_in_the_trace(house: House) -> None:
    ears = Ears()
    heard_by(house, ears)
    call = await house.bridged()
    house.bob.reinvite(house.bob.persona.sdp(direction="sendonly", version=2))
    await house.run(1.0)
    house.bob.reinvite(house.bob.persona.sdp(version=3))
    await house.run(1.0)
    house.alice.hang_up()
    await house.ended(call)
    assert [step for step in ears.steps if step[1] in ("bridged", "hold", "unhold")] == [
        (None, "bridged"),
        ("b", "hold"),
        ("b", "unhold"),
    ]
    assert ears.steps[-1][1] != "bridged"
    assert {"hold", "unhold"} <= {step.name for step in await house.trace(call)}
