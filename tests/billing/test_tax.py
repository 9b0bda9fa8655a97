"""Tax by state, to the paisa."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.billing.errors import ShareUneven, StateUnknown
from b2bua.billing.tax import Tax, place_of_supply, share_of, tax_on

AMOUNTS = st.integers(0, 10**12)
PERCENTS = st.integers(0, 100)


def test_eighteen_percent_within_the_state_is_nine_and_nine() -> None:
    assert tax_on(100_000, 18, "29", "29") == Tax(100_000, 18, 9_000, 9_000, 0)


def test_eighteen_percent_outside_it_is_one_tax() -> None:
    tax = tax_on(100_000, 18, "29", "27")
    assert tax == Tax(100_000, 18, 0, 0, 18_000)
    assert tax.total_paise == 118_000


@given(AMOUNTS, PERCENTS)
def test_both_halves_are_alike_and_within_half_a_paisa(amount: int, percent: int) -> None:
    tax = tax_on(amount, percent, "29", "29")
    assert tax.cgst_paise == tax.sgst_paise
    assert abs(200 * tax.cgst_paise - amount * percent) <= 100
    assert tax.igst_paise == 0


@given(AMOUNTS, PERCENTS)
def test_one_tax_is_within_half_a_paisa(amount: int, percent: int) -> None:
    tax = tax_on(amount, percent, "29", "07")
    assert abs(100 * tax.igst_paise - amount * percent) <= 50
    assert tax.tax_paise == tax.igst_paise


def test_halves_go_up() -> None:
    assert tax_on(250, 18, "29", "27").igst_paise == 45
    assert tax_on(275, 18, "29", "27").igst_paise == 50
    assert tax_on(25, 18, "29", "27").igst_paise == 5


def test_where_it_is_supplied() -> None:
    assert place_of_supply("27AAPFU0939F1ZV", "Karnataka", "29") == "27"
    assert place_of_supply(None, "Kerala", "29") == "32"
    assert place_of_supply(None, None, "29") == "29"
    with pytest.raises(StateUnknown):
        place_of_supply(None, "Nowhere", "29")
    with pytest.raises(StateUnknown):
        place_of_supply("99ABCDE1234F1Z5", "Kerala", "29")


@pytest.mark.parametrize(("amount", "percent"), [(-1, 18), (1, -1), (1, 101)])
def test_nothing_below_nothing(amount: int, percent: int) -> None:
    with pytest.raises(ValueError, match="not negative"):
        tax_on(amount, percent, "29", "29")


@given(st.integers(1, 10**9), PERCENTS, st.booleans(), st.lists(st.integers(1, 10**9), max_size=5))
def test_shares_taken_one_after_the_other_add_up_to_the_whole(
    amount: int, percent: int, within: bool, wanted: list[int]
) -> None:
    left = tax_on(amount, percent, "29", "29" if within else "27")
    whole, taken = left, Tax(0, percent, 0, 0, 0)
    for number, asked in enumerate((*wanted, left.total_paise), start=1):
        if left.total_paise == 0:
            break
        share = share_of(left, min(asked, left.total_paise))
        assert share.cgst_paise == share.sgst_paise
        left, taken = _moved(left, share, -1), _moved(taken, share, 1)
        assert min(share.taxable_paise, left.taxable_paise, left.cgst_paise, left.igst_paise) >= 0
        # Off the rate by half a paisa at most for each of two taxes, and by what those before it were.
        off = abs(share.tax_paise * whole.total_paise - whole.tax_paise * share.total_paise)
        assert off <= number * whole.total_paise
    assert left.total_paise == 0
    assert taken == whole


def _moved(of: Tax, by: Tax, sign: int) -> Tax:
    parts = ("taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")
    return replace(of, **{part: getattr(of, part) + sign * getattr(by, part) for part in parts})


def test_of_cgst_and_sgst_alone_an_odd_paisa_is_nobody_s() -> None:
    """Where the value was taken back without its tax, as it may be late: the two taxes that are left stay equal."""
    assert share_of(Tax(0, 18, 9, 9, 0), 4) == Tax(0, 18, 2, 2, 0)
    assert share_of(Tax(0, 18, 0, 0, 18), 3) == Tax(0, 18, 0, 0, 3)
    with pytest.raises(ShareUneven):
        share_of(Tax(0, 18, 9, 9, 0), 3)


@pytest.mark.parametrize("paise", [0, -1, 119])
def test_a_share_is_some_of_the_whole(paise: int) -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        share_of(Tax(100, 18, 9, 9, 0), paise)
