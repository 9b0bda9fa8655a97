"""The audit log: every change, who made it and when. It is only ever added to."""

import json
from typing import Final

from storage.codec import to_json
from storage.person_records import Actor, ActorKind, AuditEntry, AuditWish
from storage.queries import Queries, Row

ALL: Final = AuditWish()


def entry_of(row: Row) -> AuditEntry:
    """The entry of an `audit.of_all` row."""
    actor = Actor(ActorKind(row[1]), row[2], row[3], row[4])
    return AuditEntry(row[0], actor, row[5], row[6], row[7], json.loads(row[8]), row[9])


class Audit:
    """What was changed, by whom."""

    __slots__ = ("_queries",)

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def add(self, entry: AuditEntry) -> int:
        """Write a change down, in the unit of work that makes it: its number. IllegalState: no such organisation."""
        actor = entry.actor
        return self._queries.insert(
            "audit.add",
            (
                entry.at,
                actor.kind,
                actor.actor_id,
                actor.name,
                entry.org_id,
                entry.action,
                entry.object_id,
                to_json(dict(entry.change)),
                actor.address,
            ),
        )

    def page(self, org_id: str | None, page: int, per_page: int, wish: AuditWish = ALL) -> tuple[list[AuditEntry], int]:
        """A page (from 1) of an organisation's changes, of all with None, newest first; and how many there are."""
        asked = {"since": wish.since, "until": wish.until, "action": wish.action, "actor": wish.actor}
        part = {"limit": per_page, "offset": (page - 1) * per_page}
        if org_id is None:
            rows = self._queries.all("audit.of_all", asked | part)
            return [entry_of(row) for row in rows], self._queries.number("audit.count_of_all", asked)
        of_one = asked | {"org_id": org_id}
        rows = self._queries.all("audit.of_organisation", of_one | part)
        return [entry_of(row) for row in rows], self._queries.number("audit.count_of_organisation", of_one)
