"""Death before, and in the middle of, every single step by which a recording reaches the disk."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from media.events import MediaEvent
from media.recording.journal import Journal
from media.recording.master_keys import MasterKeys
from media.recording.recorder import Recorder
from media.recording.tap import QueueTap
from media.recording.wav import WavWriter
from media.recording.writer import RecordingCloser, RecordingWriter
from tests.media_recording.test_killed_at_any_moment import assert_plays, assert_whole, part_ids
from tests.media_recording.test_recorder_files import START, speak

WAV = "2026/01/31/call-0.wav"
KEYS = MasterKeys("m" * 64)
STEPS = ("pwrite", "ftruncate", "fsync", "replace", "rename", "unlink")
FEWEST_STEPS = 15
PAGE_BYTES = 4096


class Killed(BaseException):
    """What no handler takes for a failure."""


class Fate:
    """Lets so many steps through and dies at the next: before it, or with half of it done where it writes.

    A signal interrupts a write to a file between two pages, never within one.
    """

    def __init__(self, steps_left: int, *, torn: bool) -> None:
        self.steps_left = steps_left
        self.torn = torn
        self.descriptors: set[int] = set()
        self._open, self._close = os.open, os.close

    def open(self, *arguments: Any) -> int:
        """Remember what a process that dies gives back."""
        descriptor = self._open(*arguments)
        self.descriptors.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        self.descriptors.discard(descriptor)
        self._close(descriptor)

    def stands_before(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **named: Any) -> Any:
            if self.steps_left == 0:
                if self.torn and step.__name__ == "pwrite":
                    descriptor, content, offset = arguments
                    step(descriptor, content[: len(content) // 2 // PAGE_BYTES * PAGE_BYTES], offset)
                raise Killed
            self.steps_left -= 1
            return step(*arguments, **named)

        return taken


@contextmanager
def fated(fate: Fate) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, fate.stands_before(getattr(os, name)))
        patch.setattr(Path, "write_text", fate.stands_before(Path.write_text))
        patch.setattr(Path, "unlink", fate.stands_before(Path.unlink))
        patch.setattr(os, "open", fate.open)
        patch.setattr(os, "close", fate.close)
        try:
            yield
        finally:
            for descriptor in list(fate.descriptors):
                fate.close(descriptor)


class Life:
    """One process that records one call of four seconds with a pause in it."""

    def __init__(self, root: Path, keys: MasterKeys | None) -> None:
        self.events: list[MediaEvent] = []
        self.written_s = 0.0
        self.acknowledged = False
        self._journal = Journal(root)
        self._journal.open()
        self._closer = RecordingCloser(self._journal, self.events.append)
        self._writer = RecordingWriter(root, self._journal, self.events.append, self._closer.close, keys)

    def live(self) -> None:
        tap = QueueTap()
        self._writer.begin("call-0", WAV, START, tap)
        for second in range(4):
            speak(tap, 0, second * 50, 50)
            speak(tap, 1, second * 50, 50)
            self._writer.turn(START + second + 1)
            self.written_s = second + 0.8
            if second == 1:
                self._writer.pause("call-0", START + 2.2)
                self._writer.resume("call-0", START + 2.6)
        self._writer.finish("call-0", START + 4)
        self.written_s = 4.0
        self.acknowledged = True
        self._closer.acknowledge("call-0")


def lives(folder: Path, keys: MasterKeys | None, *, torn: bool) -> Iterator[tuple[Path, Life]]:
    """A life for each step at which it can end, until one that is lived to its end."""
    for steps in range(1000):
        root = folder / str(steps)
        root.mkdir()
        life = Life(root, keys)
        with fated(Fate(steps, torn=torn)):
            try:
                life.live()
            except Killed:
                pass
            else:
                assert steps >= FEWEST_STEPS
                return
        yield root, life


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("keys", [None, KEYS])
def test_whichever_step_was_the_last_the_recording_is_whole_at_the_next_start(
    tmp_path: Path, keys: MasterKeys | None, torn: bool
) -> None:
    for root, life in lives(tmp_path, keys, torn=torn):
        for part in root.rglob("*.part") if keys is None else ():
            assert_plays(part)
        recovered = Recorder(root, lambda: START, print, keys=keys).recover()
        assert part_ids(root) == set()
        for each in recovered:
            assert_whole(root, each, keys)
            assert each.duration_ms / 1000 >= life.written_s
            assert list(each.facts.pauses) in ([], [(2200, 2600)])
        if life.written_s and not life.acknowledged:
            assert [each.call_id for each in recovered] == ["call-0"]


def test_a_plain_file_plays_whichever_write_was_the_last(tmp_path: Path) -> None:
    """Also where the process died between what is said and the sizes that count it."""
    for steps in range(1, 9):
        place = tmp_path / f"{steps}.wav.part"
        with fated(Fate(steps, torn=False)), pytest.raises(Killed):
            write_for_ever(place)
        assert_plays(place)


def write_for_ever(place: Path) -> None:
    writer = WavWriter(place)
    while True:
        writer.append(bytes(range(256)) * 10)
