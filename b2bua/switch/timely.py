"""Units of work that somebody waits for: begun in time, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from b2bua.alarm import Alarm, Scheduler
from storage.errors import StoreUnavailable
from storage.store import Store
from storage.units import UnitOfWork

ADMISSION_S: Final = 5.0
"""A call that the database has not come to by then is refused."""
_TOO_LATE: Final = "it was busy for too long"

T = TypeVar("T")


async def run_in_time(store: Store, work: Callable[[UnitOfWork], T], scheduler: Scheduler) -> T:
    """`Store.run`; StoreUnavailable as soon as `ADMISSION_S` are over where the work is not begun by then, which it
    never is after that: whoever asked for the call has given up, or asked again, and no phone is to ring for it.
    Nor is it begun where the wait for it was cancelled: nobody would ever end what it writes down."""
    due = scheduler.time() + ADMISSION_S
    turn = [True]  # whoever takes it, decides: the database's thread, which begins, or the alarm, which gives up

    def begin(unit: UnitOfWork) -> T:
        if scheduler.time() > due or not _taken(turn):
            raise StoreUnavailable(_TOO_LATE)
        return work(unit)

    def give_up() -> None:
        if _taken(turn):
            patience.reschedule(0.0)

    alarm = Alarm(scheduler, give_up)
    try:
        async with asyncio.timeout(None) as patience:
            alarm.set(due)
            return await store.run(begin)
    except TimeoutError as error:
        raise StoreUnavailable(_TOO_LATE) from error
    finally:
        alarm.clear()
        _taken(turn)


@asynccontextmanager
async def given_up_at(scheduler: Scheduler, due: float) -> AsyncIterator[None]:
    """Whatever is awaited within is cancelled at `due`, and it is StoreUnavailable then."""
    try:
        async with asyncio.timeout(None) as limit:
            alarm = Alarm(scheduler, lambda: limit.reschedule(0.0))
            alarm.set(due)
            try:
                yield
            finally:
                alarm.clear()
    except TimeoutError as error:
        raise StoreUnavailable(_TOO_LATE) from error


async def run_or_leave(
    store: Store,
    work: Callable[[UnitOfWork], T],
    scheduler: Scheduler,
    due: float,
    left: Callable[[asyncio.Task[T]], None],
) -> T:
    """`Store.run` for somebody who gives up at `due`, which is to cancel it.

    What has not begun by then never does: StoreUnavailable. What has begun may be written all the same, however much
    later: `left` gets its task.
    """
    turn = [True]  # whoever takes it, decides: the database's thread, which begins, or the one who gives up

    def begin(unit: UnitOfWork) -> T:
        if scheduler.time() > due or not _taken(turn):
            raise StoreUnavailable(_TOO_LATE)
        return work(unit)

    running = asyncio.get_running_loop().create_task(store.run(begin))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if _taken(turn):
            running.cancel()
        else:
            left(running)
        raise


def _taken(turn: list[bool]) -> bool:
    """Take the turn, on any thread; False where it has been taken."""
    try:
        return turn.pop()
    except IndexError:
        return False
