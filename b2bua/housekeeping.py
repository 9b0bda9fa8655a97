"""What a running process does now and then: note how its trunks are, forget what nobody asks for any more."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

from b2bua.call.model import TrunkState
from b2bua.clock import Clock
from b2bua.switch.admission import IDEMPOTENCY_MS
from b2bua.switch.journal import Journal
from b2bua.switch.prompt_shelf import PromptShelf
from b2bua.switch.switch import Switch
from b2bua.switch.tracing import Tracing
from media.engine import MediaEngine
from storage.errors import StorageError
from storage.records import TrunkSighting
from storage.units import UnitOfWork

SIGHTING_INTERVAL_S: Final = 2.0  # how often the trunks' states are written down for `maskbridge trunks`
HOUSEKEEPING_S: Final = 3600.0
REPLIES_AT_ONCE: Final = 1_000  # rows of one unit of work, for which the calls' own wait
# How often a few port pairs are opened ahead: half a millisecond each time, and nothing where enough are open.
OPEN_AHEAD_S: Final = 0.2
PAIRS_AHEAD_AT_ONCE: Final = 16
SESSIONS_KEPT_MS: Final = 30 * 86_400_000


async def keep_seen(clock: Clock, switch: Switch, journal: Journal) -> None:
    """Write the trunks' states down when they have changed, and at least every half minute; at the end, that there is
    nobody any more who sees them."""
    written: tuple[object, ...] = ()
    try:
        while True:
            at = clock.wall_ms()
            states = switch.trunk_states()
            now = (at // 30_000, *states)
            if now != written:
                journal.add(partial(_see, [_sighting_of(state, at) for state in states], at))
                written = now
            await asyncio.sleep(SIGHTING_INTERVAL_S)
    finally:
        journal.add(_see_no_more)


def _sighting_of(state: TrunkState, at: int) -> TrunkSighting:
    return TrunkSighting(
        name=state.name,
        up=state.up,
        reason=state.reason,
        live_calls=state.live_calls,
        round_trip_ms=state.round_trip_ms,
        last_options_at=state.last_options_at,
        last_options_status=state.last_options_status,
        seen_at=at,
        destinations=state.destinations,
        open_destinations=state.open_destinations,
        waiting=state.waiting,
        placed=state.placed,
        failed=sum(count for _cause, count in state.failures),
    )


def _see(sightings: list[TrunkSighting], at: int, unit: UnitOfWork) -> None:
    unit.trunks.see(sightings, at)


def _see_no_more(unit: UnitOfWork) -> None:
    unit.trunks.forget()


async def keep_pairs_open(media: MediaEngine) -> None:
    """Open the port pairs of legs to come between calls rather than while one is set up."""
    while True:
        media.open_ahead(PAIRS_AHEAD_AT_ONCE)
        await asyncio.sleep(OPEN_AHEAD_S)


async def keep_house(clock: Clock, journal: Journal, tracing: Tracing) -> None:
    """Forget what is old: replies that no Idempotency-Key can ask for, ended sessions and invitations, and traces."""
    while True:
        now_ms = clock.wall_ms()
        journal.add(partial(_forget_sign_ins, now_ms - SESSIONS_KEPT_MS))
        _forget_replies(journal, now_ms - IDEMPOTENCY_MS)
        tracing.forget_old()
        await asyncio.sleep(HOUSEKEEPING_S)


async def keep_prompts_tidy(shelf: PromptShelf) -> None:
    """Delete the files of prompts that are nobody's any more."""
    while True:
        with suppress(StorageError, OSError):  # next time, then
            await shelf.tidy()
        await asyncio.sleep(HOUSEKEEPING_S)


def _forget_replies(journal: Journal, before: int) -> None:
    """All of them, bit by bit: a busy service gives more of them in an hour than go at once."""

    def again(gone: object) -> None:
        if gone == REPLIES_AT_ONCE:
            _forget_replies(journal, before)

    journal.add(partial(_expire, before), again)


def _expire(before: int, unit: UnitOfWork) -> int:
    return unit.idempotency.expire(before, REPLIES_AT_ONCE)


def _forget_sign_ins(before: int, unit: UnitOfWork) -> int:
    return unit.sessions.forget(before) + unit.agents.forget_tokens(before)
