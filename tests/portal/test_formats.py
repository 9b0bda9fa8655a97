"""How things read on a page."""

import pytest

from control_api.portal import formats


@pytest.mark.parametrize(
    ("amount", "reads"),
    [(0, "₹0.00"), (3, "₹3.00"), (1.5, "₹1.50"), (123456.5, "₹1,23,456.50"), (-12.34, "-₹12.34"), (None, formats.NONE)],
)
def test_money_is_grouped_as_in_india(amount: float | None, reads: str) -> None:
    assert formats.rupees(amount) == reads


@pytest.mark.parametrize(("seconds", "reads"), [(7, "7 s"), (65, "1 min 05 s"), (3720, "1 h 02 min"), (0, "0 s")])
def test_lengths_of_time(seconds: int, reads: str) -> None:
    assert formats.length(seconds) == reads


def test_moments_are_told_in_indian_time() -> None:
    assert formats.moment("2025-01-31T20:00:00Z") == "1 Feb 2025, 01:30"
    assert formats.time_of_day("2025-01-31T20:00:05Z") == "01:30:05"


def test_the_last_moments_that_can_be_written_are_told_although_india_is_in_another_year() -> None:
    assert formats.moment("9999-12-31T23:59:59Z") == "31 Dec 9999, 05:29"


def test_a_day_begins_at_midnight_in_india() -> None:
    at_ms = 1_735_732_800_000  # 2025-01-01T12:00:00Z
    assert formats.start_of_day(at_ms) == "2024-12-31T18:30:00Z"
    assert formats.start_of_day(1_735_671_600_000) == "2024-12-31T18:30:00Z"  # half an hour after it


def test_an_answer_rate_of_nothing_is_none() -> None:
    assert formats.percent(0, 0) == formats.NONE
    assert formats.percent(1, 3) == "33 %"


@pytest.mark.parametrize(
    ("revoked_at", "expires_at", "state"),
    [
        (None, None, "live"),
        ("2025-01-01T00:00:00Z", None, "revoked"),
        (None, "2025-01-01T00:00:00Z", "ended"),
        (None, "2025-01-03T00:00:00Z", "expiring"),
        (None, "2026-01-03T00:00:00Z", "live"),
    ],
)
def test_the_state_of_a_key(revoked_at: str | None, expires_at: str | None, state: str) -> None:
    key = {"revoked_at": revoked_at, "expires_at": expires_at}
    assert formats.key_state(key, 1_735_732_800_000) == state
