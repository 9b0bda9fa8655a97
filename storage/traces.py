"""What happened in each call, step by step."""

import json
from collections.abc import Iterable
from typing import Any, Final

from storage.codec import to_json
from storage.queries import Queries
from storage.records import TracePart, TraceStep

MOST_WEBHOOKS: Final = 1_000  # POSTs told of one call; the rest stand in the delivery log

# Of a leg's messages they are the same nearly always: written down when they change, and filled in when read.
_REPEATED: Final = ("call_id", "peer")


class Traces:
    """Rows that are only added, read together, and forgotten by age."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, parts: Iterable[TracePart]) -> None:
        """Write steps down; a part that is there already is left as it is."""
        for part in parts:
            steps = [(step.at, step.kind, step.leg, step.name, step.details) for step in part.steps]
            self._queries.run("traces.add", (part.call_id, part.part, part.org_id, part.written_at, to_json(steps)))

    def of_call(self, call_id: str, org_id: str | None = None) -> list[TraceStep]:
        """The steps of a call in the order they happened, of an organisation's call alone where one is given."""
        steps: list[TraceStep] = []
        last: dict[tuple[str | None, str], object] = {}
        for owner, text in self._queries.all("traces.of_call", (call_id,)):
            if org_id is None or owner == org_id:
                steps += (_step(value, last) for value in json.loads(text))
        return steps

    def webhooks_of_call(self, call_id: str) -> list[TraceStep]:
        """The POSTs made for a call, the first `MOST_WEBHOOKS` of them, as steps."""
        return [
            TraceStep(
                at=row[0],
                kind="webhook",
                leg=None,
                name=row[1],
                details={
                    "webhook_id": row[2],
                    "attempt": row[3],
                    "delivered": bool(row[4]),
                    "http_status": row[5],
                    "error": row[6],
                    "duration_ms": row[7],
                },
            )
            for row in self._queries.all("traces.webhooks", (call_id, MOST_WEBHOOKS))
        ]

    def forget(self, before: int, limit: int) -> int:
        """Drop what was written before a time (Unix ms), the oldest `limit` rows at most; how many went."""
        return self._queries.run("traces.forget", (before, limit))


def _step(value: list[Any], last: dict[tuple[str | None, str], object]) -> TraceStep:
    at, kind, leg, name, details = value
    if kind == "sip":
        for key in _REPEATED:
            if key in details:
                last[leg, key] = details[key]
            elif (leg, key) in last:
                details[key] = last[leg, key]
    return TraceStep(at, kind, leg, name, details)
