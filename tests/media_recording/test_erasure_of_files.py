"""Deleting a recording's files: all of them, and nothing that lies elsewhere."""

from pathlib import Path

import pytest

from media.recording.erasure import NotOurs, erase_files
from media.recording.recorder import Recorder

WAV = "2026/01/31/abc.wav"
LATER = "2026/02/01"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings" / "2026/01/31"
    folder.mkdir(parents=True)
    for name in ("abc.wav", "abc.mp3", "abc.mp3.3.part", "abc.wav.part", "abc.wav.key", "abcd.wav", "abc.mp3x"):
        (folder / name).write_bytes(b"audio")
    (tmp_path / "outside.wav").write_bytes(b"not ours")
    (tmp_path / "outside.mp3").write_bytes(b"not ours")
    return tmp_path / "recordings"


def names(root: Path) -> list[str]:
    return sorted(place.name for place in (root / WAV).parent.iterdir())


def test_all_that_is_of_the_recording_goes_and_nothing_else(root: Path) -> None:
    assert erase_files(root, WAV, "2026/01/31/abc.mp3", LATER)
    assert names(root) == ["abc.mp3x", "abcd.wav"]
    assert erase_files(root, WAV, None, LATER), "what is gone is gone"


def test_the_mp3_is_found_without_its_path(root: Path) -> None:
    assert erase_files(root, WAV, None, LATER)
    assert names(root) == ["abc.mp3x", "abcd.wav"]


def test_a_name_stays_taken_while_its_day_lasts(root: Path) -> None:
    for _ in range(2):
        assert not erase_files(root, WAV, None, "2026/01/31")
        assert names(root) == ["abc.mp3x", "abc.wav", "abcd.wav"]
        assert (root / WAV).read_bytes() == b""
        assert Recorder(root, lambda: 0.0, print).taken(WAV)
    assert erase_files(root, WAV, None, LATER)
    assert names(root) == ["abc.mp3x", "abcd.wav"]


def test_a_folder_that_is_gone_is_fine(root: Path) -> None:
    assert erase_files(root, "2020/01/01/abc.wav", "2020/01/01/abc.mp3", LATER)


@pytest.mark.parametrize(
    ("wav", "mp3"),
    [
        ("../outside.wav", None),
        ("/etc/abc.wav", None),
        ("2026/01/31/abc.wav", "../outside.mp3"),
        ("2026/01/31/abc.wav", "2026/01/31/abc.txt"),
        ("2026/01/31", None),
        ("", None),
        (".open/abc.wav", None),
        ("2026/01/31/\0.wav", None),
    ],
)
def test_no_path_leads_out_of_the_folder(root: Path, wav: str, mp3: str | None) -> None:
    before = names(root)
    with pytest.raises(NotOurs):
        erase_files(root, wav, mp3, LATER)
    assert names(root) == before
    assert (root.parent / "outside.wav").exists()
    assert (root.parent / "outside.mp3").exists()


def test_no_link_leads_out_of_the_folder(root: Path) -> None:
    (root / "elsewhere").symlink_to(root.parent)
    with pytest.raises(NotOurs):
        erase_files(root, "elsewhere/outside.wav", None, LATER)
    (root / "2026/01/31/link.wav").symlink_to(root.parent / "outside.wav")
    assert not erase_files(root, "2026/01/31/link.wav", None, "2026/01/31")
    assert (root.parent / "outside.wav").read_bytes() == b"not ours"
    assert erase_files(root, "2026/01/31/link.wav", None, LATER)
    assert (root.parent / "outside.wav").read_bytes() == b"not ours"


def test_a_name_is_no_pattern(root: Path) -> None:
    (root / "2026/01/31/[a]*.wav").write_bytes(b"audio")
    (root / "2026/01/31/[a]*.mp3.1.part").write_bytes(b"audio")
    assert erase_files(root, "2026/01/31/[a]*.wav", None, LATER)
    assert "abc.mp3.3.part" in names(root)
    assert "[a]*.mp3.1.part" not in names(root)
