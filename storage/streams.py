"""Where organisations have the audio of their calls streamed to."""

from dataclasses import dataclass, field
from enum import StrEnum

from storage.queries import Queries


class Tracks(StrEnum):
    """Whose audio is streamed."""

    A = "a"
    B = "b"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class StreamEndpoint:
    """A WebSocket server of an organisation's own. `rate_hz` is 8000 or 16000; `every_call`: all its calls go there,
    not only those that say so."""

    endpoint_id: str
    org_id: str
    url: str
    secret: str = field(repr=False)
    rate_hz: int
    tracks: Tracks
    every_call: bool
    created_at: int


class StreamEndpoints:
    """The places that calls may be streamed to."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, endpoint: StreamEndpoint) -> None:
        """Add a place. IllegalState: no such organisation, or the id is taken."""
        self._queries.run(
            "streams.add",
            (
                endpoint.endpoint_id,
                endpoint.org_id,
                endpoint.url,
                endpoint.secret,
                endpoint.rate_hz,
                endpoint.tracks.value,
                int(endpoint.every_call),
                endpoint.created_at,
            ),
        )

    def of(self, org_id: str) -> list[StreamEndpoint]:
        """An organisation's places, oldest first."""
        return [
            StreamEndpoint(row[0], row[1], row[2], row[3], row[4], Tracks(row[5]), bool(row[6]), row[7])
            for row in self._queries.all("streams.of_organisation", (org_id,))
        ]

    def remove(self, org_id: str, endpoint_id: str) -> bool:
        """Remove a place; whether there was one."""
        return self._queries.run("streams.remove", (org_id, endpoint_id)) == 1

    def organisations(self) -> frozenset[str]:
        """Those that have a place for every call."""
        return frozenset(row[0] for row in self._queries.all("streams.organisations"))
