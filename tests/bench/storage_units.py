"""CPU of the store's units of work inside group commits, on a database file with durable commits.

`python -m tests.bench.storage_units` prints the figures; `measure()` gives them as a dictionary.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from storage.records import CallFilter, CallRecord, Delivery, DeliveryOutcome, WebhookEvent
from storage.store import Store
from storage.units import Reader, UnitOfWork
from tests.support.stored import NUMBER, ORG, a_call, an_endpoint, an_event, an_organisation, completed

READS = 500
STEPS = (WebhookEvent.RINGING, WebhookEvent.ANSWERED, WebhookEvent.BRIDGED)


def admit(call: CallRecord) -> Callable[[UnitOfWork], None]:
    def work(unit: UnitOfWork) -> None:
        unit.numbers.choose(ORG, call.party_a, call.party_b, [("trunk", NUMBER)], 5)
        unit.ledger.reserve(f"reserve:{call.call_id}", ORG, call.call_id, 150, 6)
        unit.calls.save(call)
        unit.outbox.add(an_event(call))

    return work


def step(call: CallRecord, sequence: int) -> Callable[[UnitOfWork], None]:
    def work(unit: UnitOfWork) -> None:
        unit.calls.save(call)
        unit.outbox.add(an_event(call, sequence, STEPS[sequence - 2]))

    return work


def settle(call: CallRecord) -> Callable[[UnitOfWork], None]:
    def work(unit: UnitOfWork) -> None:
        unit.ledger.capture(f"capture:{call.call_id}", call.call_id, 300, 7)
        cdr = completed(call)
        unit.cdrs.add(cdr)
        unit.outbox.add(an_event(cdr, 5, WebhookEvent.COMPLETED))

    return work


def finish(delivery: Delivery) -> Callable[[UnitOfWork], bool]:
    outcome = DeliveryOutcome(delivery.delivery_id, delivery.attempt, 10**6, True, None, 200)
    return lambda unit: unit.outbox.finish(outcome)


def ask(call: CallRecord) -> Callable[[Reader], CallRecord | None]:
    return lambda reader: reader.call(ORG, call.call_id)


def beat(at: int) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.calls.heartbeat(at)


async def cpu_us(works: Iterable[Awaitable[Any]], count: int) -> float:
    """CPU microseconds of the whole process for each of `count` works done together."""
    started = time.process_time()
    await asyncio.gather(*works)
    return (time.process_time() - started) / count * 1e6


async def deliver(store: Store, count: int) -> float:
    """CPU microseconds for claiming one delivery and settling it."""
    started = time.process_time()
    for _ in range(-(-count // 64)):
        claimed = await store.run(lambda unit: unit.outbox.claim_due(10**6, 64, per_endpoint=64))
        await asyncio.gather(*(store.run(finish(delivery)) for delivery in claimed))
    return (time.process_time() - started) / count * 1e6


async def measure_file(url: str, calls: int) -> dict[str, float]:
    """The figures for `calls` calls in one database."""
    store = await Store.open(url)
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation()))
    await store.run(lambda unit: unit.accounts.add_endpoint(an_endpoint()))
    await store.run(lambda unit: unit.ledger.credit("credit", ORG, 10**9, None, 1))
    records = [a_call(f"{number:08x}-0000-4000-8000-{number * 7919:012x}") for number in range(calls)]
    figures = {"admit_us": await cpu_us((store.run(admit(call)) for call in records), calls)}
    for sequence in (2, 3, 4):
        works = (store.run(step(call, sequence)) for call in records)
        figures["save_event_fan_out_us"] = await cpu_us(works, calls)
    figures["settle_us"] = await cpu_us((store.run(settle(call)) for call in records), calls)
    figures["deliver_us"] = await deliver(store, 5 * calls)
    figures["alone_us"] = await alone(store, 100)
    figures["page_us"] = await cpu_us(
        (store.read(lambda reader: reader.calls(ORG, CallFilter(), 1, 20)) for _ in range(50)), 50
    )
    asked = records[:READS]
    figures["call_us"] = await cpu_us((store.read(ask(call)) for call in asked), len(asked))
    batches = store.counters()
    figures["units_per_commit"] = batches["units_run"] / batches["units_batches"]
    await store.close()
    return figures


async def alone(store: Store, count: int) -> float:
    """CPU microseconds of a small unit that has its commit to itself, the crossing to the thread included."""
    started = time.process_time()
    for at in range(count):
        await store.run(beat(at))
    return (time.process_time() - started) / count * 1e6


def measure(calls: int = 1_000) -> dict[str, float]:
    """CPU microseconds by kind of unit, on a new database in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure_file(f"sqlite:///{folder}/bench.db", calls))


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:24}{figure:10.1f}")
