"""The files of a recording are deleted: all of them, and nothing that lies elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from media.recording.journal import PART_SUFFIX, key_of, part_of, place_of
from media.recording.wav import sync_folder

_MP3: Final = ".mp3"


class NotOurs(Exception):
    """A path leads out of the recordings folder, or names no recording: nothing was deleted."""


def erase_files(root: Path, wav_path: str, mp3_path: str | None, today: str) -> bool:
    """Delete the WAV, the MP3 and what an interrupted making of it left, on the disk; whether all of it is gone.

    Files that are gone already are fine. Names are chosen by what lies in the day's folder: a WAV of `today`
    (YYYY/MM/DD, UTC) leaves an empty file until the day is over, so that no other recording gets its name. NotOurs,
    OSError.
    """
    wav = _below(root, wav_path)
    if wav is None:
        return True
    mp3s = {wav.with_suffix(_MP3)}
    if mp3_path is not None and (mp3 := _below(root, mp3_path)) is not None:
        mp3s.add(mp3)
    for mp3 in sorted(mp3s):
        for place in (mp3, *interrupted(mp3)):
            place.unlink(missing_ok=True)
    part_of(wav).unlink(missing_ok=True)
    key_of(wav).unlink(missing_ok=True)
    name_is_open = wav_path.startswith(f"{today}/")
    if name_is_open:
        _empty(wav)
    else:
        wav.unlink(missing_ok=True)
    for folder in {wav.parent, *(mp3.parent for mp3 in mp3s)}:
        sync_folder(folder)
    return not name_is_open


def interrupted(mp3: Path) -> Iterator[Path]:
    """What makings of an MP3 that came to nothing have left beside it."""
    return mp3.parent.glob(f"{_escaped(mp3.name)}.*{PART_SUFFIX}")


def _below(root: Path, path: str) -> Path | None:
    """The place of a recording's file; None where its folder is gone. NotOurs."""
    suffix = Path(path).suffix
    try:
        if suffix not in (".wav", _MP3) or "\0" in path:
            raise NotOurs(f"{path!r} names no recording")
        place = place_of(root, path.removesuffix(suffix) + ".wav").with_suffix(suffix)
        folder = place.parent.resolve(strict=True)
        if not folder.is_relative_to(root.resolve()):
            raise NotOurs(f"{path!r} leads out of the recordings folder")
    except ValueError as error:
        raise NotOurs(str(error)) from error
    except (FileNotFoundError, NotADirectoryError):
        return None
    return folder / place.name


def _empty(wav: Path) -> None:
    """An empty file in the place of whatever is there; what was there goes whole."""
    if wav.is_file() and not wav.is_symlink() and wav.stat().st_size == 0:
        return
    draft = wav.with_name(wav.name + ".draft")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    os.replace(draft, wav)


def _escaped(name: str) -> str:
    """A name as a pattern of itself alone."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
