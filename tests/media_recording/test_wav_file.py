"""A WAV that is valid whenever its writer dies."""

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from media.recording.wav import HEADER_BYTES, WavWriter, repair_wav, sync_folder

REPOSITORY = Path(__file__).parents[2]

ENDLESS_WRITER = """
import sys
from pathlib import Path
from media.recording.wav import WavWriter
wav = WavWriter(Path(sys.argv[1]))
second = bytes(range(200)) * 160
while True:
    wav.append(second)
    print("written", flush=True)
"""


def read(path: Path) -> tuple[int, int, int, bytes]:
    """Channels, sample width, rate, PCM as the standard library sees them."""
    with wave.open(str(path)) as reader:
        return reader.getnchannels(), reader.getsampwidth(), reader.getframerate(), reader.readframes(1 << 30)


def test_it_is_valid_after_every_append(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    wav = WavWriter(path)
    assert read(path) == (2, 2, 8000, b"")
    wav.append(b"\x01\x00\x02\x00" * 10)
    assert read(path)[3] == b"\x01\x00\x02\x00" * 10
    wav.append(b"\x03\x00\x04\x00")
    assert read(path)[3] == b"\x01\x00\x02\x00" * 10 + b"\x03\x00\x04\x00"
    wav.sync()
    wav.close()


def test_truncating_cuts_file_and_sizes(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    wav = WavWriter(path)
    wav.append(bytes(400))
    wav.truncate(100)
    wav.truncate(200)
    wav.close()
    assert len(read(path)[3]) == 100
    assert path.stat().st_size == HEADER_BYTES + 100


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        WavWriter(path)
    assert path.read_bytes() == b"kept"


def test_a_killed_writer_leaves_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    writer = subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITER, str(path)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert writer.stdout is not None
    for _ in range(20):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    channels, width, rate, pcm = read(path)
    assert (channels, width, rate) == (2, 2, 8000)
    assert len(pcm) >= 20 * 32_000
    assert len(pcm) % 4 == 0
    assert pcm[:32_000] == bytes(range(200)) * 160


@pytest.mark.parametrize("length", [0, 10, HEADER_BYTES, HEADER_BYTES + 3, HEADER_BYTES + 403])
def test_repair_makes_sizes_of_what_is_there(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(bytes(length))
    pcm_bytes = repair_wav(path)
    assert pcm_bytes == max(0, length - HEADER_BYTES) // 4 * 4
    assert len(read(path)[3]) == pcm_bytes
    assert path.stat().st_size == HEADER_BYTES + pcm_bytes


def test_what_is_repaired_and_synced_is_not_left_open(tmp_path: Path) -> None:
    """A start after a crash may find as many of them as there were calls."""
    path = tmp_path / "x.wav"
    path.write_bytes(bytes(1000))
    before = os.listdir("/proc/self/fd")
    repair_wav(path)
    sync_folder(tmp_path)
    assert os.listdir("/proc/self/fd") == before
