"""SIGKILL at random moments, sealed and plain: whatever was being done, every recording is whole at the next start."""

import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.codecs.g711 import ULAW_TO_LINEAR
from media.recording.finished_files import check_wav, plain
from media.recording.journal import PART_SUFFIX, Journal
from media.recording.master_keys import MasterKeys
from media.recording.recorder import Recorder
from media.recording.recovery import RecoveredRecording
from media.recording.sealing import SealedKind
from tests.support.dice import Dice

REPOSITORY = Path(__file__).parents[2]
MASTER = "m" * 64
KILLS = 8
LONGEST_LIFE_S = 0.9
MOMENTS = Dice(20_260_131)

# Six calls at any time, of one to ten seconds each on a clock that runs forty times as fast: there is always one that
# begins, pauses, goes on, ends, is closed and named. Every fact is told once it is one.
RECORDING_PROCESS = """
import itertools, os, sys, time
from pathlib import Path
from media.events import RecordingFinished
from media.recording.master_keys import MasterKeys
from media.recording.recorder import Recorder

root, sealed = Path(sys.argv[1]), sys.argv[2] == "sealed"
began = time.monotonic()

def clock():
    return began + (time.monotonic() - began) * 40

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def on_event(event):
    say("finished" if isinstance(event, RecordingFinished) else "failed", event.call_id)

recorder = Recorder(root, clock, on_event, keys=MasterKeys("m" * 64) if sealed else None, sealed=sealed)
recorder.open()
numbers = itertools.count()
live = []
say("ready", "-")
while True:
    now = clock()
    while len(live) < 6:
        number = next(numbers)
        call_id = f"call-{number}"
        tap = recorder.start(call_id, f"2026/01/31/{call_id}.wav", now)
        live.append([call_id, tap, now, 0, now + 1 + number % 10, number % 3 == 0])
    for each in list(live):
        call_id, tap, started_at, sent, ends_at, pauses = each
        while started_at + sent * 0.02 < min(now, ends_at):
            for channel in (0, 1):
                tap.put(channel, started_at + sent * 0.02, sent * 160, channel + 1, 0, bytes([channel + 1]) * 160)
            sent += 1
        each[3] = sent
        if pauses and now > started_at + 0.5:
            each[5] = False
            recorder.pause(call_id, now)
            recorder.resume(call_id, now + 0.2)
        if now >= ends_at:
            recorder.finish(call_id, ends_at)
            live.remove(each)
    time.sleep(0.002)
"""


@dataclass(frozen=True)
class Killed:
    """What a killed process left, and what it had said."""

    root: Path
    finished: frozenset[str]
    failed: frozenset[str]


def killed(folder: Path, kind: str) -> Iterator[Killed]:
    """Processes that record, each killed at a moment of its own."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for number in range(KILLS):
        root = folder / str(number)
        process = subprocess.Popen(
            [sys.executable, "-c", RECORDING_PROCESS, str(root), kind], stdout=subprocess.PIPE, env=environment
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready -\n"
            with suppress(subprocess.TimeoutExpired):
                process.wait(MOMENTS.within(0, LONGEST_LIFE_S))
            process.kill()
            said = [line.split() for line in process.stdout.read().decode().splitlines() if line.count(" ") == 1]
        finished = frozenset(call_id for word, call_id in said if word == "finished")
        yield Killed(root, finished, frozenset(call_id for word, call_id in said if word == "failed"))


def part_ids(root: Path) -> set[str]:
    return {place.name.partition(".")[0] for place in root.rglob(f"*{PART_SUFFIX}")}


@pytest.mark.parametrize("kind", ["plain", "sealed"])
def test_whatever_a_killed_process_was_doing_its_recordings_are_whole(tmp_path: Path, kind: str) -> None:
    keys = MasterKeys(MASTER) if kind == "sealed" else None
    in_the_middle = 0
    for left in killed(tmp_path, kind):
        assert not left.failed
        parts = part_ids(left.root)
        if keys is None:
            for part in left.root.rglob(f"*{PART_SUFFIX}"):
                assert_plays(part)
        journalled = {entry.call_id for entry in Journal(left.root).entries()}
        assert parts <= journalled, "there is a file that nobody will look for"
        recovered = Recorder(left.root, lambda: 0.0, print, keys=keys).recover()
        found = {each.call_id for each in recovered}
        assert parts | left.finished <= found
        assert part_ids(left.root) == set()
        for each in recovered:
            assert_whole(left.root, each, keys)
        again = Recorder(left.root, lambda: 0.0, print, keys=keys).recover()
        assert again == recovered, "they are reported until somebody has taken note"
        in_the_middle += len(parts)
    assert in_the_middle > KILLS, "hardly anything was being written when the processes were killed"


def assert_plays(part: Path) -> None:
    """A plain file is a WAV at any moment but the one in which its name was made."""
    if part.stat().st_size == 0:
        return
    with wave.open(str(part), "rb") as reader:
        assert len(reader.readframes(reader.getnframes())) == reader.getnframes() * 4


def assert_whole(root: Path, found: RecoveredRecording, keys: MasterKeys | None) -> None:
    """It opens from end to end, lasts as long as it says, and nothing is in it but what was said on its side."""
    seal = None if keys is None else keys.seal_of(found.call_id, str(found.sealed_key))
    check_wav(root / found.path, seal, found.duration_ms)
    with plain(root / found.path, SealedKind.PCM, seal) as file, wave.open(file, "rb") as reader:
        samples = memoryview(reader.readframes(reader.getnframes())).cast("h")
    for channel in (0, 1):
        assert set(samples[channel::2]) <= {0, ULAW_TO_LINEAR[channel + 1]}
    for from_ms, to_ms in found.facts.pauses:
        assert set(samples[from_ms * 16 + 16 : to_ms * 16 - 16]) <= {0}
