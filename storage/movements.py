"""What moved in a wallet, read for statements and exports."""

from typing import Final

from storage.billing_records import CallDay, MonthEntry, MonthOfWallet, Transfer
from storage.queries import Queries

ENTRIES_MAX: Final = 10_000  # of a month; what comes behind them is told as one sum
BEGINNING: Final = (-1, -1)


class Movements:
    """Transfers of an organisation, as they were made."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def month(self, org_id: str, from_ms: int, until_ms: int, offset_ms: int) -> MonthOfWallet:
        """What a wallet had before and after a period of at most 31 days, and what moved; `offset_ms`: the time zone's
        that days are counted in."""
        period = {"org_id": org_id, "from_ms": from_ms, "until_ms": until_ms}
        entries = self._queries.all("movements.entries", {**period, "limit": ENTRIES_MAX})
        days = self._queries.all("movements.calls_by_day", {**period, "offset_ms": offset_ms})
        before = self._queries.number("movements.balance_before", (org_id, from_ms))
        return MonthOfWallet(
            before,
            before + self._queries.number("movements.balance_change", period),
            tuple(MonthEntry(*row) for row in entries),
            tuple(CallDay(*row) for row in days),
        )

    def page(self, org_id: str, from_ms: int, until_ms: int, page: int, per_page: int) -> tuple[list[Transfer], int]:
        """A page (from 1) of transfers, newest first, and how many there are."""
        period = {"org_id": org_id, "from_ms": from_ms, "until_ms": until_ms}
        rows = self._queries.all("movements.page", {**period, "limit": per_page, "offset": (page - 1) * per_page})
        return [Transfer(*row) for row in rows], self._queries.number("movements.count", period)

    def after(self, org_id: str, from_ms: int, until_ms: int, after: tuple[int, int], limit: int) -> list[Transfer]:
        """The first transfers behind one, oldest first; `after`: its time and row, `BEGINNING` for the first of all."""
        period = {"org_id": org_id, "from_ms": from_ms, "until_ms": until_ms}
        parameters = {**period, "after_ms": after[0], "after_row": after[1], "limit": limit}
        return [Transfer(*row) for row in self._queries.all("movements.after", parameters)]
