"""The bundled announcements: speech at a fit level, in both laws, played to its end in a leg's packet time."""

import math
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from media.codecs.g711 import alaw_to_linear, ulaw_to_linear
from media.codecs.table import PCMA, PCMU
from media.events import PlaybackFinished
from media.player import Player
from media.prompts.bundled import SPOKEN, UNKNOWN_CALLER, load
from tests.support.relay_bed import RelayBed

pytestmark = pytest.mark.usefixtures("each_table")

ROOT = Path(__file__).parents[2]


def level_dbm0(samples: list[int]) -> float:
    return 10 * math.log10(sum(value * value for value in samples) / len(samples) / (32768**2 / 2)) + 3.14


@pytest.mark.parametrize("name", SPOKEN)
@pytest.mark.parametrize(("codec", "decode"), [(PCMA, alaw_to_linear), (PCMU, ulaw_to_linear)])
def test_an_announcement_is_a_few_seconds_of_speech_at_telephone_level(name: str, codec: int, decode: object) -> None:
    tone = load(name)
    assert callable(decode)
    samples = decode(tone.encoded[codec])
    assert 2 * 8000 < len(samples) < 6 * 8000
    loud = [samples[at : at + 160] for at in range(0, len(samples), 160) if max(map(abs, samples[at : at + 160])) > 500]
    assert len(loud) > 60
    assert -24 < level_dbm0([value for part in loud for value in part]) < -9
    assert max(map(abs, samples)) < 32000
    assert max(map(abs, samples[:800])) < 100, "it begins in silence"
    assert not tone.endless


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40])
@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_a_stranger_hears_the_announcement_to_its_end(ptime_ms: int, codec: int) -> None:
    bed = RelayBed()
    a = bed.party("a", codec=codec, ptime_ms=ptime_ms)
    plan = Player().plan(UNKNOWN_CALLER)
    bed.table.play(a.stream, plan, bed.now)
    bed.run(plan.tone.samples / 8000 + 0.1)
    heard = a.heard()
    assert b"".join(packet.payload for packet in heard)[: plan.tone.samples] == plan.tone.encoded[codec]
    assert {len(packet.payload) for packet in heard} == {ptime_ms * 8}
    assert bed.events == [PlaybackFinished("a", UNKNOWN_CALLER)]


def test_the_announcements_are_installed_with_the_package() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    files = [path.name for path in (ROOT / "media" / "prompts").iterdir() if path.suffix == ".wav"]
    assert sorted(files) == sorted(f"{name}.wav" for name in SPOKEN)
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in files)
    assert sum((ROOT / "media" / "prompts" / name).stat().st_size for name in files) < 150_000
