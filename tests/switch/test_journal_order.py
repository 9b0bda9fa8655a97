"""The journal: in order, in waves, again until it is written."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from b2bua.switch import journal as journal_module
from b2bua.switch.journal import Journal
from storage.errors import StoreUnavailable
from storage.store import Store
from tests.support.stored import ORG, an_organisation


class FlakyStore:
    """A store of lists: refuses the first `failures` units, then carries out each as a list of what it appended."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.written: list[str] = []
        self.units = 0

    async def run(self, work: Callable[[Any], object]) -> object:
        self.units += 1
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("disk full")
        before = list(self.written)
        try:
            return work(self.written)
        except BaseException:
            self.written[:] = before
            raise


def journal_on(store: FlakyStore, on_committed: Callable[[], None] = lambda: None) -> Journal:
    return Journal(cast(Store, store), on_committed)


def entry(name: str) -> Callable[[Any], object]:
    return lambda written: written.append(name)


def broken(_written: Any) -> object:
    raise ValueError("a constraint refused it")


async def test_entries_are_written_in_order_and_share_units() -> None:
    store, commits = FlakyStore(), []
    journal = journal_on(store, lambda: commits.append(1))
    for i in range(600):
        journal.add(entry(str(i)))
    journal.start()
    await journal.close()
    assert store.written == [str(i) for i in range(600)]
    assert store.units == 3  # 256 + 256 + 88
    assert len(commits) == 3


async def test_what_cannot_be_written_is_tried_again_and_stays_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_FIRST_S", 0.0)
    store, told = FlakyStore(failures=3), []
    journal = journal_on(store)
    journal.start()
    journal.add(entry("first"), lambda _: told.append("first"))
    await asyncio.sleep(0)
    journal.add(entry("second"), lambda _: told.append("second"))
    await journal.close()
    assert store.written == ["first", "second"]
    assert told == ["first", "second"]
    assert journal.retries == 3
    assert journal.backlog == 0


async def test_a_faulty_entry_is_given_up_alone(caplog: pytest.LogCaptureFixture) -> None:
    store = FlakyStore()
    journal = journal_on(store)
    results: list[object] = []
    journal.add(entry("before"))
    journal.add(broken, results.append)
    journal.add(entry("after"))
    with caplog.at_level(logging.ERROR):
        journal.start()
        await journal.close()
    assert store.written == ["before", "after"]
    assert isinstance(results[0], ValueError)
    assert journal.failed == 1
    assert "given up" in caplog.text


async def test_a_long_backlog_refuses_new_calls() -> None:
    journal = journal_on(FlakyStore())
    for i in range(journal_module.BACKLOG_TO_REFUSE_CALLS - 1):
        journal.add(entry(str(i)))
    assert not journal.overloaded
    journal.add(entry("one more"))
    assert journal.overloaded


async def test_a_real_store_that_is_full_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_FIRST_S", 0.0)
    store = await Store.open("sqlite://")
    journal = Journal(store, lambda: None)
    refusals = 2

    def work(unit: Any) -> None:
        nonlocal refusals
        unit.accounts.create_organisation(an_organisation())
        if refusals:
            refusals -= 1
            raise StoreUnavailable("disk full")

    journal.start()
    journal.add(work)
    await journal.close()
    assert (await store.read(lambda reader: reader.organisation(ORG))).org_id == ORG
    await store.close()


async def test_a_callback_that_fails_stops_neither_the_others_nor_the_journal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, told = FlakyStore(), []

    def fail(_result: object) -> None:
        raise RuntimeError("whoever asked is in trouble")

    journal = journal_on(store)
    journal.start()
    journal.add(entry("first"), fail)
    journal.add(entry("second"), lambda _: told.append("second"))
    with caplog.at_level(logging.ERROR):
        for _ in range(200):
            if journal.backlog:
                await asyncio.sleep(0.001)
        journal.add(entry("third"), lambda _: told.append("third"))
        await journal.close()
    assert store.written == ["first", "second", "third"]
    assert told == ["second", "third"]
    assert "in trouble" in caplog.text


async def test_a_journal_that_has_stopped_says_so_and_lets_no_call_in(caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> None:
        raise ZeroDivisionError("a defect")

    journal = journal_on(FlakyStore(), breaks)
    broken_before = journal.broken
    assert not broken_before
    journal.start()
    journal.add(entry("first"))
    with caplog.at_level(logging.CRITICAL):
        for _ in range(200):
            if journal.broken:
                break
            await asyncio.sleep(0.001)
    assert journal.broken
    assert journal.overloaded
    assert "no fact is written any more" in caplog.text
    await journal.close()


async def test_a_store_that_refuses_for_long_is_told_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal_module, "RETRY_FIRST_S", 0.0)
    store = FlakyStore(failures=100)
    journal = journal_on(store)
    journal.start()
    journal.add(entry("first"))
    await journal.close()
    told = [record.levelno for record in caplog.records]
    assert told == [logging.ERROR] * 7 + [logging.WARNING]
    assert "after 100 tries" in caplog.messages[-1]
    assert (store.written, journal.retries) == (["first"], 100)
