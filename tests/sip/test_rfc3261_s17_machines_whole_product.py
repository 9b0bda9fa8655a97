"""Every state x input pair of the four machines: what the tables say happens, and that an absent pair does nothing."""

import pytest

from b2bua.sip import transactions as t
from b2bua.sip.message import Request, Response
from b2bua.sip.timers import DURATION_S
from b2bua.sip.transactions import Failed, PassUp, Send, Transaction
from tests.support.stepped_transactions import SteppedLayer

INPUTS = (
    *DURATION_S,
    t.RECEIVED_REQUEST,
    t.RECEIVED_ACK,
    t.RECEIVED_1XX,
    t.RECEIVED_2XX,
    t.RECEIVED_3XX_6XX,
    t.SENT_1XX,
    t.SENT_2XX,
    t.SENT_3XX_6XX,
    t.TRANSPORT_ERROR,
    t.GIVEN_UP,
    t.LET_GO,
)
SEND, UP, FAIL, NOTHING = "send", "up", "fail", "-"

# (state, input) -> (what comes out, next state), written from the figures and not from the code.
EXPECTED: dict[type[Transaction], dict[tuple[str, str], tuple[str, str]]] = {
    t.InviteClientTransaction: {
        ("calling", "A"): (SEND, "calling"),
        ("calling", "B"): (FAIL, "terminated"),
        ("calling", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("calling", t.GIVEN_UP): (NOTHING, "quiet"),
        ("calling", t.LET_GO): (NOTHING, "left"),
        ("calling", t.RECEIVED_1XX): (UP, "proceeding"),
        ("calling", t.RECEIVED_2XX): (UP, "accepted"),
        ("calling", t.RECEIVED_3XX_6XX): ("send up", "completed"),
        ("quiet", "B"): (FAIL, "terminated"),
        ("quiet", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("quiet", t.RECEIVED_1XX): (UP, "proceeding"),
        ("quiet", t.RECEIVED_2XX): (UP, "accepted"),
        ("quiet", t.RECEIVED_3XX_6XX): ("send up", "completed"),
        ("proceeding", t.GIVEN_UP): (NOTHING, "terminated"),
        ("proceeding", t.LET_GO): (NOTHING, "left"),
        ("proceeding", t.RECEIVED_1XX): (UP, "proceeding"),
        ("proceeding", t.RECEIVED_2XX): (UP, "accepted"),
        ("proceeding", t.RECEIVED_3XX_6XX): ("send up", "completed"),
        ("left", "B"): (NOTHING, "terminated"),
        ("left", t.TRANSPORT_ERROR): (NOTHING, "terminated"),
        ("left", t.RECEIVED_2XX): (UP, "accepted"),
        ("left", t.RECEIVED_3XX_6XX): ("send up", "completed"),
        ("accepted", t.RECEIVED_2XX): (UP, "accepted"),
        ("accepted", "M"): (NOTHING, "terminated"),
        ("completed", t.RECEIVED_3XX_6XX): (SEND, "completed"),
        ("completed", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("completed", "D"): (NOTHING, "terminated"),
    },
    t.NonInviteClientTransaction: {
        ("trying", "E"): (SEND, "trying"),
        ("trying", "F"): (FAIL, "terminated"),
        ("trying", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("trying", t.RECEIVED_1XX): (UP, "proceeding"),
        ("trying", t.RECEIVED_2XX): (UP, "completed"),
        ("trying", t.RECEIVED_3XX_6XX): (UP, "completed"),
        ("proceeding", "E"): (SEND, "proceeding"),
        ("proceeding", "F"): (FAIL, "terminated"),
        ("proceeding", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("proceeding", t.RECEIVED_1XX): (UP, "proceeding"),
        ("proceeding", t.RECEIVED_2XX): (UP, "completed"),
        ("proceeding", t.RECEIVED_3XX_6XX): (UP, "completed"),
        ("completed", "K"): (NOTHING, "terminated"),
    },
    t.InviteServerTransaction: {
        ("proceeding", t.RECEIVED_REQUEST): (SEND, "proceeding"),
        ("proceeding", t.SENT_1XX): (SEND, "proceeding"),
        ("proceeding", t.SENT_2XX): (SEND, "accepted"),
        ("proceeding", t.SENT_3XX_6XX): (SEND, "completed"),
        ("proceeding", t.TRANSPORT_ERROR): (FAIL, "proceeding"),
        ("proceeding", "C"): (FAIL, "proceeding"),
        ("accepted", t.SENT_2XX): (SEND, "accepted"),
        ("accepted", t.RECEIVED_ACK): (UP, "accepted"),
        ("accepted", t.TRANSPORT_ERROR): (FAIL, "accepted"),
        ("accepted", "L"): (NOTHING, "terminated"),
        ("completed", t.RECEIVED_REQUEST): (SEND, "completed"),
        ("completed", t.RECEIVED_ACK): (NOTHING, "confirmed"),
        ("completed", t.TRANSPORT_ERROR): (FAIL, "completed"),
        ("completed", "G"): (SEND, "completed"),
        ("completed", "H"): (FAIL, "terminated"),
        ("confirmed", "I"): (NOTHING, "terminated"),
    },
    t.NonInviteServerTransaction: {
        ("trying", t.SENT_1XX): (SEND, "proceeding"),
        ("trying", t.SENT_2XX): (SEND, "completed"),
        ("trying", t.SENT_3XX_6XX): (SEND, "completed"),
        ("trying", "U"): (FAIL, "terminated"),
        ("proceeding", t.RECEIVED_REQUEST): (SEND, "proceeding"),
        ("proceeding", t.SENT_1XX): (SEND, "proceeding"),
        ("proceeding", t.SENT_2XX): (SEND, "completed"),
        ("proceeding", t.SENT_3XX_6XX): (SEND, "completed"),
        ("proceeding", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("proceeding", "U"): (FAIL, "terminated"),
        ("completed", t.RECEIVED_REQUEST): (SEND, "completed"),
        ("completed", t.TRANSPORT_ERROR): (FAIL, "terminated"),
        ("completed", "J"): (NOTHING, "terminated"),
    },
}
STATES = {
    t.InviteClientTransaction: ("calling", "quiet", "left", "proceeding", "accepted", "completed", "terminated"),
    t.NonInviteClientTransaction: ("trying", "proceeding", "completed", "terminated"),
    t.InviteServerTransaction: ("proceeding", "accepted", "completed", "confirmed", "terminated"),
    t.NonInviteServerTransaction: ("trying", "proceeding", "completed", "terminated"),
}
LIVE = {
    t.InviteClientTransaction: {
        "calling": "AB",
        "quiet": "B",
        "left": "B",
        "proceeding": "",
        "accepted": "M",
        "completed": "D",
    },
    t.NonInviteClientTransaction: {"trying": "EF", "proceeding": "EF", "completed": "K"},
    t.InviteServerTransaction: {"proceeding": "C", "accepted": "L", "completed": "GH", "confirmed": "I"},
    t.NonInviteServerTransaction: {"trying": "U", "proceeding": "U", "completed": "J"},
}
PAIRS = [(machine, state, happened) for machine, states in STATES.items() for state in states for happened in INPUTS]


def make(machine: type[Transaction]) -> tuple[SteppedLayer, Transaction]:
    layer = SteppedLayer()
    method = "INVITE" if "Invite" in machine.__name__ and "Non" not in machine.__name__ else "OPTIONS"
    transaction = layer.client(method) if "Client" in machine.__name__ else layer.server(method)
    assert type(transaction) is machine
    return layer, transaction


@pytest.mark.parametrize(("machine", "state", "happened"), PAIRS)
def test_pair(machine: type[Transaction], state: str, happened: str) -> None:
    layer, transaction = make(machine)
    transaction.state = state
    transaction.last_sent = b"LAST "
    item: Request | Response | bytes | None = None
    if happened.startswith("sent"):
        item = b"SIP/2.0 "
    elif isinstance(transaction, t.ClientTransaction):
        item = layer.response(transaction, {"received 1xx": 180, "received 2xx": 200}.get(happened, 404))
    elif isinstance(transaction, t.ServerTransaction):
        item = transaction.request
    outputs = transaction.take(happened, item)
    came_out, next_state = EXPECTED[machine].get((state, happened), (NOTHING, state))
    names = {Send: "send", PassUp: "up", Failed: "fail"}
    assert " ".join(names[type(output)] for output in outputs) == came_out.replace(NOTHING, "")
    assert transaction.state == next_state
    for output in outputs:
        if isinstance(output, PassUp):
            assert output.message is item
        if isinstance(output, Send) and came_out == SEND:
            assert output.content == (item if happened.startswith("sent") else b"LAST ")


@pytest.mark.parametrize("machine", STATES)
def test_every_row_is_between_known_states(machine: type[Transaction]) -> None:
    assert set(machine.table) == set(EXPECTED[machine])
    assert set(machine.live_timers) == set(STATES[machine])
    for state in STATES[machine]:
        assert "".join(machine.live_timers[state]) == LIVE[machine].get(state, "")


@pytest.mark.parametrize(("machine", "state"), [(m, s) for m in STATES for s in STATES[m]])
def test_every_timer_that_lives_in_a_state_has_a_row_there(machine: type[Transaction], state: str) -> None:
    for timer in machine.live_timers[state]:
        assert (state, timer) in machine.table
