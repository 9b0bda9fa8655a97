"""The keys that lie in the recordings folder, under a new master key."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from media.recording.journal import KEY_SUFFIX, JournalEntry, read_entry, standing_entries, write_key
from media.recording.master_keys import KeyUnavailable, MasterKeys


@dataclass(frozen=True, slots=True)
class KeysInFolder:
    """What was found: keys sealed anew, keys that no given master key opens, and recordings that are not answered for
    yet whose key is still under a former one."""

    renewed: int
    unreadable: int
    still_open: int


def renew_keys(root: Path, keys: MasterKeys) -> KeysInFolder:
    """Seal the keys that lie beside recordings of nobody's with the newest master key.

    Those of recordings that are being written are the server's, and are counted only. OSError.
    """
    renewed = unreadable = 0
    for place, entry, sealed_key in _lone_keys(root):
        try:
            fresh = keys.renewed(entry.call_id, sealed_key)
        except KeyUnavailable:
            unreadable += 1
            continue
        if fresh != sealed_key:
            write_key(place, replace(entry, sealed_key=fresh))
            renewed += 1
    still_open = sum(
        entry.sealed_key is not None and not keys.is_newest(entry.sealed_key) for entry in standing_entries(root)
    )
    return KeysInFolder(renewed, unreadable, still_open)


def _lone_keys(root: Path) -> Iterator[tuple[Path, JournalEntry, str]]:
    for folder, _folders, names in os.walk(root):
        for name in names:
            if not name.endswith(KEY_SUFFIX):
                continue
            place = Path(folder, name)
            entry = read_entry(place)
            if entry is not None and entry.sealed_key is not None:
                yield place, entry, entry.sealed_key
