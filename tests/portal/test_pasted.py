"""What people paste, as it is typed."""

import pytest

from control_api.portal import pasted


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ("9876543210", "9876543210"),
        (" 9876543210\t", "9876543210"),
        ("\u202a+91 98765 43210\u202c", "+91 98765 43210"),  # as Android's and Windows' address books copy it
        ("+91\u00a098765\u00a043210\u200e", "+91 98765 43210"),
        ("+91\u201198765\u201343210", "+91-98765-43210"),
        ("agent:asha", "agent:asha"),
        ("98765 x", "98765 x"),
        ("", ""),
    ],
)
def test_a_number(given: str, typed: str) -> None:
    assert pasted.number(given) == typed


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ("500", "500"),
        (" ₹1,23,456.50 ", "123456.50"),
        ("₹ 1,500", "1500"),
        ("1,00,000", "100000"),
        ("1,000,000.00", "1000000.00"),
        ("1,50", "1,50"),  # one and a half, or a hundred and fifty: the API refuses it
        ("1,,500", "1,,500"),
        (",500", ",500"),
        ("₹", ""),
        ("x", "x"),
    ],
)
def test_an_amount(given: str, typed: str) -> None:
    assert pasted.amount(given) == typed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" , ;", []),
        ("917969002802", ["917969002802"]),
        ("917969002802, 917969002803;1800 1801", ["917969002802", "917969002803", "1800", "1801"]),
        ("+91 79690 02802", ["917969002802"]),
        ("\u202a+91\u00a079690-02802\u202c +91 (79690) 02803,1800", ["917969002802", "917969002803", "1800"]),
        ("1800 +917969002802", ["1800", "917969002802"]),
        ("+, 12", ["+", "12"]),
    ],
)
def test_masked_numbers(text: str, expected: list[str]) -> None:
    assert pasted.numbers(text) == expected
