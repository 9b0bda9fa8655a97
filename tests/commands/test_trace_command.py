"""`trace`: the ladder of a call, drawn from what is kept of it."""

import asyncio

import pytest

from b2bua.commands.ladder import LANE, ladder
from b2bua.config import load_config
from storage.records import TracePart, TraceStep
from storage.store import Store
from tests.commands.conftest import Desk
from tests.support.stored import ORG, a_call, an_organisation

CALL = "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d"


def sip(at: int, leg: str, direction: str, name: str, **details: object) -> TraceStep:
    return TraceStep(at, "sip", leg, name, {"direction": direction, "cseq": "1 INVITE", **details})


STEPS = (
    TraceStep(1_735_732_800_000, "trunk", "a", "carrier", {}),
    sip(1_735_732_800_000, "a", "sent", "INVITE", call_id="x", peer="udp:192.0.2.1:5060", body="application/sdp"),
    sip(1_735_732_800_040, "a", "received", "180 Ringing"),
    TraceStep(1_735_732_800_040, "state", None, "call.ringing", {}),
    sip(1_735_732_801_000, "b", "sent", "INVITE", call_id="y"),
    sip(1_735_732_801_500, "b", "sent", "INVITE", again=True),
    sip(
        *(1_735_732_802_250, "b", "received", "486 Busy Here"),
        reason="Q.850;cause=17",
        warning='399 carrier "no channel"',
    ),
    TraceStep(1_735_732_802_250, "state", "b", "leg.failed", {"sip_status": 486, "codec": None}),
)
DRAWN = """\
call 3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d: initiated
first step at 2025-01-01T12:00:00Z
         s  A                                  maskbridge                         B
     0.000  |* trunk carrier                   |                                  |
     0.000  |<----------- INVITE sdp ----------|                                  |
     0.000  |* Call-ID: x at udp:192.0.2.1:5060|                                  |
     0.040  |---------- 180 Ringing ---------->|                                  |
     0.040  |                                  * call.ringing
     1.000  |                                  |------------- INVITE ------------>|
     1.000  |                                  |                                  | * Call-ID: y
     1.500  |                                  |---------- INVITE again --------->|
     2.250  |                                  |<--------- 486 Busy Here ---------|
     2.250  |                                  |                                  | * Reason: Q.850;cause=17
     2.250  |                                  |                                  | * Warning: 399 carrier "no channel"
     2.250  |                                  |                                  | * leg.failed sip_status=486
"""


@pytest.fixture
def traced(desk: Desk) -> Desk:
    """An installation that has traced one call."""

    async def fill() -> None:
        store = await Store.open(load_config(desk.config, {}).storage.url)
        await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
        await store.run(lambda unit: unit.calls.save(a_call(CALL)))
        parts = [TracePart(CALL, 1, ORG, 1, STEPS[:3]), TracePart(CALL, 2, ORG, 2, STEPS[3:])]
        await store.run(lambda unit: unit.traces.add(parts))
        await store.close()

    asyncio.run(fill())
    return desk


def test_both_legs_are_drawn_with_ourselves_between_them(traced: Desk) -> None:
    status, out, err = traced.type("trace", CALL)
    assert (status, err) == (0, "")
    assert out == DRAWN


def test_a_script_gets_the_steps(traced: Desk) -> None:
    answer = traced.json("trace", CALL.upper())
    assert (answer["call_sid"], answer["status"]) == (CALL, "initiated")
    assert [event["name"] for event in answer["events"]] == [step.name for step in STEPS]
    assert answer["events"][2]["details"]["call_id"] == "x", "the Call-ID is told of every message"
    assert answer["events"][5]["details"]["call_id"] == "y"


def test_a_call_that_is_not_there_is_one_line(traced: Desk) -> None:
    assert "there is no call" in traced.refused("trace", CALL.replace("3", "4"))
    assert "not a call's id" in traced.refused("trace", "17")


@pytest.mark.parametrize("length", range(LANE - 4, LANE + 4))
def test_what_is_told_of_a_leg_is_never_cut(length: int) -> None:
    name = "n" * length
    _heading, line = ladder([TraceStep(1, "media", "a", name, {})])
    drawn = "".join(text for text, _looks in line)
    assert f"|* {name}" in drawn
    assert drawn.rstrip().endswith("|") == (length + 2 <= LANE), "the life lines go on where there is room"
