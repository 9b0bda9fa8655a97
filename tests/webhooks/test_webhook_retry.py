"""The webhook contract: what follows each attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.webhooks.retry import LONGEST_RETRY_AFTER_S, Verdict, judge, parse_retry_after

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("attempt", "delay_s"), [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1800), (6, 7200), (7, 21_600)]
)
@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 307, 400, 404, 429, 500, 503])
def test_each_failure_is_tried_again_on_the_published_schedule(attempt: int, delay_s: int, status: int | None) -> None:
    assert judge(attempt, status, NOW, 0.0) == Verdict(False, NOW + delay_s * 1000)
    assert judge(attempt, status, NOW, 1.0) == Verdict(False, NOW + delay_s * 1100)


@pytest.mark.parametrize("status", [None, 302, 404, 500])
def test_after_the_eighth_attempt_it_is_a_dead_letter(status: int | None) -> None:
    assert judge(8, status, NOW, 0.5) == Verdict(delivered=False)


@pytest.mark.parametrize("attempt", [1, 8])
@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_delivers(attempt: int, status: int) -> None:
    assert judge(attempt, status, NOW, 0.5) == Verdict(delivered=True)


@pytest.mark.parametrize("attempt", [1, 8])
def test_410_ends_the_delivery_and_disables_the_endpoint(attempt: int) -> None:
    assert judge(attempt, 410, NOW, 0.5, 60) == Verdict(delivered=False, disable_endpoint=True)


@pytest.mark.parametrize(
    ("asked_s", "delay_s"), [(0, 5), (3, 5), (90, 90), (3600, 3600), (10**9, LONGEST_RETRY_AFTER_S)]
)
def test_retry_after_puts_off_within_reason_and_never_hurries(asked_s: int, delay_s: int) -> None:
    assert judge(1, 503, NOW, 0.0, asked_s) == Verdict(False, NOW + delay_s * 1000)


def test_retry_after_does_not_bring_a_dead_letter_back() -> None:
    assert judge(8, 503, NOW, 0.0, 60) == Verdict(delivered=False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("\u0663", None),
        ("9" * 400, None),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
        ("Tue, 14 Nov 2023 21:14:20 GMT", 0.0),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
        ("Tue, 14 Nov 99999999999 22:14:20 GMT", None),
        ("14 Nov 2023 22:14:20 +99999999999999999", None),
    ],
)
def test_retry_after_in_both_its_forms(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=60))
def test_whatever_stands_in_retry_after_is_seconds_or_nothing(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0
