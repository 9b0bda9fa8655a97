"""Amounts in words, as Indian invoices have them: crore, lakh, thousand."""

from typing import Final

_SMALL: Final = (
    *("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"),
    *("Ten", "Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"),
)
_TENS: Final = ("", "", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety")
_UNITS: Final = ((10_000_000, "Crore"), (100_000, "Lakh"), (1_000, "Thousand"), (100, "Hundred"))


def rupees_in_words(paise: int) -> str:
    """ "Rupees One Lakh Two and Fifty Paise Only". ValueError below 0."""
    if paise < 0:
        raise ValueError("an amount is not negative")
    rupees, rest = divmod(paise, 100)
    words = f"Rupees {_in_words(rupees)}"
    return f"{words} and {_in_words(rest)} Paise Only" if rest else f"{words} Only"


def _in_words(number: int) -> str:
    words: list[str] = []
    for size, name in _UNITS:
        count, number = divmod(number, size)
        if count:
            words += [_in_words(count), name]
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
    if number or not words:
        words.append(_SMALL[number])
    return " ".join(words)
