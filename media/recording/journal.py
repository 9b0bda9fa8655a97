"""Which recordings are not yet answered for: one small file each, so that a restart finds them without a search."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from media.recording.pauses import MOST_PAUSES, Pause

PART_SUFFIX: Final = ".part"
KEY_SUFFIX: Final = ".key"

_FOLDER: Final = ".open"
_SUFFIX: Final = ".json"
_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LARGEST_ENTRY_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A recording by its call. `path` is relative to the recordings folder; `gap_frames` is known once it is closed,
    `pauses` as they come; `cut_short`: the disk ended it before the call did.

    `sealed_key` opens its file, under a master key; None: it is plain. Until the database has it, it is here.
    """

    call_id: str
    path: str
    gap_frames: int = 0
    pauses: tuple[Pause, ...] = ()
    sealed_key: str | None = field(default=None, repr=False)
    cut_short: bool = False

    def as_json(self) -> str:
        """As it stands in a file."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


def place_of(root: Path, path: str) -> Path:
    """Where the relative `path` of a WAV lies under `root`; ValueError for one that leads elsewhere."""
    parts = PurePosixPath(path).parts
    if not path.endswith(".wav") or path.startswith("/") or any(part.startswith(".") for part in parts):
        raise ValueError(f"not the relative path of a WAV file: {path!r}")
    return root.joinpath(*parts)


def part_of(place: Path) -> Path:
    """The name of a WAV while it is being written."""
    return place.with_name(place.name + PART_SUFFIX)


def key_of(place: Path) -> Path:
    """Where the key of a sealed WAV lies that the database knows nothing of."""
    return place.with_name(place.name + KEY_SUFFIX)


class Journal:
    """The entries under one recordings folder. Methods may raise OSError."""

    __slots__ = ("_folder", "_root")

    def __init__(self, root: Path) -> None:
        self._root = root
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
            self.open()  # it may have been removed, with all recordings, under a process that runs for months
            draft.write_text(entry.as_json())
            os.replace(draft, place)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise

    def keep_key(self, call_id: str) -> None:
        """Put the key of a sealed recording beside it: nobody else will have it. ValueError for a path outside."""
        entry = _parse(self._folder / (call_id + _SUFFIX)) if _CALL_ID.fullmatch(call_id) else None
        if entry is not None and entry.sealed_key is not None:
            write_key(key_of(place_of(self._root, entry.path)), entry)

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


def standing_entries(root: Path) -> Iterator[JournalEntry]:
    """The entries under a recordings folder as they stand, beside a recorder that goes on writing them. OSError."""
    for place in sorted((root / _FOLDER).glob(f"*{_SUFFIX}")):
        with suppress(FileNotFoundError):
            entry = _parse(place)
            if entry is not None:
                yield entry


def write_key(place: Path, entry: JournalEntry) -> None:
    """Put an entry and its sealed key into a file of its own, whole or not at all. OSError."""
    draft = place.with_name(place.name + ".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640), "w") as file:
        file.write(entry.as_json())
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, place)


def _parse(place: Path) -> JournalEntry | None:
    if place.suffix != _SUFFIX:
        return None
    entry = read_entry(place)
    return entry if entry is not None and entry.call_id == place.stem else None


def read_entry(place: Path) -> JournalEntry | None:
    """The entry in a file, None where that has none. OSError."""
    with place.open("rb") as file:
        content = file.read(_LARGEST_ENTRY_BYTES + 1)
    try:
        match json.loads(content) if len(content) <= _LARGEST_ENTRY_BYTES else None:
            case {"call_id": str(call_id), "path": str(path), "gap_frames": int(gap_frames), **more}:
                sealed_key = more.get("sealed_key")
                key = sealed_key if isinstance(sealed_key, str) else None
                cut_short = more.get("cut_short") is True
                return JournalEntry(call_id, path, gap_frames, _pauses_of(more.get("pauses")), key, cut_short)
    except ValueError:
        return None
    return None


def _pauses_of(value: Any) -> tuple[Pause, ...]:
    found: list[Pause] = []
    for pause in value[:MOST_PAUSES] if isinstance(value, list) else ():
        match pause:
            case [int(began_at), int() | None as ended_at]:
                found.append((began_at, ended_at))
    return tuple(found)
