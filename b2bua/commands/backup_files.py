"""A backup on the disk: the files in it, their checksums, and the manifest that says what it is. All of it blocks.

DIR/manifest.json     what is in it; written last, so that a backup without it is not whole
DIR/maskbridge.db     the database
DIR/maskbridge.toml   the configuration; the secrets that it names are not in a backup
DIR/recordings/       the finished recordings, as they lie in storage.recordings
DIR/prompts/          what organisations have uploaded, as it lies in storage.prompts
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

MANIFEST: Final = "manifest.json"
DATABASE: Final = "maskbridge.db"
CONFIGURATION: Final = "maskbridge.toml"
RECORDINGS: Final = "recordings"
PROMPTS: Final = "prompts"
FORMAT: Final = 1
CHUNK_BYTES: Final = 1_048_576
# What of the recordings folder is finished. Anything else is being written, and is told of by the next backup.
_FINISHED: Final = (".wav", ".mp3", ".wav.key")
_NO_LINKS: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES})


class BackupUnusable(Exception):
    """A folder is no backup, not a whole one, or not what it was; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in a backup: its path relative to the backup, and what was in it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is. `sealed_by`: recordings and second factors by the id of the master key that they need.

    `absent`: recordings that the database has and the folder had not.
    """

    made_at: str
    version: str
    schema: int
    files: tuple[Stored, ...]
    sealed_by: Mapping[str, int]
    absent: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(stored.size for stored in self.files)


def new_folder(folder: Path) -> None:
    """Make the folder of a backup, which must not be there or be empty. BackupUnusable, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupUnusable(f"{folder} is not empty: each backup has a folder of its own")


def empty(folder: Path) -> None:
    """Remove what there is in a backup that did not become whole, as far as that can be."""
    for place in folder.iterdir():
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            with suppress(OSError):
                place.unlink()


def finished_recordings(root: Path) -> list[str]:
    """The finished files below the recordings folder, relative to it, in order."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        within = Path(folder).relative_to(root)
        found += [(within / name).as_posix() for name in names if name.endswith(_FINISHED) and not name.startswith(".")]
    return sorted(found)


def kept_prompts(root: Path) -> list[str]:
    """The files of organisations' prompts, which never change: they are named after their content."""
    return sorted(place.name for place in root.glob("*.wav"))


def take(source: Path, target: Path, *, link: bool) -> bool:
    """Put a finished file into a backup: as a hard link where that can be and is wanted, else as a copy. False where
    it is not there any more."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if link:
            try:
                os.link(source, target)
                return True
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
        copy_whole(source, target)
    except FileNotFoundError:
        return False
    return True


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file, on the disk when it returns, under its name only then."""
    part = target.with_name(target.name + ".part")
    try:
        with source.open("rb") as origin, open(part, "wb", opener=_private) as copy:
            shutil.copyfileobj(origin, copy, CHUNK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)  # a full disk needs its room
        raise


def describe(folder: Path, path: str) -> Stored:
    """A file of a backup with its checksum."""
    digest, size = hashlib.sha256(), 0
    with (folder / path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return Stored(path, size, digest.hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Say what the backup is; after this it is whole."""
    document = {
        "maskbridge_backup": FORMAT,
        "made_at": manifest.made_at,
        "version": manifest.version,
        "schema": manifest.schema,
        "master_keys": dict(manifest.sealed_by),
        "absent": list(manifest.absent),
        "files": [{"path": each.path, "bytes": each.size, "sha256": each.sha256} for each in manifest.files],
    }
    part = folder / f"{MANIFEST}.part"
    with open(part, "w", encoding="utf-8", opener=_private) as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / MANIFEST)
    _sync(folder)


def read_manifest(folder: Path) -> Manifest:
    """What a backup says it is. BackupUnusable."""
    try:
        document: Any = json.loads((folder / MANIFEST).read_text("utf-8"))
        if document["maskbridge_backup"] != FORMAT:
            raise BackupUnusable(f"{folder} is a backup of a form that this release does not know")
        files = tuple(Stored(each["path"], each["bytes"], each["sha256"]) for each in document["files"])
        for each in files:
            if not _is_within(each.path):
                raise BackupUnusable(f"{folder / MANIFEST} names {each.path!r}, which leads out of the backup")
        return Manifest(
            made_at=str(document["made_at"]),
            version=str(document["version"]),
            schema=int(document["schema"]),
            files=files,
            sealed_by={str(name): int(count) for name, count in document["master_keys"].items()},
            absent=tuple(document["absent"]),
        )
    except FileNotFoundError:
        raise BackupUnusable(f"{folder} has no {MANIFEST}: it is no backup, or not a whole one") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackupUnusable(f"{folder / MANIFEST} cannot be read: {error}") from error


def verify(folder: Path, manifest: Manifest, advance: Callable[[int], None]) -> Iterator[str]:
    """What is wrong with the files of a backup, a line each. A recording that was linked and has been erased since, so
    that it is empty now, is none of it."""
    for stored in manifest.files:
        advance(stored.size)
        place = folder / stored.path
        if not place.is_file() or place.is_symlink():
            yield f"{stored.path} is missing"
        elif is_erased(folder, stored):
            continue
        elif describe(folder, stored.path) != stored:
            yield f"{stored.path} is not what it was"


def is_erased(folder: Path, stored: Stored) -> bool:
    """Whether a recording has been emptied since it was linked into a backup."""
    is_recording = stored.path.startswith(f"{RECORDINGS}/")
    return is_recording and stored.size > 0 and (folder / stored.path).stat().st_size == 0


def _is_within(path: object) -> bool:
    """Whether a path leads to a place below the backup."""
    parts = PurePosixPath(path).parts if isinstance(path, str) else ()
    return bool(parts) and ".." not in parts and not PurePosixPath(str(path)).is_absolute()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
