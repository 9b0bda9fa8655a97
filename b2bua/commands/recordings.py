"""Commands about finished recordings, on the database and the recordings folder, beside a running server."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from b2bua.clock import SystemClock
from b2bua.commands.audit import typed
from b2bua.commands.databases import moment, opened
from b2bua.commands.output import CommandFailed, Output
from b2bua.commands.small_secrets import renew_small_secrets
from b2bua.config import Config
from b2bua.switch.recordings_at_rest import RecordingsAtRest, master_keys_of, seal_of
from media.recording.finished_files import FileFaulty, check_mp3, check_wav, copy_out
from media.recording.master_keys import KeyUnavailable, MasterKeys
from media.recording.rekeying import KeysInFolder, renew_keys
from media.recording.sealing import Seal, SealedKind, SealError
from storage.errors import StorageError
from storage.person_records import AuditEntry
from storage.records import PurgedBy, Recording
from storage.store import Store
from storage.units import Reader, UnitOfWork

PAGE: Final = 500  # recordings looked up, or given new keys, at once
_KINDS: Final = {".wav": SealedKind.PCM, ".mp3": SealedKind.MP3}


async def export(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`recording export CALL_SID FILE`: the WAV or the MP3 in plain, for its owner alone."""
    target = Path(options.file)
    kind = _KINDS.get(target.suffix.lower())
    if kind is None:
        raise CommandFailed(f"{target}: the name must end in .wav or .mp3")
    async with _store(config) as store:
        recording = await _of_call(store, options.call_id)
        path = recording.wav_path if kind is SealedKind.PCM else recording.mp3_path
        if path is None:
            raise CommandFailed(f"the MP3 of call {options.call_id} is not made yet")
        try:
            seal = seal_of(recording, master_keys_of(config))
            copied = await asyncio.to_thread(_write_out, config.storage.recordings / path, kind, seal, target)
        except SealError as error:
            raise CommandFailed(f"{path}: {error}") from error
        entry = typed("recording.export", options.call_id, recording.org_id, {"file": target.name})
        try:
            await store.run(partial(_note, entry))
        except StorageError:
            os.unlink(target)  # nobody has a copy that the log does not tell of
            raise
    shown = {"call_sid": options.call_id, "file": str(target), "bytes": copied}
    output.one(shown, f"wrote {target}, {copied} bytes")
    return 0


def _write_out(place: Path, kind: SealedKind, seal: Seal | None, target: Path) -> int:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        try:
            return copy_out(place, kind, seal, file.write)
        except (SealError, OSError):
            with suppress(OSError):
                target.unlink()
            raise


async def verify(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`recording verify [CALL_SID...]`: status 1 where anything is not as it was recorded."""
    checked, faults = 0, []
    keys = master_keys_of(config)
    async with _store(config) as store, AsyncExitStack() as stack:
        tell = stack.enter_context(output.progress("reading recordings"))
        async for recording in _wanted(store, options.call_ids):
            found = await asyncio.to_thread(_faults, recording, config.storage.recordings, keys)
            if found and await _is_purged(store, recording.call_id):
                continue
            checked += 1
            tell(checked, None)
            faults += [{"call_sid": recording.call_id, "path": path, "fault": fault} for path, fault in found]
    if output.as_json:
        output.one({"checked": checked, "faults": faults})
    else:
        for fault in faults:
            output.line(f"{fault['path']} (call {fault['call_sid']}): {fault['fault']}")
        output.line(f"{checked} recordings read, {len(faults)} faults")
    return 1 if faults else 0


def _faults(recording: Recording, root: Path, keys: MasterKeys | None) -> list[tuple[str, str]]:
    """The path and what is wrong with it, of each file of a recording that is not as it should be."""
    try:
        seal = seal_of(recording, keys)
    except KeyUnavailable as error:
        return [(recording.wav_path, str(error))]
    wav, mp3 = (None, None) if recording.files is None else (recording.files.wav_sha256, recording.files.mp3_sha256)
    checks: list[tuple[str, Callable[[Path], None]]] = [
        (recording.wav_path, partial(check_wav, seal=seal, duration_ms=recording.duration_ms, sha256=wav))
    ]
    if recording.mp3_path is not None:
        checks.append((recording.mp3_path, partial(check_mp3, seal=seal, sha256=mp3)))
    found = []
    for path, check in checks:
        try:
            check(root / path)
        except FileFaulty as error:
            found.append((path, str(error)))
    return found


async def erase(options: argparse.Namespace, config: Config, output: Output) -> int:
    """`recording erase CALL_SID`: it can be had no more, and its files are deleted; the call stays."""
    clock = SystemClock()
    async with _store(config) as store:
        recording = await _of_call(store, options.call_id)
        at_rest = RecordingsAtRest(store, config.storage.recordings, master_keys_of(config), clock)
        entry = typed("recording.erase", options.call_id, recording.org_id)
        if not await at_rest.purge(recording, PurgedBy.OPERATOR, entry):
            raise CommandFailed(f"the recording of call {options.call_id} is purged already")
    left = at_rest.deletion_failures > 0
    output.one(
        {"call_sid": options.call_id, "erased_at": moment(clock.wall_ms()), "files_deleted": not left},
        f"the recording of call {options.call_id} is erased" + ("; a running server goes on deleting files" * left),
    )
    return 0


async def rekey(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`recording rekey`: status 1 while anything that is sealed still needs a former master key."""
    keys = master_keys_of(config)
    if keys is None:
        raise CommandFailed("secrets.master_key: it is missing, and nothing can be sealed without one")
    renewed = unreadable = 0
    async with _store(config) as store:
        async for page in _pages(store):
            fresh, lost = _renewed(page, keys)
            unreadable += lost
            if fresh:
                renewed += await store.run(partial(_replace_keys, fresh))
        fresh_secrets, lost_secrets = await renew_small_secrets(store, keys)
        renewed += fresh_secrets
        unreadable += lost_secrets
        folder = await asyncio.to_thread(renew_keys, config.storage.recordings, keys)
        if renewed + folder.renewed:
            entry = typed("recording.rekey", keys.newest_id, None, {"renewed": renewed + folder.renewed})
            await store.run(partial(_note, entry))
    shown = {
        "renewed": renewed + folder.renewed,
        "unreadable": unreadable + folder.unreadable,
        "still_open": folder.still_open,
    }
    output.one(shown, _verdict(shown["renewed"], shown["unreadable"], folder))
    return 1 if shown["unreadable"] or folder.still_open else 0


def _verdict(renewed: int, unreadable: int, folder: KeysInFolder) -> str:
    said = [f"{renewed} keys are sealed anew"]
    if unreadable:
        said.append(f"{unreadable} cannot be opened with the master keys given")
    if folder.still_open:
        said.append(
            f"{folder.still_open} recordings are still being written under a former master key: restart the server "
            "with the new one, and run this again when they are done"
        )
    return "; ".join(said) if said[1:] else f"{said[0]}; nothing needs a former master key any more"


def _renewed(page: list[Recording], keys: MasterKeys) -> tuple[list[tuple[str, str, str]], int]:
    """Call id, present key and the new one of each that needs one, and how many cannot be opened."""
    fresh, lost = [], 0
    for recording in page:
        if recording.sealed_key is None:
            continue
        try:
            sealed_key = keys.renewed(recording.call_id, recording.sealed_key)
        except KeyUnavailable:
            lost += 1
            continue
        if sealed_key != recording.sealed_key:
            fresh.append((recording.call_id, recording.sealed_key, sealed_key))
    return fresh, lost


def _replace_keys(fresh: list[tuple[str, str, str]], unit: UnitOfWork) -> int:
    return sum(unit.recordings.replace_key(*replacement) for replacement in fresh)


def _note(entry: AuditEntry, unit: UnitOfWork) -> None:
    unit.audit.add(entry)


async def _wanted(store: Store, call_ids: list[str]) -> AsyncIterator[Recording]:
    if call_ids:
        for call_id in call_ids:
            yield await _of_call(store, call_id)
        return
    async for page in _pages(store):
        for recording in page:
            yield recording


async def _pages(store: Store) -> AsyncIterator[list[Recording]]:
    """All recordings that are not purged."""
    after = ""
    while page := await store.read(partial(_kept, after)):
        yield page
        after = page[-1].call_id


async def _of_call(store: Store, call_id: str) -> Recording:
    recording = await store.read(partial(_recording, call_id))
    if recording is None:
        raise CommandFailed(f"there is no finished recording of a call {call_id}")
    if recording.purged_at is not None:
        raise CommandFailed(f"the recording of call {call_id} was purged at {moment(recording.purged_at)}")
    return recording


async def _is_purged(store: Store, call_id: str) -> bool:
    recording = await store.read(partial(_recording, call_id))
    return recording is None or recording.purged_at is not None


def _recording(call_id: str, reader: Reader) -> Recording | None:
    return reader.any_recording(call_id)


def _kept(after: str, reader: Reader) -> list[Recording]:
    return reader.recordings_kept(after, PAGE)


@asynccontextmanager
async def _store(config: Config) -> AsyncIterator[Store]:
    store = await opened(config)
    try:
        yield store
    finally:
        await store.close()
