"""From a closed WAV to `recording.ready`: a row as soon as the WAV is whole, then the MP3, then the event.

The rows without an MP3 are the queue; memory holds only a bounded part of it, so a crash or a flood loses nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from b2bua.clock import Clock
from b2bua.switch.journal import Journal
from b2bua.switch.recordings_at_rest import seal_of
from b2bua.switch.settlement import Settlement
from media.events import RecordingFacts as MediaFacts
from media.recording.master_keys import MasterKeys
from media.recording.mp3 import Mp3Error, Mp3Pool, Mp3Tags
from media.recording.sealing import SealError
from storage.errors import StorageError
from storage.records import RecordedParty, Recording, RecordingFacts, RecordingFiles, WebhookEvent, changed
from storage.store import Store
from storage.units import Reader, UnitOfWork

LOG: Final = logging.getLogger(__name__)

QUEUE_LIMIT: Final = 1_000  # recordings remembered for export; beyond it they wait in the database
SWEEP_S: Final = 30.0  # how often the database is asked for what memory has forgotten or could not do
LONGEST_REST_S: Final = 3600.0  # a recording that cannot be exported is tried again ever more rarely, never given up

NO_FACTS: Final = MediaFacts()


@dataclass(frozen=True, slots=True)
class _Rest:
    """How long a recording rests after a failed export, and until which monotonic second."""

    rest_s: float
    until: float


class Recordings:
    """Exports finished recordings, one worker for each process of the pool."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        settlement: Settlement,
        pool: Mp3Pool,
        root: Path,
        clock: Clock,
        acknowledge: Callable[[str], None],
        leave: Callable[[str], None] | None = None,
        keys: MasterKeys | None = None,
    ) -> None:
        """`acknowledge` is told the call id of each recording that needs no finding at the next start, and `leave` that
        of one that is nobody's. `keys` open those that are sealed."""
        self.leave = leave or acknowledge
        self._acknowledge = acknowledge
        self._keys = keys
        self._store = store
        self._journal = journal
        self._settlement = settlement
        self._pool = pool
        self._root = root
        self._clock = clock
        self._queue: deque[Recording] = deque()
        self._busy: set[str] = set()
        self._resting: dict[str, _Rest] = {}
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.exported = 0
        self.failed = 0

    @property
    def queue_length(self) -> int:
        """Recordings waiting in memory or being exported."""
        return len(self._queue) + len(self._busy)

    @property
    def resting(self) -> int:
        """Recordings whose export has failed, and is to be tried again."""
        return len(self._resting)

    def is_exporting(self, call_id: str) -> bool:
        """Whether an MP3 of this call is being made, or is about to be."""
        return call_id in self._busy

    def figures(self) -> Mapping[str, float]:
        """How the MP3s come along, as /metrics names it."""
        return self._pool.figures()

    def start(self, workers: int) -> None:
        """Begin exporting, also what an earlier run left."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._export_all(), name=f"mp3 export {n}") for n in range(workers)]
        self._tasks.append(loop.create_task(self._sweep_for_ever(), name="recording sweep"))

    async def close(self) -> None:
        """Stop; what is not exported yet is found again at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def finished(
        self,
        call_id: str,
        org_id: str,
        wav_path: str,
        duration_ms: int,
        gap_frames: int,
        sealed_key: str | None = None,
        facts: MediaFacts = NO_FACTS,
    ) -> None:
        """A WAV is whole: write it down, with its key where it is sealed, and export it.

        Where the disk has ended it before the call, it is exported once the call is over.
        """
        recording = Recording(
            call_id,
            org_id,
            wav_path,
            None,
            duration_ms,
            gap_frames,
            self._clock.wall_ms(),
            sealed_key=sealed_key,
            facts=_stored(facts),
        )

        def noted(to_export: object) -> None:
            self._acknowledge(call_id)
            if to_export is True and not facts.cut_short:
                self._enqueue(recording)

        self._journal.add(partial(_note, recording), noted)

    def failed_for_good(self, call_id: str, org_id: str, wav_path: str, *, left: bool = False) -> None:
        """The disk refused a recording: its call, over already or not, names it no more. `left`: what there is of it
        is still to be deleted."""
        at = self._clock.wall_ms()
        gone = Recording(call_id, org_id, wav_path, None, 0, 0, at, purged_at=at, files_left=left)
        self._journal.add(lambda unit: unit.recordings.add(gone))

    def _enqueue(self, recording: Recording) -> None:
        if len(self._queue) < QUEUE_LIMIT and recording.call_id not in self._busy:
            self._queue.append(recording)
            self._busy.add(recording.call_id)
            self._more.set()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:  # a defect of ours: what the database has is looked up again
                LOG.exception("recordings to export could not be looked up")
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Queue what the database has and memory has not: forgotten, failed, or of a call that has ended since."""
        try:
            waiting = await self._store.read(_without_mp3)
        except StorageError as error:
            LOG.warning("recordings to export cannot be looked up: %s", error)
            return
        if len(waiting) < QUEUE_LIMIT:  # these are all: what else rests was purged, and is asked for by nobody
            left = {recording.call_id for recording in waiting}
            self._resting = {call_id: rest for call_id, rest in self._resting.items() if call_id in left}
        now = self._clock.monotonic()
        for recording in waiting:
            rest = self._resting.get(recording.call_id)
            if rest is None or rest.until <= now:
                self._enqueue(recording)

    async def _export_all(self) -> None:
        while True:
            while not self._queue:
                self._more.clear()
                await self._more.wait()
            recording = self._queue.popleft()
            try:
                await self._export(recording)
            except Exception:  # a defect of ours: the others are exported all the same, and this one is tried again
                LOG.exception("call %s: its recording could not be exported", recording.call_id)
                self._let_rest(recording)

    async def _export(self, recording: Recording) -> None:
        mp3_path = str(Path(recording.wav_path).with_suffix(".mp3"))
        tags = Mp3Tags(f"Call {recording.call_id}", recording.created_at, recording.call_id)
        try:
            seal = seal_of(recording, self._keys)
            made = await self._pool.export(self._root / recording.wav_path, self._root / mp3_path, tags, seal)
        except (Mp3Error, SealError) as error:
            if await self._is_purged(recording):
                self._resting.pop(recording.call_id, None)
                self._busy.discard(recording.call_id)
                return
            LOG.error(
                "the recording %s of call %s could not be made into MP3: %s",
                recording.wav_path,
                recording.call_id,
                error,
            )
            self._let_rest(recording)
            return
        self.exported += 1
        self._resting.pop(recording.call_id, None)
        files = RecordingFiles(made.wav_bytes, made.wav_sha256, made.mp3_bytes, made.mp3_sha256)
        peaks = bytes.fromhex(made.peaks)
        self._journal.add(
            lambda unit: self._ready(unit, recording, mp3_path, files, peaks), lambda _r: self._announced(recording)
        )

    def _let_rest(self, recording: Recording) -> None:
        """It could not be exported: the sweep finds it again, after a while that grows."""
        self.failed += 1
        earlier = self._resting.get(recording.call_id)
        rest_s = SWEEP_S if earlier is None else min(earlier.rest_s * 2, LONGEST_REST_S)
        self._resting[recording.call_id] = _Rest(rest_s, self._clock.monotonic() + rest_s)
        self._busy.discard(recording.call_id)

    async def _is_purged(self, recording: Recording) -> bool:
        """Whether there is nothing to be made of it any more."""
        try:
            noted = await self._store.read(partial(_noted, recording.call_id))
        except StorageError:
            return False
        return noted is not None and noted.purged_at is not None

    def _ready(
        self, unit: UnitOfWork, recording: Recording, mp3_path: str, files: RecordingFiles, peaks: bytes
    ) -> None:
        """Note the MP3 and tell of it after the call's terminal event; an unsettled call is left to the sweep."""
        cdr = unit.cdrs.get(recording.call_id)
        noted = unit.recordings.get(recording.call_id)
        if cdr is None or noted is None or noted.mp3_path is not None or noted.purged_at is not None:
            return
        unit.recordings.set_mp3(recording.call_id, mp3_path, files)
        if peaks:
            unit.recordings.set_peaks(recording.call_id, peaks)
        numbered = changed(cdr, sequence=cdr.sequence + 1)
        unit.outbox.add(self._settlement.outbox_event(numbered, WebhookEvent.RECORDING_READY))

    def _announced(self, recording: Recording) -> None:
        self._busy.discard(recording.call_id)


def _stored(facts: MediaFacts) -> RecordingFacts:
    parties = tuple(
        RecordedParty(
            silent_ms=party.silent_ms,
            gaps=party.gaps,
            gap_frames=party.gap_frames,
            discarded_packets=party.discarded_packets,
            drift_ppm=party.drift_ppm,
        )
        for party in facts.parties
    )
    return RecordingFacts(parties, facts.pauses, facts.cut_short)


def _note(recording: Recording, unit: UnitOfWork) -> bool:
    """Note it; whether an MP3 is to be made. Of one that was purged or told to have failed, a start has found what the
    disk had refused to delete."""
    if unit.recordings.add(recording):
        return True
    unit.recordings.files_left(recording.call_id)
    noted = unit.recordings.get(recording.call_id)
    return noted is not None and noted.purged_at is None


def _noted(call_id: str, reader: Reader) -> Recording | None:
    return reader.any_recording(call_id)


def _without_mp3(reader: Reader) -> list[Recording]:
    return reader.recordings_without_mp3(QUEUE_LIMIT)
