"""Whatever fails and in whatever order: nothing lost, nothing twice under way, every call told in order."""

import sqlite3
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.queries import Queries, load_statements
from storage.records import Delivery, DeliveryOutcome
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, a_call, an_endpoint, an_event, an_organisation

LEASE_MS = 50
CAP = 3

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(0, 2)),
        st.tuples(st.just("claim"), st.integers(0, 6)),
        st.tuples(st.just("succeed"), st.integers(0, 9)),
        st.tuples(st.just("retry"), st.integers(0, 9)),
        st.tuples(st.just("give up"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 80)),
        st.tuples(st.just("replay"), st.integers(0, 9)),
    ),
    max_size=40,
)


class World:
    """Two endpoints, three calls, a dispatcher that may do anything."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.outbox = UnitOfWork(Queries(connection, load_statements())).outbox
        self.now = 0
        self.told: dict[int, int] = defaultdict(int)
        self.claimed: list[Delivery] = []

    def tell(self, call: int) -> None:
        self.told[call] += 1
        self.outbox.add(an_event(a_call(f"c{call}"), self.told[call], at=self.now))

    def claim(self, limit: int) -> None:
        due = self.outbox.claim_due(self.now, limit, lease_ms=LEASE_MS, per_endpoint=CAP)
        assert len(due) <= limit
        for delivery in due:
            assert self.lowest_not_ended(delivery) == delivery.event.sequence
        self.claimed += due

    def lowest_not_ended(self, delivery: Delivery) -> int:
        row = self.connection.execute(
            "SELECT min(sequence) FROM deliveries WHERE webhook_id = ? AND call_id = ? "
            "AND state NOT IN ('delivered', 'dead')",
            (delivery.endpoint.webhook_id, delivery.event.call_id),
        ).fetchone()
        return int(row[0])

    def finish(self, pick: int, delivered: bool, again_after: int | None) -> None:
        if self.claimed:
            delivery = self.claimed.pop(pick % len(self.claimed))
            again_at = None if again_after is None else self.now + again_after
            self.outbox.finish(DeliveryOutcome(delivery.delivery_id, delivery.attempt, self.now, delivered, again_at))

    def replay(self, pick: int) -> None:
        ids = [row[0] for row in self.connection.execute("SELECT delivery_id FROM deliveries")]
        if ids:
            self.outbox.replay(ids[pick % len(ids)], self.now)

    def step(self, kind: str, number: int) -> None:
        if kind == "tell":
            self.tell(number)
        elif kind == "claim":
            self.claim(number)
        elif kind == "wait":
            self.now += number
        elif kind == "replay":
            self.replay(number)
        else:
            self.finish(number, kind == "succeed", 30 if kind == "retry" else None)

    def check(self) -> None:
        leased = self.connection.execute(
            "SELECT webhook_id, count(*) FROM deliveries WHERE state = 'leased' GROUP BY webhook_id"
        ).fetchall()
        assert all(count <= CAP for _, count in leased)
        stuck = self.connection.execute(
            "SELECT 1 FROM deliveries w WHERE state = 'waiting' AND NOT EXISTS (SELECT 1 FROM deliveries d "
            "WHERE d.webhook_id = w.webhook_id AND d.call_id = w.call_id AND d.state IN ('ready', 'leased'))"
        ).fetchall()
        assert stuck == []

    def drain(self) -> None:
        """Deliver everything, waking only when the outbox says so."""
        self.now += LEASE_MS
        rounds = 0
        while (due_at := self.outbox.next_due_at(per_endpoint=CAP)) is not None:
            self.now = max(self.now, due_at)
            for delivery in self.outbox.claim_due(self.now, 100, lease_ms=LEASE_MS, per_endpoint=CAP):
                self.outbox.finish(DeliveryOutcome(delivery.delivery_id, delivery.attempt, self.now, True, None))
            rounds += 1
            assert rounds < 1_000


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_every_event_is_told_in_order_whatever_fails(steps: list[tuple[str, int]]) -> None:
    with bare_database() as connection:
        world = World(connection)
        accounts = UnitOfWork(Queries(connection, load_statements())).accounts
        accounts.create_organisation(an_organisation())
        for webhook_id in ("hook-1", "hook-2"):
            accounts.add_endpoint(an_endpoint(webhook_id, org_id=ORG))
        for kind, number in steps:
            world.step(kind, number)
            world.check()
        world.drain()
        assert world.outbox.backlog() == 0
        fanned = connection.execute("SELECT count(DISTINCT event_seq || ' ' || webhook_id) FROM deliveries").fetchone()
        assert fanned[0] == 2 * sum(world.told.values())
