"""How the running server last saw each trunk."""

from collections.abc import Iterable

from storage.queries import Queries
from storage.records import TrunkSighting


class TrunkSightings:
    """One row a trunk, replaced at each sighting."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def see(self, sightings: Iterable[TrunkSighting], at: int) -> None:
        """Note all trunks as they are at `at`; one that is not among them is configured no more and is dropped."""
        for seen in sightings:
            self._queries.run(
                "trunks.see",
                (
                    seen.name,
                    int(seen.up),
                    seen.reason,
                    seen.live_calls,
                    seen.round_trip_ms,
                    seen.last_options_at,
                    seen.last_options_status,
                    at,
                    seen.destinations,
                    seen.open_destinations,
                    seen.waiting,
                    seen.placed,
                    seen.failed,
                ),
            )
        self._queries.run("trunks.forget", (at,))

    def forget(self) -> None:
        """Nobody sees them any more: the server ends."""
        self._queries.run("trunks.forget_all", ())

    def seen(self) -> list[TrunkSighting]:
        """Every trunk as it was last seen."""
        return [TrunkSighting(row[0], bool(row[1]), *row[2:]) for row in self._queries.all("trunks.seen")]
