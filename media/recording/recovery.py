"""After a crash: the recordings it left half written become whole files."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from media.recording.journal import Journal, JournalEntry, part_of, place_of
from media.recording.timeline import FRAME_BYTES, SAMPLE_RATE_HZ
from media.recording.wav import HEADER_BYTES, repair_wav, sync_folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecoveredRecording:
    """A recording that an earlier run of the process made and nobody has acknowledged; its WAV is complete now.

    `path` is relative to the recordings folder; `duration_ms` reaches to at most 1.5 s before the crash.
    """

    call_id: str
    path: str
    duration_ms: int
    gap_frames: int


def duration_of(pcm_bytes: int) -> int:
    """Milliseconds of so many bytes of interleaved PCM."""
    return round(pcm_bytes * 1000 / (FRAME_BYTES * SAMPLE_RATE_HZ))


def complete(part: Path, place: Path) -> None:
    """Give a written and synced file its final name, on the disk. FileExistsError where that is taken."""
    if place.exists():
        raise FileExistsError(f"{place.name} exists")
    os.rename(part, place)
    sync_folder(place.parent)


def recover(root: Path, journal: Journal) -> list[RecoveredRecording]:
    """Finish every journalled recording. One that cannot be finished now is logged and left for the next start."""
    recovered = []
    for entry in journal.entries():
        try:
            found = _recover_one(root, entry)
            if found is None:
                journal.remove(entry.call_id)
            else:
                recovered.append(found)
        except OSError as error:
            _log.warning("recording of call %s could not be recovered: %s", entry.call_id, error)
    return recovered


def _recover_one(root: Path, entry: JournalEntry) -> RecoveredRecording | None:
    try:
        place = place_of(root, entry.path)
    except ValueError:
        return None
    part = part_of(place)
    if part.exists():
        pcm_bytes = repair_wav(part)
        complete(part, place)
    elif place.exists():
        pcm_bytes = place.stat().st_size - HEADER_BYTES
    else:
        return None
    return RecoveredRecording(entry.call_id, entry.path, duration_of(pcm_bytes), entry.gap_frames)
