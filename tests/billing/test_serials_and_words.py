"""Numbers of documents, financial years, amounts in words."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.billing.errors import SerialTooLong
from b2bua.billing.serials import day_in_india, document_number, financial_year, last_day_of_tax_notes
from b2bua.billing.words import rupees_in_words


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 4, 1), "26-27"),
        (date(2027, 3, 31), "26-27"),
        (date(2027, 4, 1), "27-28"),
        (date(2100, 1, 1), "99-00"),
    ],
)
def test_a_financial_year_is_april_to_march(day: date, year: str) -> None:
    assert financial_year(day) == year


def test_the_day_is_the_one_in_india() -> None:
    # 31 March, 18:29:59.999 UTC is the last millisecond of the day in India.
    assert day_in_india(1_774_981_799_999) == date(2026, 3, 31)
    assert day_in_india(1_774_981_800_000) == date(2026, 4, 1)


def test_a_number_is_its_series_its_year_and_its_place() -> None:
    assert document_number("INV", "26-27", 1) == "INV/26-27/000001"
    assert document_number("MB", "26-27", 1_234_567) == "MB/26-27/1234567"


def test_a_number_of_more_than_sixteen_characters_is_refused() -> None:
    with pytest.raises(SerialTooLong):
        document_number("INV", "26-27", 1_000_000)


def test_serials_begin_with_one() -> None:
    with pytest.raises(ValueError, match="begin"):
        document_number("INV", "26-27", 0)


@pytest.mark.parametrize(
    ("paise", "words"),
    [
        (0, "Rupees Zero Only"),
        (5, "Rupees Zero and Five Paise Only"),
        (100, "Rupees One Only"),
        (1_19_050, "Rupees One Thousand One Hundred Ninety and Fifty Paise Only"),
        (11_800_00, "Rupees Eleven Thousand Eight Hundred Only"),
        (1_00_002_00, "Rupees One Lakh Two Only"),
        (
            12_34_56_789_01,
            "Rupees Twelve Crore Thirty Four Lakh Fifty Six Thousand Seven Hundred Eighty Nine and One Paise Only",
        ),
        (10_00_00_00_000_00, "Rupees One Thousand Crore Only"),
    ],
)
def test_amounts_in_words(paise: int, words: str) -> None:
    assert rupees_in_words(paise) == words


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_different_amounts_have_different_words(one: int, other: int) -> None:
    assert (rupees_in_words(one) == rupees_in_words(other)) == (one == other)


def test_no_amount_is_below_nothing() -> None:
    with pytest.raises(ValueError, match="not negative"):
        rupees_in_words(-1)


@pytest.mark.parametrize(
    ("supplied", "until"),
    [
        (date(2026, 4, 1), date(2027, 11, 30)),
        (date(2027, 3, 31), date(2027, 11, 30)),
        (date(2027, 4, 1), date(2028, 11, 30)),
    ],
)
def test_until_when_a_note_may_change_the_tax(supplied: date, until: date) -> None:
    assert last_day_of_tax_notes(supplied) == until
