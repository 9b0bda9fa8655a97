"""After a crash: calls left open are settled, their recordings finished, each reported exactly once."""

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


async def recover(
    store: Store, settlement: Settlement, recordings: Recordings, orphans: list[RecoveredRecording]
) -> int:
    """Settle what the last run left open and hand its recordings on; returns the number of calls settled."""

    def left_open(reader: Reader) -> tuple[list[tuple[CallRecord, int]], int | None]:
        return [(call, reader.reserved(call.call_id)) for call in reader.live_calls()], reader.last_heartbeat()

    live, heartbeat = await store.read(left_open)
    found = {orphan.call_id for orphan in orphans}
    for record, reserved_paise in live:
        kept = record if record.call_id in found else _without_lost_recording(record, settlement)
        finished = finish_interrupted(kept, heartbeat or record.created_at, None if record.test else reserved_paise)
        settlement.settle(finished, terminal_event(finished))
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
    if live:
        LOG.warning("%d calls were open when the last run ended; they are settled as system_restart", len(live))
    return len(live)


def _without_lost_recording(record: CallRecord, settlement: Settlement) -> CallRecord:
    """The call names no recording of which there is nothing: the disk had refused it, and the store that fact."""
    if record.recording_path is None or settlement.has_recording_at(record.recording_path):
        return record
    return changed(record, recording_path=None)


def _any_call(call_id: str, reader: Reader) -> CallRecord | None:
    return reader.any_call(call_id)
