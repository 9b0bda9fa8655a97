"""`backup` and `restore`: database and recordings into a folder while the server runs, and back while none does."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from b2bua import __version__
from b2bua.clock import SystemClock
from b2bua.commands.backup_files import (
    CONFIGURATION,
    DATABASE,
    PROMPTS,
    RECORDINGS,
    BackupUnusable,
    Manifest,
    Stored,
    copy_whole,
    describe,
    empty,
    finished_recordings,
    is_erased,
    kept_prompts,
    new_folder,
    read_manifest,
    take,
    verify,
    write_manifest,
)
from b2bua.commands.databases import moment
from b2bua.commands.output import CommandFailed, Output
from b2bua.config import Config
from b2bua.server import locks_of
from b2bua.sole_use import InUse, sole_use
from b2bua.switch.recordings_at_rest import master_keys_of
from storage.backup import copy_database, examine
from storage.store import Store, database_path

SHOWN_FAULTS: Final = 5
DATABASE_FILES: Final = ("", "-wal", "-shm")  # endings: the file itself, its log, the index of that


@dataclass(frozen=True, slots=True)
class _Places:
    """Where things are outside the backup."""

    database: Path
    recordings: Path
    prompts: Path
    configuration: Path


def backup(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`backup DIR`: the database by SQLite's online backup, recordings by hard link or copy, checksums of all."""
    folder = Path(options.folder)
    places = _places(config)
    if folder.resolve().is_relative_to(places.recordings.resolve()):
        raise CommandFailed(f"{folder} lies in the recordings folder")
    try:
        manifest = _back_up(folder, places, output, link=not options.copy)
    except BackupUnusable as error:
        raise CommandFailed(str(error)) from error
    values = {
        "folder": str(folder),
        "made_at": manifest.made_at,
        "schema": manifest.schema,
        "recordings": sum(each.path.startswith(f"{RECORDINGS}/") for each in manifest.files),
        "bytes": manifest.size,
        "absent": list(manifest.absent),
        "master_keys": dict(manifest.sealed_by),
    }
    output.one(values, f"wrote {folder}: {values['recordings']} recording files, {manifest.size} bytes in all")
    _note_secrets(manifest, output)
    return 0


def _back_up(folder: Path, places: _Places, output: Output, *, link: bool) -> Manifest:
    """A whole backup or nothing: half of one would keep room that a full disk needs, of the service above all."""
    new_folder(folder)
    try:
        return _fill(folder, places, output, link=link)
    except BaseException:
        empty(folder)
        raise


def _fill(folder: Path, places: _Places, output: Output, *, link: bool) -> Manifest:
    """The database first: every recording that it knows is then on the disk already, unless it has been erased."""
    made_at = moment(SystemClock().wall_ms()) or ""
    with output.progress("database") as tell:
        copy_database(places.database, folder / DATABASE, tell)
    stands = examine(folder / DATABASE)
    copy_whole(places.configuration, folder / CONFIGURATION)
    paths = finished_recordings(places.recordings)
    files = [describe(folder, DATABASE), describe(folder, CONFIGURATION)]
    with output.progress("recordings") as tell:
        for done, path in enumerate(paths, 1):
            stored = f"{RECORDINGS}/{path}"
            if take(places.recordings / path, folder / stored, link=link):
                files.append(describe(folder, stored))
            tell(done, len(paths))
    for name in kept_prompts(places.prompts):
        stored = f"{PROMPTS}/{name}"
        if take(places.prompts / name, folder / stored, link=link):
            files.append(describe(folder, stored))
    taken = {each.path.removeprefix(f"{RECORDINGS}/") for each in files}
    absent = tuple(sorted(stands.files - taken))
    manifest = Manifest(made_at, __version__, stands.schema, tuple(files), stands.sealed_by, absent)
    write_manifest(folder, manifest)
    return manifest


def _note_secrets(manifest: Manifest, output: Output) -> None:
    for path in manifest.absent[:SHOWN_FAULTS]:
        output.line(f"note: recordings/{path} is in the database and not in the folder")
    for key_id, count in manifest.sealed_by.items():
        output.line(f"note: {count} recordings and second factors need the master key {key_id}, which is not in it")
    output.line("note: the secrets that the configuration names are not in the backup; keep a copy of them elsewhere")


async def restore(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`restore DIR`: verify a backup, and put it where the configuration says. Never over a running server's data."""
    try:
        with sole_use(locks_of(config)):
            return await _restore(options, config, output)
    except (BackupUnusable, InUse) as error:
        raise CommandFailed(str(error)) from error


async def _restore(options: argparse.Namespace, config: Config, output: Output) -> int:
    folder, places = Path(options.folder), _places(config)
    manifest = await asyncio.to_thread(_checked, folder, output)
    _check_keys(manifest, config, lenient=options.without_keys)
    _check_room(places, replace=options.replace)
    async with _fresh_database(folder, places.database) as fresh:
        erased = await asyncio.to_thread(_put_recordings, folder, manifest, places, output, replace=options.replace)
        await asyncio.to_thread(_put_prompts, folder, manifest, places)
        aside = _put_database(fresh, places.database)
    values: dict[str, object] = {
        "database": str(places.database),
        "recordings": str(places.recordings),
        "made_at": manifest.made_at,
        "files": len(manifest.files),
        "erased_since": erased,
        "replaced": None if aside is None else str(aside),
    }
    output.one(values, f"restored what was backed up at {manifest.made_at} into {places.database}")
    if aside is not None:
        output.line(f"note: the database that was there is {aside}")
    if erased:
        output.line(f"note: {erased} recording files were erased after the backup, and stay so")
    return 0


def _checked(folder: Path, output: Output) -> Manifest:
    """The manifest, every file held against it. BackupUnusable."""
    manifest = read_manifest(folder)
    checked = 0
    with output.progress("verifying") as tell:

        def advance(size: int) -> None:
            nonlocal checked
            checked += size
            tell(checked, manifest.size)

        faults = list(verify(folder, manifest, advance))
    if faults:
        more = f", and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        raise BackupUnusable(f"{folder}: {'; '.join(faults[:SHOWN_FAULTS])}{more}; nothing was restored")
    if DATABASE not in {each.path for each in manifest.files}:
        raise BackupUnusable(f"{folder} has no database in it")
    examine(folder / DATABASE)
    return manifest


def _check_keys(manifest: Manifest, config: Config, *, lenient: bool) -> None:
    """The configured master keys open what is sealed, or it is wanted all the same."""
    keys = master_keys_of(config)
    known = frozenset() if keys is None else keys.ids
    missing = sorted(set(manifest.sealed_by) - known)
    if missing and not lenient:
        raise CommandFailed(
            f"recordings or second factors in it need the master key {', '.join(missing)}, which is not configured; "
            "give it as secrets.master_key or among secrets.former_master_keys, or say --without-keys"
        )


def _check_room(places: _Places, *, replace: bool) -> None:
    if places.database.exists() and not replace:
        raise CommandFailed(f"{places.database} exists; with --replace it is moved aside")


@asynccontextmanager
async def _fresh_database(folder: Path, database: Path) -> AsyncIterator[Path]:
    """The backup's database beside where it belongs, brought to this release's schema: what fails until it is there, a
    full disk above all, leaves the one that is there in its place."""
    fresh = database.with_name(f"{database.name}.restoring")
    try:
        _remove_database(fresh)
        await asyncio.to_thread(copy_whole, folder / DATABASE, fresh)
        await (await Store.open(f"sqlite:///{fresh}")).close()
        yield fresh
    finally:
        _remove_database(fresh)


def _put_database(fresh: Path, database: Path) -> Path | None:
    """Put it in its place; where what was there is now, None where nothing was.

    A log without its database is moved aside too: SQLite would write what it has into the one that comes.
    """
    at = (moment(SystemClock().wall_ms()) or "").replace(":", "")
    aside = database.with_name(f"{database.name}.replaced-{at}") if database.exists() else None
    _move_database(database, aside or database.with_name(f"{database.name}.left-{at}"))
    _move_database(fresh, database)
    return aside


def _move_database(database: Path, place: Path) -> None:
    for ending in DATABASE_FILES:
        file = database.with_name(database.name + ending)
        if file.exists():
            file.rename(place.with_name(place.name + ending))


def _remove_database(database: Path) -> None:
    for ending in DATABASE_FILES:
        database.with_name(database.name + ending).unlink(missing_ok=True)


def _put_recordings(folder: Path, manifest: Manifest, places: _Places, output: Output, *, replace: bool) -> int:
    """Copy the recordings that are not there yet; how many were erased since. One that is there and differs is left,
    and told, unless `replace`."""
    recordings = [each for each in manifest.files if each.path.startswith(f"{RECORDINGS}/")]
    wanted = [each for each in recordings if not is_erased(folder, each)]
    differing = [each.path for each in wanted if _differs(each, _target(places, each))]
    if differing and not replace:
        raise CommandFailed(
            f"{len(differing)} recording files there differ from those in the backup, the first {differing[0]}; "
            "with --replace they are overwritten"
        )
    with output.progress("recordings") as tell:
        for done, each in enumerate(wanted, 1):
            target = _target(places, each)
            if not target.exists() or each.path in differing:
                target.parent.mkdir(parents=True, exist_ok=True)
                copy_whole(folder / each.path, target)
            tell(done, len(wanted))
    return len(recordings) - len(wanted)


def _put_prompts(folder: Path, manifest: Manifest, places: _Places) -> None:
    """Copy the prompts that are not there yet."""
    for each in manifest.files:
        target = places.prompts / each.path.removeprefix(f"{PROMPTS}/")
        if each.path.startswith(f"{PROMPTS}/") and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            copy_whole(folder / each.path, target)


def _target(places: _Places, stored: Stored) -> Path:
    return places.recordings / stored.path.removeprefix(f"{RECORDINGS}/")


def _differs(stored: Stored, target: Path) -> bool:
    if not target.exists():
        return False
    if target.stat().st_size != stored.size:
        return True
    there = describe(target.parent, target.name)
    return there.sha256 != stored.sha256


def _places(config: Config) -> _Places:
    database = database_path(config.storage.url)
    if database is None:
        raise CommandFailed("storage.url names no file")
    return _Places(database.absolute(), config.storage.recordings, config.storage.prompts, config.path)
