"""Masked numbers: which pair of parties stands behind which, and how busy each is."""

from collections.abc import Sequence

from storage.codec import to_json
from storage.errors import UnknownRecord
from storage.queries import Queries
from storage.records import MaskingSession, NumberUse


class Numbers:
    """Masking sessions and the choice of a number. One number may serve many live calls."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def choose(
        self, org_id: str, party_a: str, party_b: str, candidates: Sequence[tuple[str, str]], at: int
    ) -> tuple[str, str]:
        """The (trunk, number) for a call between two parties, kept as their masking session.

        A pair, in either order, keeps its number while a candidate has it, by the first trunk that does:
        candidates come in the order of preference. Otherwise the number with the fewest live calls, then the
        fewest pairs, then the first declared. UnknownRecord: there is no candidate.
        """
        if not candidates:
            raise UnknownRecord("no masked number to choose from")
        party_low, party_high = sorted((party_a, party_b))
        kept = self._queries.one("numbers.pair", (org_id, party_low, party_high))
        chosen = None if kept is None else _first_with(kept[0], candidates)
        if chosen is None:
            chosen = self._least_busy(candidates)
        trunk, number = chosen
        self._queries.run(
            "numbers.keep_pair",
            {
                "org_id": org_id,
                "party_low": party_low,
                "party_high": party_high,
                "number": number,
                "trunk": trunk,
                "at": at,
            },
        )
        return trunk, number

    def pairing_for(self, number: str, party: str, used_since: int | None = None) -> MaskingSession | None:
        """The masking session most lately used in which this party stands behind this number."""
        found = [
            MaskingSession(*row)
            for statement in ("numbers.pairings_low", "numbers.pairings_high")
            if (row := self._queries.one(statement, {"number": number, "party": party})) is not None
        ]
        newest = max(found, key=lambda pairing: pairing.last_used_at, default=None)
        if newest is None or (used_since is not None and newest.last_used_at < used_since):
            return None
        return newest

    def use(self) -> list[NumberUse]:
        """How busy every number is that was ever used."""
        return [NumberUse(*row) for row in self._queries.all("numbers.use_of_all")]

    def _least_busy(self, candidates: Sequence[tuple[str, str]]) -> tuple[str, str]:
        if len(candidates) == 1:
            return candidates[0]
        numbers = to_json([number for _, number in candidates])
        use = {row[0]: (row[1], row[2]) for row in self._queries.all("numbers.use_of", (numbers,))}
        return min(candidates, key=lambda candidate: use.get(candidate[1], (0, 0)))


def _first_with(number: str, candidates: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    return next((candidate for candidate in candidates if candidate[1] == number), None)
