"""Whatever is asked of the ledger, in whatever order, by how many at once: balance = sum, and none is overdrawn."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.errors import BalanceTooLow, TransferConflict, UnknownRecord
from storage.migrate import load_migrations, migrate
from storage.queries import Queries, load_statements
from storage.sqlite import Savepoint
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, an_organisation

CALLS = st.sampled_from(["c1", "c2", "c3", "c4"])
PAISE = st.integers(0, 400)


class LedgerAgainstModel(RuleBasedStateMachine):
    """A dictionary of reservations is the whole truth; every refusal must be one the model foresees."""

    @initialize(paise=st.integers(1, 1_000))
    def fund(self, paise: int) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.connection, load_migrations())
        self.unit = UnitOfWork(Queries(self.connection, load_statements()))
        self.unit.accounts.create_organisation(an_organisation())
        self.unit.ledger.credit("t0", ORG, paise, None, 1)
        self.balance = paise
        self.open: dict[str, int] = {}
        self.released: set[str] = set()
        self.transfers = 0

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()

    @property
    def available(self) -> int:
        return self.balance - sum(self.open.values())

    def attempt(self, work: Callable[[str], object]) -> object:
        self.transfers += 1
        with Savepoint(self.connection) as savepoint:
            return work(f"t{self.transfers}")
        return savepoint.error

    @rule(paise=st.integers(1, 500))
    def credit(self, paise: int) -> None:
        self.attempt(lambda name: self.unit.ledger.credit(name, ORG, paise, None, 1))
        self.balance += paise

    @rule(call=CALLS, paise=PAISE)
    def reserve(self, call: str, paise: int) -> None:
        outcome = self.attempt(lambda name: self.unit.ledger.reserve(name, ORG, call, paise, 1))
        if call in self.open or call in self.released:
            assert isinstance(outcome, TransferConflict)
        elif paise > self.available:
            assert isinstance(outcome, BalanceTooLow)
        else:
            assert outcome is True
            self.open[call] = paise

    @rule(call=CALLS, paise=PAISE)
    def extend(self, call: str, paise: int) -> None:
        outcome = self.attempt(lambda name: self.unit.ledger.extend(name, ORG, call, paise, 1))
        if self.is_refused(call, outcome):
            return
        if paise > self.available:
            assert isinstance(outcome, BalanceTooLow)
        else:
            assert outcome is True
            self.open[call] += paise

    @rule(call=CALLS, paise=st.integers(0, 2_000))
    def capture(self, call: str, paise: int) -> None:
        outcome = self.attempt(lambda name: self.unit.ledger.capture(name, call, paise, 1))
        if not self.is_refused(call, outcome):
            assert outcome == min(paise, self.open[call] + self.available)
            self.balance -= min(paise, self.open[call] + self.available)
            self.release(call)

    @rule(call=CALLS)
    def void(self, call: str) -> None:
        outcome = self.attempt(lambda name: self.unit.ledger.void(name, call, 1))
        if not self.is_refused(call, outcome):
            assert outcome is True
            self.release(call)

    @precondition(lambda self: self.transfers > 0)
    @rule(paise=st.integers(10_000, 20_000), pick=st.integers(0, 10**6))
    def say_otherwise_under_an_old_id(self, paise: int, pick: int) -> None:
        done = [row[0] for row in self.connection.execute("SELECT transfer_id FROM transfers ORDER BY 1")]
        with Savepoint(self.connection) as savepoint:
            self.unit.ledger.credit(done[pick % len(done)], ORG, paise, "other", 1)
        assert isinstance(savepoint.error, TransferConflict)

    def is_refused(self, call: str, outcome: object) -> bool:
        if call in self.released:
            assert isinstance(outcome, TransferConflict)
            return True
        if call not in self.open:
            assert isinstance(outcome, UnknownRecord)
            return True
        return False

    def release(self, call: str) -> None:
        del self.open[call]
        self.released.add(call)

    @invariant()
    def wallet_is_the_models(self) -> None:
        if not hasattr(self, "unit"):
            return
        wallet = self.unit.ledger.wallet(ORG)
        assert (wallet.balance_paise, wallet.reserved_paise) == (self.balance, sum(self.open.values()))
        assert wallet.available_paise >= 0
        assert self.unit.ledger.verify() == []


TestLedgerAgainstModel = LedgerAgainstModel.TestCase
TestLedgerAgainstModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(balance=st.integers(1, 2_000), asks=st.lists(st.integers(1, 400), min_size=2, max_size=30))
def test_concurrent_calls_never_overdraw(balance: int, asks: list[int]) -> None:
    async def race() -> None:
        store = await Store.open("sqlite://")
        await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
        await store.run(lambda unit: unit.ledger.credit("t", ORG, balance, None, 1))

        async def call(number: int, paise: int) -> int:
            call_id = f"call-{number}"
            with contextlib.suppress(BalanceTooLow):
                await store.run(lambda unit: unit.ledger.reserve(f"r{number}", ORG, call_id, paise, 1))
                await store.run(lambda unit: unit.ledger.extend(f"e{number}", ORG, call_id, paise, 1))
            if await store.run(lambda unit: unit.ledger.reserved(call_id)) == 0:
                return 0
            return await store.run(lambda unit: unit.ledger.capture(f"c{number}", call_id, 2 * paise, 1))

        taken = await asyncio.gather(*(call(number, paise) for number, paise in enumerate(asks)))
        wallet = await store.read(lambda reader: reader.wallet(ORG))
        assert (wallet.balance_paise, wallet.reserved_paise) == (balance - sum(taken), 0)
        assert wallet.available_paise >= 0
        assert await store.read(lambda reader: reader.verify_ledger()) == []
        await store.close()

    asyncio.run(race())
