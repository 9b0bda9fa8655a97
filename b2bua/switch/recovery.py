"""After a crash: calls left open are settled, their recordings finished, each reported exactly once."""

import asyncio
import logging
from functools import partial
from typing import Final

from b2bua.call.record import finish_interrupted, terminal_event
from b2bua.switch.recordings import Recordings
from b2bua.switch.settlement import Settlement
from media.recording.recovery import RecoveredRecording
from storage.records import CallRecord, changed
from storage.store import Store
from storage.units import Reader

LOG: Final = logging.getLogger(__name__)
SETTLED_S: Final = 10.0  # so long the start waits at most until all of it is written: the database may be locked


async def recover(
    store: Store, settlement: Settlement, recordings: Recordings, orphans: list[RecoveredRecording]
) -> int:
    """Settle what the last run left open and hand its recordings on; returns the number of calls settled.

    When it returns that is written, so that new calls meet no money set aside and no limit reached by those.
    """

    def left_open(reader: Reader) -> tuple[list[tuple[CallRecord, int]], int | None]:
        return [(call, reader.reserved(call.call_id)) for call in reader.live_calls()], reader.last_heartbeat()

    live, heartbeat = await store.read(left_open)
    found = {orphan.call_id for orphan in orphans}
    written: asyncio.Event | None = None
    for record, reserved_paise in live:
        kept = record if record.call_id in found else _without_lost_recording(record, settlement)
        finished = finish_interrupted(kept, heartbeat or record.created_at, None if record.test else reserved_paise)
        written = asyncio.Event()  # of the last one: they are written in their order
        settlement.settle(finished, terminal_event(finished), partial(_tell, written))
    for orphan in orphans:
        call = await store.read(partial(_any_call, orphan.call_id))
        if call is None:
            LOG.warning("recording %s belongs to no call; it stays where it is", orphan.path)
            recordings.leave(orphan.call_id)
            continue
        recordings.finished(
            call.call_id,
            call.org_id,
            orphan.path,
            orphan.duration_ms,
            orphan.gap_frames,
            orphan.sealed_key,
            orphan.facts,
        )
    if written is not None:
        await _wait(written)
        LOG.warning("%d calls were open when the last run ended; they are settled as system_restart", len(live))
    return len(live)


def _tell(written: asyncio.Event, _: CallRecord | None) -> None:
    written.set()


async def _wait(written: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(SETTLED_S):
            await written.wait()
    except TimeoutError:
        LOG.warning("the calls that were open when the last run ended are not settled yet")


def _without_lost_recording(record: CallRecord, settlement: Settlement) -> CallRecord:
    """The call names no recording of which there is nothing: the disk had refused it, and the store that fact."""
    if record.recording_path is None or settlement.has_recording_at(record.recording_path):
        return record
    return changed(record, recording_path=None)


def _any_call(call_id: str, reader: Reader) -> CallRecord | None:
    return reader.any_call(call_id)
