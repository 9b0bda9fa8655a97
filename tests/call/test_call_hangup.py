"""Causes: the published table row by row, and the other two languages they are said in."""

import pytest

from b2bua.call.events import FailureKind
from b2bua.call.hangup import (
    CAUSES_OF_B,
    CLEARINGS,
    STATUSES,
    TONES,
    cause_of_failure,
    cause_of_status,
    q850_of_status,
    reason_header,
)
from b2bua.call.model import HangupCause, Leg

ROWS = [
    ((486, 600), "busy", "b_busy"),
    ((403, 603, 607, 608), "rejected", "b_rejected"),
    ((408, 410, 480), "unreachable", "b_unreachable"),
    ((404, 416, 484, 604), "invalid_number", "b_unreachable"),
    ((400, 401, 407, 420, 481, 482, 487, 488, 499, 500, 503, 504, 599, 606, 699), "network_error", "b_unreachable"),
    ((300, 302, 380), "network_error", "b_unreachable"),
]


@pytest.mark.parametrize(("statuses", "of_a", "of_b"), ROWS)
def test_a_final_response_has_its_cause(statuses: tuple[int, ...], of_a: str, of_b: str) -> None:
    for status in statuses:
        assert cause_of_status(Leg.A, status, rang=False).value == of_a
        assert cause_of_status(Leg.B, status, rang=False).value == of_b


def test_408_after_ringing_is_no_answer_and_ringing_changes_nothing_else() -> None:
    assert cause_of_status(Leg.A, 408, rang=True) is HangupCause.NO_ANSWER
    assert cause_of_status(Leg.B, 408, rang=True) is HangupCause.B_NO_ANSWER
    for status in set(range(300, 700)) - {408}:
        assert cause_of_status(Leg.A, status, rang=True) is cause_of_status(Leg.A, status, rang=False)


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("leg", Leg)
def test_every_kind_of_failure_has_a_cause_of_its_leg(kind: FailureKind, leg: Leg) -> None:
    cause = cause_of_failure(leg, kind, None, rang=False)
    assert cause.value.startswith("b_") == (leg is Leg.B)


def test_no_response_and_no_transport_are_unreachable() -> None:
    assert cause_of_failure(Leg.A, FailureKind.NO_RESPONSE, None, rang=False) is HangupCause.UNREACHABLE
    assert cause_of_failure(Leg.A, FailureKind.TRANSPORT, None, rang=False) is HangupCause.UNREACHABLE


def test_every_cause_can_be_told_and_every_failure_of_b_heard() -> None:
    assert set(CLEARINGS) == set(HangupCause)
    assert set(TONES) == set(CAUSES_OF_B.values())
    for clearing in CLEARINGS.values():
        assert 1 <= clearing.q850 <= 127
        assert 400 <= clearing.sip_status <= 699
        assert clearing.text.isascii()
        assert '"' not in clearing.text


def test_reason_headers_of_rfc_3326() -> None:
    assert reason_header(HangupCause.NORMAL) == 'Q.850;cause=16;text="Normal call clearing"'
    assert reason_header(HangupCause.B_BUSY) == 'Q.850;cause=17;text="User busy"'


@pytest.mark.parametrize(
    ("status", "q850"), [(486, 17), (404, 1), (480, 18), (503, 41), (484, 28), (603, 21), (499, 31)]
)
def test_q850_of_a_status(status: int, q850: int) -> None:
    assert q850_of_status(status) == q850


def test_the_status_that_tells_a_cause_means_that_cause() -> None:
    for cause in (HangupCause.BUSY, HangupCause.REJECTED, HangupCause.INVALID_NUMBER, HangupCause.UNREACHABLE):
        assert STATUSES[CLEARINGS[cause].sip_status][1] is cause
