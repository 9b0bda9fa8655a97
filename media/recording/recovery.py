"""After a crash: the recordings it left half written become whole files."""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from media.events import RecordingFacts
from media.recording.journal import Journal, JournalEntry, part_of, place_of
from media.recording.master_keys import KeyUnavailable, MasterKeys
from media.recording.pauses import pauses_ms
from media.recording.sealed_wav import pcm_bytes_of, repair_sealed_wav
from media.recording.sealing import Seal, SealError
from media.recording.timeline import FRAME_BYTES, SAMPLE_RATE_HZ
from media.recording.wav import HEADER_BYTES, repair_wav, sync_folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecoveredRecording:
    """A recording that an earlier run of the process made and nobody has acknowledged; its WAV is complete now.

    `path` is relative to the recordings folder; `duration_ms` reaches to at most 1.5 s before the crash, 3.5 s where a
    party had just begun to send. `sealed_key` opens it, under a master key; None: it is plain.
    """

    call_id: str
    path: str
    duration_ms: int
    gap_frames: int
    sealed_key: str | None = field(default=None, repr=False)
    facts: RecordingFacts = field(default=RecordingFacts(), compare=False)


def duration_of(pcm_bytes: int) -> int:
    """Milliseconds of so many bytes of interleaved PCM."""
    return round(pcm_bytes * 1000 / (FRAME_BYTES * SAMPLE_RATE_HZ))


def complete(part: Path, place: Path) -> None:
    """Give a written and synced file its final name, on the disk. FileExistsError where that is taken.

    A folder that cannot be synced, for want of descriptors above all, costs no recording: it has its name already.
    """
    if place.exists():
        raise FileExistsError(f"{place.name} exists")
    os.rename(part, place)
    try:
        sync_folder(place.parent)
    except OSError as error:
        _log.warning("the name of %s may not outlast a power failure: %s", place.name, error)


def recover(root: Path, journal: Journal, keys: MasterKeys | None = None) -> list[RecoveredRecording]:
    """Finish every journalled recording; sealed ones need `keys`. One that cannot be finished now is logged and left
    for the next start."""
    recovered = []
    for entry in journal.entries():
        try:
            found = _recover_one(root, entry, keys)
            if found is None:
                journal.remove(entry.call_id)
            else:
                recovered.append(found)
        except (OSError, SealError) as error:
            _log.warning("recording %s of call %s could not be recovered: %s", entry.path, entry.call_id, error)
    return recovered


def _recover_one(root: Path, entry: JournalEntry, keys: MasterKeys | None) -> RecoveredRecording | None:
    try:
        place = place_of(root, entry.path)
    except ValueError:
        return None
    seal = _seal_of(entry, keys)
    part = part_of(place)
    if part.exists():
        pcm_bytes = repair_wav(part) if seal is None else repair_sealed_wav(part, seal)
        complete(part, place)
    elif place.exists() and place.stat().st_size:  # an empty one keeps the name of what was erased
        pcm_bytes = place.stat().st_size - HEADER_BYTES if seal is None else pcm_bytes_of(place, seal)
    else:
        return None
    duration_ms = duration_of(pcm_bytes)
    facts = RecordingFacts(pauses=pauses_ms(entry.pauses, duration_ms), cut_short=entry.cut_short)
    return RecoveredRecording(entry.call_id, entry.path, duration_ms, entry.gap_frames, entry.sealed_key, facts)


def _seal_of(entry: JournalEntry, keys: MasterKeys | None) -> Seal | None:
    if entry.sealed_key is None:
        return None
    if keys is None:
        raise KeyUnavailable("it is sealed, and no master key is given")
    return keys.seal_of(entry.call_id, entry.sealed_key)
