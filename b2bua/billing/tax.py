"""Goods and services tax on an amount: CGST and SGST within the supplier's state, IGST outside it."""

from dataclasses import dataclass

from b2bua.billing.errors import ShareUneven
from b2bua.billing.gstin import state_code


@dataclass(frozen=True, slots=True)
class Tax:
    """What is added to `taxable_paise`; of CGST and SGST on one side and IGST on the other, one is 0."""

    taxable_paise: int
    percent: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int

    @property
    def tax_paise(self) -> int:
        """All of it."""
        return self.cgst_paise + self.sgst_paise + self.igst_paise

    @property
    def total_paise(self) -> int:
        """What is to be paid."""
        return self.taxable_paise + self.tax_paise


def tax_on(taxable_paise: int, percent: int, supplier_state: str, place_of_supply: str) -> Tax:
    """Tax at so many percent (0 to 100), each part to the nearest paisa, halves up. States are GST numbers.

    ValueError for an amount below 0.
    """
    if taxable_paise < 0 or not 0 <= percent <= 100:
        raise ValueError("an amount and a percentage are not negative")
    if supplier_state == place_of_supply:
        half = _portion(taxable_paise, percent, 200)
        return Tax(taxable_paise, percent, half, half, 0)
    return Tax(taxable_paise, percent, 0, 0, _portion(taxable_paise, percent, 100))


def share_of(whole: Tax, total_paise: int) -> Tax:
    """What of an amount, its tax included, goes back when `total_paise` of it do: each tax in proportion and to the
    nearest paisa, halves up, so that parts taken one after the other from what is left add up to the whole.

    ValueError: nothing, or more than the whole; ShareUneven.
    """
    of = whole.total_paise
    if not 0 < total_paise <= of:
        raise ValueError("a share is more than nothing and at most the whole")
    cgst, sgst, igst = (
        _portion(part, total_paise, of) for part in (whole.cgst_paise, whole.sgst_paise, whole.igst_paise)
    )
    taxable = total_paise - cgst - sgst - igst
    if taxable < 0:
        raise ShareUneven("only CGST and SGST are left of it, which are equal: it must be an even number of paise")
    return Tax(taxable, whole.percent, cgst, sgst, igst)


def place_of_supply(gstin: str | None, state: str | None, supplier_state: str) -> str:
    """The GST number of the customer's state: of its GSTIN, else of its address, else the supplier's own (section 12(2)
    of the IGST Act: without an address on record, where the supplier is). StateUnknown."""
    if gstin:
        return state_code(gstin[:2])
    return state_code(state) if state else supplier_state


def _portion(paise: int, share: int, of: int) -> int:
    """`share / of` of an amount to the nearest paisa, halves up: all that is rounded about tax is rounded here."""
    return (2 * paise * share + of) // (2 * of)
