"""Causes: the published table row by row, and the other two languages they are said in."""

import pytest

from b2bua.call.effects import FinalResponse
from b2bua.call.events import FailureKind
from b2bua.call.hangup import (
    CAUSES_OF_B,
    CLEARINGS,
    Q850_TEXTS,
    STATUSES,
    TONES,
    cause_of_failure,
    cause_of_status,
    final_for_caller,
    q850_of_failure,
    q850_of_status,
    q850_reason,
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


@pytest.mark.parametrize("rang", [False, True])
def test_a_leg_that_was_refused_has_the_cause_of_its_response(rang: bool) -> None:
    for leg in Leg:
        for status in (404, 408, 486, 603):
            cause = cause_of_failure(leg, FailureKind.RESPONSE, status, rang)
            assert cause is cause_of_status(leg, status, rang)


def test_every_cause_can_be_told_and_every_failure_of_b_heard() -> None:
    assert set(CLEARINGS) == set(HangupCause)
    assert set(TONES) == set(CAUSES_OF_B.values())
    for clearing in CLEARINGS.values():
        assert 1 <= clearing.q850 <= 127
        assert 400 <= clearing.sip_status <= 699
        text = Q850_TEXTS[clearing.q850]
        assert text.isascii()
        assert '"' not in text


def test_reason_headers_of_rfc_3326() -> None:
    assert reason_header(HangupCause.NORMAL) == 'Q.850;cause=16;text="Normal call clearing"'
    assert reason_header(HangupCause.B_BUSY) == 'Q.850;cause=17;text="User busy"'


Q850 = {
    1: (404, 485, 604),
    16: (487,),
    17: (486, 600),
    18: (480,),
    21: (401, 402, 403, 407, 603, 607, 608),
    22: (410,),
    25: (482, 483),
    28: (484,),
    31: (488, 499, 606, 699),
    38: (502,),
    41: (400, 481, 500, 503),
    63: (405,),
    79: (406, 415, 501),
    102: (408, 504),
    127: (413, 414, 416, 420, 421, 423, 505, 513),
}
"""RFC 3398 section 8.2.6.1: the cause of each status. 31 is that of one it does not know."""


@pytest.mark.parametrize(("q850", "statuses"), Q850.items())
def test_rfc3398_s8_2_6_1_q850_of_a_status(q850: int, statuses: tuple[int, ...]) -> None:
    for status in statuses:
        assert q850_of_status(status) == q850, status


def test_rfc3398_s8_2_6_1_every_other_status_is_unspecified() -> None:
    known = {status for statuses in Q850.values() for status in statuses}
    assert {q850_of_status(status) for status in set(range(300, 700)) - known} == {31}


@pytest.mark.parametrize(
    ("kind", "q850"),
    [
        (FailureKind.NO_RESPONSE, 102),
        (FailureKind.TRANSPORT, 38),
        (FailureKind.MEDIA, 65),
        (FailureKind.CAPACITY, 34),
    ],
)
def test_a_failure_without_a_response_has_a_q850_cause_of_its_own(kind: FailureKind, q850: int) -> None:
    assert q850_of_failure(HangupCause.B_UNREACHABLE, kind, None) == q850
    assert q850_of_failure(HangupCause.B_BUSY, kind, None) is None


@pytest.mark.parametrize(
    ("cause", "q850"),
    [
        ("normal", 16),
        ("busy", 17),
        ("no_answer", 19),
        ("rejected", 21),
        ("unreachable", 20),
        ("invalid_number", 1),
        ("b_busy", 17),
        ("b_no_answer", 19),
        ("b_rejected", 21),
        ("b_unreachable", 20),
        ("a_hangup_before_bridge", 16),
        ("max_duration", 16),
        ("balance_exhausted", 16),
        ("media_timeout", 41),
        ("api_hangup", 16),
        ("network_error", 38),
        ("system_restart", 41),
    ],
)
def test_each_published_cause_is_told_by_its_q850_cause_under_its_registered_name(cause: str, q850: int) -> None:
    assert reason_header(HangupCause(cause)) == q850_reason(q850)
    assert q850_reason(q850).startswith(f'Q.850;cause={q850};text="')


@pytest.mark.parametrize(
    ("own", "told"), [(401, 503), (407, 503), (420, 502), (421, 502), (422, 502), (423, 502), (494, 502)]
)
def test_a_caller_is_not_told_what_is_about_the_other_leg_alone(own: int, told: int) -> None:
    reason = "Q.850;cause=1"
    assert final_for_caller(FailureKind.RESPONSE, own, reason) == FinalResponse(told, None)


def test_a_caller_is_told_every_other_final_response_as_it_was_given() -> None:
    reason = "Q.850;cause=1"
    for status in set(range(400, 700)) - {401, 407, 420, 421, 422, 423, 494}:
        assert final_for_caller(FailureKind.RESPONSE, status, reason) == FinalResponse(status, reason)
    for status in range(300, 400):
        assert final_for_caller(FailureKind.RESPONSE, status, reason) == FinalResponse(480, reason)


@pytest.mark.parametrize(
    ("kind", "status", "q850"),
    [
        (FailureKind.NO_RESPONSE, 408, 102),
        (FailureKind.TRANSPORT, 503, 38),
        (FailureKind.MEDIA, 502, 65),
        (FailureKind.CAPACITY, 503, 34),
    ],
)
def test_a_caller_is_told_that_there_was_no_final_response(kind: FailureKind, status: int, q850: int) -> None:
    assert final_for_caller(kind, None, None) == FinalResponse(status, q850_reason(q850))


def test_a_caller_is_told_of_b_s_last_final_response_only_where_that_is_how_b_failed() -> None:
    for kind in (FailureKind.NO_RESPONSE, FailureKind.MEDIA):
        assert final_for_caller(kind, 486, "Q.850;cause=17") == final_for_caller(kind, None, None)
    nothing_known = final_for_caller(FailureKind.RESPONSE, None, None)
    assert nothing_known == final_for_caller(FailureKind.TRANSPORT, None, None)


def test_the_status_that_tells_a_cause_means_that_cause() -> None:
    for cause in (HangupCause.BUSY, HangupCause.REJECTED, HangupCause.INVALID_NUMBER, HangupCause.UNREACHABLE):
        assert STATUSES[CLEARINGS[cause].sip_status][1] is cause
