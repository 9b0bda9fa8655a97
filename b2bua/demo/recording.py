"""Fetching a recording the way an integrator does, and decoding it."""

import sys
import wave
from pathlib import Path
from typing import Final

from b2bua.demo.children import ChildFailed, run_once
from b2bua.demo.client import RestClient
from b2bua.demo.evidence import RecordingEvidence
from b2bua.demo.sound import Sound, read_wav

_PREFIX: Final = "recordings/"
_FFMPEG_PATH: Final = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"


async def fetch_recording(
    client: RestClient, call_sid: str, recordings: Path, recording_url: str, target: Path
) -> RecordingEvidence:
    """The WAV from the service's disk; the MP3 by its signed URL, whole, in part and tampered, kept beside `target`."""
    data = await client.get(f"/v1/masking/calls/{call_sid}/recording")
    url = str(data["recording_url"])
    whole = await client.fetch(url)
    part = await client.fetch(url, Range="bytes=100-299")
    tampered = await client.fetch(url[:-1] + ("0" if url[-1] != "0" else "1"), "HEAD")
    mp3_path = target.with_suffix(".mp3")
    mp3_path.write_bytes(whole.body)
    mp3, said = await _decode(mp3_path, target.with_name(f"{target.name}-mp3.wav"))
    wav_path = recordings / recording_url.removeprefix(_PREFIX)
    return RecordingEvidence(wav_path, _read(wav_path), mp3_path, mp3, said, whole, part, tampered)


async def _decode(mp3: Path, wav: Path) -> tuple[Sound | None, str]:
    """The MP3's sound, or what ffmpeg said of it."""
    try:
        ffmpeg = (await run_once(sys.executable, "-c", _FFMPEG_PATH)).strip()
        await run_once(ffmpeg, "-v", "error", "-y", "-i", str(mp3), "-c:a", "pcm_s16le", str(wav))
    except ChildFailed as failure:
        return None, str(failure)
    return _read(wav), ""


def _read(path: Path) -> Sound | None:
    try:
        return read_wav(path)
    except (OSError, wave.Error, EOFError):
        return None
