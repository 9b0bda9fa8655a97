"""Whether all that is about money agrees: wallets, transfers, reservations, calls, payments, tax documents."""

from collections.abc import Iterable
from typing import Final

from storage.billing_records import Discrepancy, DiscrepancyKind
from storage.queries import Queries
from storage.records import TEST_NUMBER

OF_WALLETS: Final = (DiscrepancyKind.WALLET_BALANCE, DiscrepancyKind.WALLET_RESERVED)
REFUND_LONGEST_MS: Final = 10 * 86_400_000  # a provider may take a week
FOUND_MAX: Final = 100  # of a kind: whoever finds so many does not look at each


class Books:
    """What is compared, each with what it must agree with. It reads everything there is, on one state of it."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def discrepancies(self, now: int, kinds: Iterable[DiscrepancyKind] = DiscrepancyKind) -> list[Discrepancy]:
        """What does not agree at Unix millisecond `now`, at most `FOUND_MAX` of a kind: none, or something is badly
        wrong."""
        parameters = {"limit": FOUND_MAX, "test_number": TEST_NUMBER, "long_ago": now - REFUND_LONGEST_MS}
        return [Discrepancy(kind, *row) for kind in kinds for row in self._queries.all(f"books.{kind}", parameters)]
