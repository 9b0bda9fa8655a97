"""Prompts converted in a process of their own, and the folder they are kept in."""

import asyncio
import os
from array import array
from pathlib import Path

import pytest

from media.codecs.table import G722, OPUS, PCMA, PCMU
from media.errors import PromptUnusable
from media.prompts.bundled import render_wav
from media.prompts.conversion import convert
from media.prompts.converting import ConversionUnavailable, Converter
from media.prompts.files import PromptFiles

LOUD = render_wav(array("h", [3000, -3000] * 4000))


async def test_a_file_is_converted_as_it_would_be_here() -> None:
    assert await Converter().convert(LOUD) == render_wav(convert(LOUD))


async def test_what_is_wrong_with_a_file_is_told_in_its_words() -> None:
    with pytest.raises(PromptUnusable, match=r"^it is no WAV file$"):
        await Converter().convert(b"MThd")
    with pytest.raises(PromptUnusable, match=r"^it is 61 s long; 60 s are the most$"):
        await Converter().convert(render_wav(array("h", [3000, -3000] * 4000 * 61)))


async def test_a_conversion_that_takes_too_long_is_ended() -> None:
    with pytest.raises(PromptUnusable, match="takes longer than 0 s"):
        await Converter(timeout_s=0.0).convert(LOUD)


async def test_one_is_converted_at_a_time_and_a_cancelled_one_leaves_nothing() -> None:
    converter = Converter()
    first = asyncio.create_task(converter.convert(LOUD))
    second = asyncio.create_task(converter.convert(LOUD))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == render_wav(convert(LOUD))
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_process_that_cannot_be_started_says_nothing_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.prompts.converting.sys.executable", "/nonexistent/python")
    with pytest.raises(ConversionUnavailable):
        await Converter().convert(LOUD)


def test_a_kept_prompt_is_played_in_every_codec(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path / "prompts")
    name = files.save(LOUD)
    tone = files.load(name)
    assert (tone.samples, tone.endless) == (8000, False)
    assert set(tone.encoded) | set(tone.packets) == {PCMA, PCMU, G722, OPUS}
    assert files.save(LOUD) == name
    assert [path.name for path in (tmp_path / "prompts").iterdir()] == [f"{name}.wav"]


def test_a_file_that_is_gone_or_damaged_is_told(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path)
    name = files.save(LOUD)
    place = tmp_path / f"{name}.wav"
    place.write_bytes(LOUD[:-2])
    with pytest.raises(PromptUnusable, match="damaged"):
        files.load(name)
    files.delete(name)
    files.delete(name)
    with pytest.raises(PromptUnusable, match="cannot be read"):
        files.load(name)


def test_old_files_are_named_and_old_drafts_deleted(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path)
    old, new = files.save(LOUD), files.save(render_wav(array("h", [2000, -2000] * 4000)))
    for name in ("x.part", "y.part", f"{old}.wav"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1_000, 1_000))
    os.utime(tmp_path / "y.part", (9_000, 9_000))
    assert list(files.older_than(5_000)) == [old]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{old}.wav", f"{new}.wav", "y.part"])
    assert list(PromptFiles(tmp_path / "nowhere").older_than(5_000)) == []
