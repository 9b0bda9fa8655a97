"""Live calls, the process's sign of life, and CDRs."""

from storage.codec import call_of, call_row
from storage.queries import Queries
from storage.records import CallRecord


class Calls:
    """The rows of calls that live."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def save(self, record: CallRecord) -> None:
        """Write a live call, or what has changed of it (its parties, owner and terms never do).

        IllegalState: the status is a terminal one (that is a CDR), or the call has its CDR already.
        """
        self._queries.run("calls.save", call_row(record))

    def get(self, call_id: str) -> CallRecord | None:
        """A live call."""
        row = self._queries.one("calls.live_call", (call_id,))
        return None if row is None else call_of(row)

    def live(self, org_id: str | None = None) -> list[CallRecord]:
        """Every live call, or an organisation's, oldest first."""
        if org_id is None:
            rows = self._queries.all("calls.live_calls")
        else:
            rows = self._queries.all("calls.live_calls_of", (org_id,))
        return [call_of(row) for row in rows]

    def count_live(self, org_id: str | None = None) -> int:
        """How many calls live, in all or of an organisation."""
        if org_id is None:
            return self._queries.number("calls.count_live")
        return self._queries.number("calls.count_live_of", (org_id,))

    def heartbeat(self, at: int) -> None:
        """Note that the process lives."""
        self._queries.run("calls.beat", (at,))

    def last_heartbeat(self) -> int | None:
        """When a process last said that it lives; None for a new database."""
        row = self._queries.one("calls.last_beat")
        return None if row is None else int(row[0])


class Cdrs:
    """The records of finished calls: written once, never changed."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, record: CallRecord) -> bool:
        """Write a CDR and take the live row away; False when the call has one already, which stays as it is.

        IllegalState: the status is not terminal, or a completed call lacks its bridge, times or price.
        """
        return self._queries.run("calls.add_cdr", call_row(record)) == 1

    def newest(self, limit: int) -> list[CallRecord]:
        """The calls of all organisations that ended last, newest first."""
        return [call_of(row) for row in self._queries.all("calls.newest_cdrs", (max(0, limit),))]

    def get(self, call_id: str) -> CallRecord | None:
        """A finished call."""
        row = self._queries.one("calls.cdr", (call_id,))
        return None if row is None else call_of(row)
