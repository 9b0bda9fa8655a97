"""Balances that fell below what their organisations want to be told of."""

from typing import Final

from storage.billing_records import LowBalance
from storage.queries import Queries

UNTOLD_AT_ONCE: Final = 50


class LowBalances:
    """Each crossing once: the database writes it down with the transfer that makes it."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def untold(self, limit: int = UNTOLD_AT_ONCE) -> list[LowBalance]:
        """The first that nobody was told of."""
        return [LowBalance(*row) for row in self._queries.all("low_balances.untold", (limit,))]

    def told(self, crossing_id: int, at: int) -> bool:
        """Note that it was told; False when that was done before."""
        return self._queries.run("low_balances.set_told", {"crossing_id": crossing_id, "at": at}) == 1
