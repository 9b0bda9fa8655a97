"""Sealed files: whose they are, what is said of one that does not open, full disks, nonces, WAVs of them."""

import io
import os
import wave
from pathlib import Path

import pytest

from media.recording import sealed_file
from media.recording.master_keys import KeyUnavailable, MasterKeys
from media.recording.sealed_file import SealedReader, SealedWriter, finish_after_crash, write_all
from media.recording.sealed_wav import SealedWavWriter, pcm_bytes_of, repair_sealed_wav, sealed_wav
from media.recording.sealing import (
    MOST_CHUNKS,
    Nonces,
    NotSealed,
    OtherRecording,
    Seal,
    SealDamaged,
    SealedKind,
    SealError,
)

SEAL = Seal("call-1", b"k" * 32)
NEWEST, FORMER = "n" * 64, "f" * 64


def sealed(path: Path, plain: bytes = b"plain", seal: Seal = SEAL, kind: SealedKind = SealedKind.MP3) -> bytes:
    writer = SealedWriter(path, kind, seal)
    writer.write(plain, 0)
    writer.finish(len(plain))
    writer.close()
    return path.read_bytes()


def read(path: Path, seal: Seal = SEAL, kind: SealedKind = SealedKind.MP3) -> bytes:
    with path.open("rb") as file:
        reader = SealedReader(file.fileno(), kind, seal)
        return reader.read_at(0, reader.length)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda content: b"RIFF" + content, NotSealed, "not a sealed recording"),
        (lambda content: b"", NotSealed, "not a sealed recording"),
        (lambda content: content[:6] + b"\x02" + content[7:], NotSealed, "version 2"),
        (lambda content: content[:8] + b"\xff" + content[9:], SealDamaged, "head is damaged"),
        (lambda content: content[:-1], SealError, "no end"),
        (lambda content: content + b"x", SealDamaged, "behind its end"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), SealDamaged, "does not open"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, change: object, error: type[SealError], words: str) -> None:
    path = tmp_path / "x"
    content = sealed(path)
    path.write_bytes(change(content))  # type: ignore[operator]
    with pytest.raises(error, match=words):
        read(path)


def test_a_file_opens_as_its_own_recording_and_kind_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    sealed(path)
    with pytest.raises(OtherRecording, match="another recording"):
        read(path, Seal("call-2", SEAL.key))
    with pytest.raises(OtherRecording, match="not the PCM"):
        read(path, kind=SealedKind.PCM)
    with pytest.raises(SealDamaged, match="does not open"):
        read(path, Seal(SEAL.recording_id, b"x" * 32))
    assert read(path) == b"plain"


def test_nothing_of_the_audio_stands_in_the_file(tmp_path: Path) -> None:
    plain = os.urandom(200_000)
    content = sealed(tmp_path / "x", plain)
    assert not any(plain[at : at + 8] in content for at in range(0, len(plain), 997))
    assert len(content) < len(plain) + 300
    assert read(tmp_path / "x") == plain


def test_a_chunk_of_an_earlier_writing_of_the_same_file_is_seen(tmp_path: Path) -> None:
    first, second = (sealed(tmp_path / name, name.encode() * 65_536) for name in ("1", "2"))
    assert len(first) == len(second)
    end = len(second) - 33 - 16
    (tmp_path / "2").write_bytes(first[:end] + second[end:])
    with pytest.raises(SealDamaged):
        read(tmp_path / "2")
    long = [sealed(tmp_path / name, name.encode() * 131_072) for name in ("3", "4")]
    half = (len(long[0]) - 33 - 16) // 2
    (tmp_path / "4").write_bytes(long[0][:half] + long[1][half:])
    with pytest.raises(SealError):
        read(tmp_path / "4")


def test_the_head_is_vouched_for(tmp_path: Path) -> None:
    content = bytearray(sealed(tmp_path / "x"))
    content[11] ^= 1  # the largest chunk there may be: every chunk still fits
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SealDamaged):
        read(tmp_path / "x")


def test_silence_behind_the_last_chunk_is_vouched_for_by_where_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    writer = SealedWriter(path, SealedKind.MP3, SEAL)
    writer.write(b"AAAA", 100)
    writer.finish(300)
    writer.close()
    assert read(path) == bytes(100) + b"AAAA" + bytes(196)
    content = bytearray(path.read_bytes())
    at = len(content) - (33 + 16) - (33 + 4 + 16)
    content[at + 13 : at + 29] = (50).to_bytes(8) + (50).to_bytes(8)  # offset and gap, as if it had come earlier
    path.write_bytes(content)
    with path.open("rb") as file:
        reader = SealedReader(file.fileno(), SealedKind.MP3, SEAL)
        with pytest.raises(SealDamaged):
            reader.read_at(100, 4)


def test_a_file_is_made_new_and_its_owners_and_groups_alone(tmp_path: Path) -> None:
    path = tmp_path / "x"
    sealed(path)
    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    with pytest.raises(FileExistsError):
        SealedWriter(path, SealedKind.MP3, SEAL)


def test_another_key_finishes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x"
    writer = SealedWriter(path, SealedKind.PCM, SEAL)
    writer.write(b"plain", 0)
    writer.close()
    content = path.read_bytes()
    with pytest.raises(SealDamaged):
        finish_after_crash(path, SealedKind.PCM, Seal(SEAL.recording_id, b"x" * 32), unit_bytes=1, entropy=os.urandom)
    assert path.read_bytes() == content


class Disk:
    """What is written, and a disk that refuses now and then, in the middle of a write."""

    def __init__(self, refused: set[int]) -> None:
        self.refused = refused
        self.writes = 0
        self.nonces: list[bytes] = []

    def write(self, descriptor: int, content: bytes, offset: int) -> None:
        self.writes += 1
        if self.writes > 1:  # the first is the head
            self.nonces.append(content[1:13])
        if self.writes in self.refused:
            write_all(descriptor, content[: len(content) // 2], offset)
            raise OSError(28, "No space left on device")
        write_all(descriptor, content, offset)


def test_a_refused_chunk_leaves_silence_and_its_nonce_is_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk({3, 6})
    monkeypatch.setattr(sealed_file, "write_all", disk.write)
    wav = SealedWavWriter(tmp_path / "x", SEAL)
    for second in (b"AAAA", b"BBBB", b"CCCC", b"DDDD"):
        try:
            wav.append(second)
        except OSError:
            wav.leave_out(len(second))
    wav.truncate(16)  # refused once: the last chunk makes room
    wav.close()
    assert len(disk.nonces) == len(set(disk.nonces)) == 6
    assert read(tmp_path / "x", kind=SealedKind.PCM) == b"AAAA\0\0\0\0CCCC\0\0\0\0"


def test_a_disk_that_refuses_even_the_end_of_an_empty_file_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_file, "write_all", Disk({2}).write)
    writer = SealedWriter(tmp_path / "x", SealedKind.PCM, SEAL)
    with pytest.raises(OSError, match="No space"):
        writer.finish(0)
    writer.close()


def test_a_file_whose_head_is_refused_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_file, "write_all", Disk({1}).write)
    with pytest.raises(OSError, match="No space"):
        SealedWriter(tmp_path / "x", SealedKind.PCM, SEAL)
    assert list(tmp_path.iterdir()) == []


def test_whoever_finishes_a_file_draws_nonces_of_its_own(tmp_path: Path) -> None:
    drawn: list[bytes] = []

    def entropy(length: int) -> bytes:
        drawn.append(os.urandom(length))
        return drawn[-1]

    path = tmp_path / "x"
    writer = SealedWriter(path, SealedKind.PCM, SEAL, entropy=entropy)
    writer.write(b"AAAA", 0)
    writer.write(b"BBBB", 4)
    writer.close()
    torn = path.read_bytes()[:-1]
    path.write_bytes(torn)
    finish_after_crash(path, SealedKind.PCM, SEAL, unit_bytes=4, entropy=entropy)
    assert len(drawn) == 2
    assert path.read_bytes()[-49 + 1 : -49 + 9] == drawn[1]


def test_a_writer_has_so_many_nonces() -> None:
    nonces = Nonces(b"w" * 8)
    assert len({nonces.next() for _ in range(MOST_CHUNKS)}) == MOST_CHUNKS
    with pytest.raises(OverflowError):
        nonces.next()


def test_a_sealed_wav_reads_as_the_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    wav = SealedWavWriter(path, SEAL)
    for number in range(5):
        wav.append(bytes([number]) * 32_000)
    wav.truncate(130_000)
    wav.sync()
    wav.close()
    assert pcm_bytes_of(path, SEAL) == 130_000
    with path.open("rb") as file, wave.open(sealed_wav(file.fileno(), SEAL)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (2, 2, 8000)
        pcm = reader.readframes(1_000_000)
        reader.setpos(8_000)
        assert reader.readframes(2) == bytes([1]) * 8
    assert pcm == b"".join(bytes([number]) * 32_000 for number in range(5))[:130_000]


def test_a_sealed_wav_is_not_left_open_by_whoever_writes_measures_or_repairs_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    before = os.listdir("/proc/self/fd")
    wav = SealedWavWriter(path, SEAL)
    wav.append(bytes(400))
    wav.truncate(400)
    wav.close()
    assert pcm_bytes_of(path, SEAL) == repair_sealed_wav(path, SEAL) == 400
    assert os.listdir("/proc/self/fd") == before


def test_a_sealed_wav_whose_writer_died_at_once_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"MB")
    assert repair_sealed_wav(path, SEAL) == 0
    with path.open("rb") as file:
        assert len(sealed_wav(file.fileno(), SEAL).read()) == 44


def test_a_sealed_wav_is_a_file_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    wav = SealedWavWriter(path, SEAL)
    wav.append(b"abcdefgh")
    wav.truncate(8)
    wav.close()
    with path.open("rb") as file:
        stream = sealed_wav(file.fileno(), SEAL)
        assert stream.seekable()
        assert stream.readable()
        assert stream.seek(-2, io.SEEK_END) == 50
        assert stream.read() == b"gh"
        assert stream.seek(44) == stream.tell()
        assert stream.read(3) == b"abc"
        stream.seek(1, io.SEEK_CUR)
        assert stream.read(1) == b"e"


class TestMasterKeys:
    def test_a_key_opens_with_its_master_key_alone(self) -> None:
        seal, text = MasterKeys(NEWEST).new_seal("call-1")
        assert MasterKeys(NEWEST).seal_of("call-1", text) == seal
        assert len(seal.key) == 32
        with pytest.raises(KeyUnavailable, match=f"master key {MasterKeys(NEWEST).newest_id}, which is not among"):
            MasterKeys(FORMER).seal_of("call-1", text)

    def test_no_two_keys_are_the_same(self) -> None:
        keys = MasterKeys(NEWEST)
        assert keys.new_seal("call-1")[0].key != keys.new_seal("call-1")[0].key

    def test_a_key_is_of_its_recording_alone(self) -> None:
        keys = MasterKeys(NEWEST)
        text = keys.new_seal("call-1")[1]
        with pytest.raises(KeyUnavailable, match="another recording's"):
            keys.seal_of("call-2", text)

    @pytest.mark.parametrize("text", ["", "v1", "v2.a.b", "v1.a.b.c"])
    def test_an_unknown_form_is_refused(self, text: str) -> None:
        with pytest.raises(KeyUnavailable, match="does not know"):
            MasterKeys(NEWEST).seal_of("call-1", text)

    def test_an_altered_key_is_refused(self) -> None:
        keys = MasterKeys(NEWEST)
        text = keys.new_seal("call-1")[1]
        for altered in (text[:-9] + ("A" if text[-9] != "A" else "B") + text[-8:], text[:30], text + "*"):
            with pytest.raises(KeyUnavailable, match="altered"):
                keys.seal_of("call-1", altered)

    def test_former_keys_open_and_the_newest_seals(self) -> None:
        seal, old = MasterKeys(FORMER).new_seal("call-1")
        keys = MasterKeys(NEWEST, [FORMER])
        assert keys.seal_of("call-1", old) == seal
        renewed = keys.renewed("call-1", old)
        assert MasterKeys(NEWEST).seal_of("call-1", renewed) == seal
        assert keys.renewed("call-1", renewed) == renewed
        assert keys.new_seal("call-2")[1].split(".")[1] == keys.newest_id

    def test_neither_key_shows_itself(self) -> None:
        keys = MasterKeys(NEWEST)
        seal, _text = keys.new_seal("call-1")
        assert "key=" not in repr(seal)
        assert NEWEST not in repr(keys)
