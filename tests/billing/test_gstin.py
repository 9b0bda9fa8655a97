"""GSTINs and states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.billing.errors import GstinInvalid, StatesDisagree, StateUnknown
from b2bua.billing.gstin import STATES, check_digit, check_gstin, registration, state_code

# A made-up PAN with its true check digit.
BODY = "29ABCDE1234F1Z"
GSTIN = BODY + check_digit(BODY)


def test_a_published_example_passes() -> None:
    # The one that the GST network's own documentation shows.
    assert check_gstin("27AAPFU0939F1ZV") == "27AAPFU0939F1ZV"


def test_blanks_and_small_letters_do_not_matter() -> None:
    assert check_gstin(" " + GSTIN[:7].lower() + " " + GSTIN[7:]) == GSTIN


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "15 characters"),
        (GSTIN[:-1], "15 characters"),
        (GSTIN + "1", "15 characters"),
        ("25" + GSTIN[2:], "25 is none"),
        (BODY + ("0" if GSTIN[14] != "0" else "1"), "mistyped"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(GstinInvalid, match=why):
        check_gstin(text)


@given(st.integers(0, 13), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
def test_no_single_mistyped_character_passes(at: int, character: str) -> None:
    mistyped = GSTIN[:at] + character + GSTIN[at + 1 :]
    if mistyped != GSTIN:
        with pytest.raises(GstinInvalid):
            check_gstin(mistyped)


@pytest.mark.parametrize("code", STATES)
def test_a_state_is_known_by_number_and_by_name(code: str) -> None:
    assert state_code(code) == state_code(STATES[code].upper()) == state_code(f" {STATES[code]} ") == code


@pytest.mark.parametrize("text", ["", "0", "28", "Bombay", "٢٩"])
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(StateUnknown):
        state_code(text)


def test_a_number_may_lack_its_zero() -> None:
    assert state_code("7") == "07"


@pytest.mark.parametrize(
    ("gstin", "state", "kept"),
    [
        (None, None, (None, None)),
        (GSTIN.lower(), None, (GSTIN, None)),
        (GSTIN, " Karnataka ", (GSTIN, "Karnataka")),
        (GSTIN, "29", (GSTIN, "29")),
        (None, "goa", (None, "goa")),
    ],
)
def test_gstin_and_state_are_kept_where_they_agree(
    gstin: str | None, state: str | None, kept: tuple[str | None, str | None]
) -> None:
    assert registration(gstin, state) == kept


def test_gstin_and_state_that_disagree_are_refused() -> None:
    with pytest.raises(StatesDisagree, match="one of Karnataka, the state is Kerala"):
        registration(GSTIN, "32")


def test_a_state_must_be_one_where_no_gstin_is() -> None:
    with pytest.raises(StateUnknown):
        registration(None, "Bombay")
