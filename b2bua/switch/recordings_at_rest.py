"""Recordings that are finished: opened where they are sealed, purged when they are to be heard no more.

A purge is first a fact in the database: from that moment nobody gets the recording, and the key that opens every copy
of its files is gone. The files follow, and are looked for until they are gone, whatever dies in between.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from b2bua.call.errors import CallNotFound, CallStillLive, RecordingNotFound, RecordingUnreadable
from b2bua.clock import Clock
from b2bua.config import Config
from media.recording.erasure import NotOurs, erase_files
from media.recording.master_keys import KeyUnavailable, MasterKeys
from media.recording.peaks import Peaks, opened, unpack
from media.recording.sealed_file import SealedReader
from media.recording.sealing import Seal, SealedKind, SealError
from storage.errors import UnknownRecord
from storage.person_records import AuditEntry
from storage.records import TERMINAL_STATUSES, PurgedBy, Recording
from storage.store import Store
from storage.units import Reader, UnitOfWork

LOG: Final = logging.getLogger(__name__)

TOLD_EVERY_S: Final = 3600.0  # of each recording whose files stay, though they are looked for every minute,
MOST_TOLD: Final = 1_000  # and of no more than so many: /metrics counts them all


def master_keys_of(config: Config) -> MasterKeys | None:
    """The master keys as configured, None without any."""
    secrets = config.secrets
    return MasterKeys(secrets.master_key, secrets.former_master_keys) if secrets.master_key else None


def seal_of(recording: Recording, keys: MasterKeys | None) -> Seal | None:
    """What opens the files of a recording, None where they are plain. KeyUnavailable."""
    if recording.sealed_key is None:
        return None
    if keys is None:
        raise KeyUnavailable("it is sealed, and no master key is given")
    return keys.seal_of(recording.call_id, recording.sealed_key)


class UnsealedMp3:
    """A sealed MP3 that is open: what of it does not open is told in the log, with its path, and to the caller."""

    def __init__(self, path: str, descriptor: int, seal: Seal) -> None:
        self._path = path
        with _telling(path):
            self._reader = SealedReader(descriptor, SealedKind.MP3, seal)

    @property
    def length(self) -> int:
        """Bytes of its plaintext."""
        return self._reader.length

    def read_at(self, offset: int, size: int) -> bytes:
        """So much of its plaintext, as far as there is some (blocking). Raises RecordingUnreadable, OSError."""
        with _telling(self._path):
            return self._reader.read_at(offset, size)


class RecordingsAtRest:
    """The finished recordings of one folder and one database."""

    def __init__(self, store: Store, root: Path, keys: MasterKeys | None, clock: Clock) -> None:
        self._store = store
        self._root = root
        self._keys = keys
        self._clock = clock
        self._told: dict[str, float] = {}  # whose files stay, and when that was told last
        self.erased = 0
        self.deletion_failures = 0

    def unseal_mp3(self, recording: Recording, descriptor: int) -> UnsealedMp3:
        """The sealed MP3 behind a descriptor, which stays the caller's (blocking). Raises RecordingUnreadable."""
        path = recording.mp3_path or recording.wav_path
        with _telling(path):
            seal = seal_of(recording, self._keys)
            if seal is None:
                raise KeyUnavailable("it is not sealed")
        return UnsealedMp3(path, descriptor, seal)

    def peaks(self, recording: Recording, content: bytes) -> Peaks:
        """What a drawing of a recording is made of, opened where it is sealed. Raises RecordingUnreadable."""
        with _telling(recording.wav_path):
            seal = seal_of(recording, self._keys)
            return unpack(content) if seal is None else opened(content, seal)

    async def erase(self, org_id: str, call_id: str, entry: AuditEntry) -> None:
        """Purge the recording of a call of this organisation, and write it into the audit log.

        Raises CallNotFound, CallStillLive, RecordingNotFound.
        """

        def facts(reader: Reader) -> Recording | None:
            call = reader.call(org_id, call_id)
            if call is None:
                raise CallNotFound
            if call.status not in TERMINAL_STATUSES:
                raise CallStillLive
            return reader.recording(org_id, call_id)

        recording = await self._store.read(facts)
        if recording is None or not await self.purge(recording, PurgedBy.CLIENT, entry):
            raise RecordingNotFound
        self.erased += 1

    async def purge(self, recording: Recording, by: PurgedBy, entry: AuditEntry | None = None) -> bool:
        """Purge a recording and delete its files; False where it was purged before. `entry` goes into the audit log
        with it. StorageError.

        What cannot be deleted now is found again by `Retention`.
        """
        if not await self._store.run(partial(_purge, recording.call_id, self._clock.wall_ms(), by, entry)):
            return False
        LOG.info("the recording of call %s is purged (%s)", recording.call_id, by.value)
        await self.delete_files(recording)
        return True

    async def delete_files(self, recording: Recording) -> bool:
        """Delete the files of a purged recording; whether all of them are gone for good."""
        today = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).strftime("%Y/%m/%d")
        work = partial(erase_files, self._root, recording.wav_path, recording.mp3_path, today)
        try:
            gone = await asyncio.to_thread(work)
        except (OSError, NotOurs) as error:
            self.deletion_failures += 1
            if self._to_be_told(recording.call_id):
                LOG.error("the files of the purged recording of call %s stay: %s", recording.call_id, error)
            return False
        self._told.pop(recording.call_id, None)
        return gone

    def _to_be_told(self, call_id: str) -> bool:
        now = self._clock.monotonic()
        told_at = self._told.get(call_id)
        if (len(self._told) >= MOST_TOLD) if told_at is None else (now - told_at < TOLD_EVERY_S):
            return False
        self._told[call_id] = now
        return True


def _purge(call_id: str, at: int, by: PurgedBy, entry: AuditEntry | None, unit: UnitOfWork) -> bool:
    try:
        purged = unit.recordings.purge(call_id, at, by)
    except UnknownRecord:
        return False
    if purged and entry is not None:
        unit.audit.add(entry)
    return purged


@contextmanager
def _telling(path: str) -> Iterator[None]:
    """Turns what is wrong with a sealed file into RecordingUnreadable, and says in the log which file and why."""
    try:
        yield
    except SealError as error:
        LOG.error("the recording %s cannot be opened: %s", path, error)
        raise RecordingUnreadable from error
