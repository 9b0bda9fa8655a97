"""Which recordings are not yet answered for: one small file each, so that a restart finds them without a search."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

PART_SUFFIX: Final = ".part"

_FOLDER: Final = ".open"
_SUFFIX: Final = ".json"
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LARGEST_ENTRY_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A recording by its call. `path` is relative to the recordings folder; `gap_frames` is known once it is closed."""

    call_id: str
    path: str
    gap_frames: int = 0


def place_of(root: Path, path: str) -> Path:
    """Where the relative `path` of a WAV lies under `root`; ValueError for one that leads elsewhere."""
    parts = PurePosixPath(path).parts
    if not path.endswith(".wav") or path.startswith("/") or any(part.startswith(".") for part in parts):
        raise ValueError(f"not the relative path of a WAV file: {path!r}")
    return root.joinpath(*parts)


def part_of(place: Path) -> Path:
    """The name of a WAV while it is being written."""
    return place.with_name(place.name + PART_SUFFIX)


class Journal:
    """The entries under one recordings folder. Methods may raise OSError."""

    __slots__ = ("_folder",)

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    def open(self) -> None:
        """Make the folder."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def write(self, entry: JournalEntry) -> None:
        """Add or replace a call's entry, whole or not at all; ValueError for a call id that cannot be a file's name."""
        if not _CALL_ID.fullmatch(entry.call_id):
            raise ValueError("the call id cannot be a file's name")
        place = self._folder / (entry.call_id + _SUFFIX)
        draft = place.with_suffix(".draft")
        try:
            draft.write_text(json.dumps({"call_id": entry.call_id, "path": entry.path, "gap_frames": entry.gap_frames}))
            os.replace(draft, place)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise

    def remove(self, call_id: str) -> None:
        """Forget a call; harmless when it is not there."""
        if _CALL_ID.fullmatch(call_id):
            with suppress(FileNotFoundError):
                (self._folder / (call_id + _SUFFIX)).unlink()

    def entries(self) -> Iterator[JournalEntry]:
        """All entries in the order of their names; a file that is none is removed."""
        if not self._folder.is_dir():
            return
        for place in sorted(self._folder.iterdir()):
            entry = _parse(place)
            if entry is None:
                place.unlink(missing_ok=True)
            else:
                yield entry


def _parse(place: Path) -> JournalEntry | None:
    if place.suffix != _SUFFIX or place.stat().st_size > _LARGEST_ENTRY_BYTES:
        return None
    try:
        match json.loads(place.read_bytes()):
            case {"call_id": str(call_id), "path": str(path), "gap_frames": int(gap_frames)} if call_id == place.stem:
                return JournalEntry(call_id, path, gap_frames)
    except ValueError:
        return None
    return None
