"""Recordings copied out, checked, erased and given new keys by the operator."""

import asyncio
import io
import os
import wave
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from b2bua.sealed_secrets import SealedSecrets
from media.recording.journal import Journal, JournalEntry, read_entry
from media.recording.master_keys import MasterKeys
from media.recording.sealed_file import SealedWriter
from media.recording.sealed_wav import SealedWavWriter
from media.recording.sealing import Seal, SealedKind
from media.recording.wav import WavWriter, wav_header
from storage.letters import WaitingLetter
from storage.person_records import Person
from storage.records import CallStatus, PurgedBy, Recording, RecordingFiles, changed
from storage.store import Store
from storage.units import UnitOfWork
from tests.commands.conftest import Desk
from tests.support.stored import ORG, a_call, an_organisation, completed

PCM = b"".join((n % 30_000).to_bytes(2, "little") for n in range(64_000))  # 4 s
DURATION_MS = 4000
MP3 = b"ID3" + bytes(range(256)) * 900
FILES = RecordingFiles(44 + len(PCM), sha256(wav_header(len(PCM)) + PCM).hexdigest(), len(MP3), sha256(MP3).hexdigest())
FORMER = "f" * 64


def in_store(desk: Desk, work: Callable[[UnitOfWork], Any]) -> Any:
    async def carry_out() -> Any:
        store = await Store.open(f"sqlite:///{desk.folder / 'var' / 'maskbridge.db'}")
        try:
            return await store.run(work)
        finally:
            await store.close()

    return asyncio.run(carry_out())


class Shelf:
    """The recordings of an installation."""

    def __init__(self, desk: Desk) -> None:
        self.root = desk.folder / "var" / "recordings"
        self._desk = desk
        in_store(desk, lambda unit: unit.accounts.create_organisation(an_organisation()))

    @property
    def newest(self) -> str:
        """The master key as configured."""
        return (self._desk.folder / "secrets" / "master.key").read_text().strip()

    def put(self, call_id: str, *, sealed_with: str = "", mp3: bool = True) -> Recording:
        """A finished call's recording, on the disk and in the database."""
        seal, sealed_key = MasterKeys(sealed_with).new_seal(call_id) if sealed_with else (None, None)
        wav_path, mp3_path = f"2026/01/31/{call_id}.wav", f"2026/01/31/{call_id}.mp3" if mp3 else None
        (self.root / wav_path).parent.mkdir(parents=True, exist_ok=True)
        self._write(self.root / wav_path, None if mp3_path is None else self.root / mp3_path, seal)
        recording = Recording(
            call_id,
            ORG,
            wav_path,
            mp3_path,
            DURATION_MS,
            0,
            1_769_860_800_000,
            sealed_key=sealed_key,
            files=FILES if mp3 else None,
        )

        def work(unit: UnitOfWork) -> None:
            live = a_call(call_id)
            unit.calls.save(live)
            unit.cdrs.add(changed(completed(live), recording_path=wav_path))
            unit.recordings.add(recording)

        in_store(self._desk, work)
        return recording

    @staticmethod
    def _write(wav: Path, mp3: Path | None, seal: Seal | None) -> None:
        writer = WavWriter(wav) if seal is None else SealedWavWriter(wav, seal)
        writer.append(PCM)
        writer.truncate(len(PCM))
        writer.close()
        if mp3 is None:
            return
        if seal is None:
            mp3.write_bytes(MP3)
            return
        sealed = SealedWriter(mp3, SealedKind.MP3, seal)
        sealed.write(MP3, 0)
        sealed.finish(len(MP3))
        sealed.close()

    def key_of(self, call_id: str) -> str:
        """The sealed key in the database."""
        recording = in_store(self._desk, lambda unit: unit.recordings.get(call_id))
        return str(recording.sealed_key)


@pytest.fixture
def shelf(desk: Desk) -> Shelf:
    return Shelf(desk)


def allow_former(desk: Desk) -> None:
    text = desk.config.read_text("utf-8")
    desk.config.write_text(text.replace("former_master_keys = []", f'former_master_keys = ["{FORMER}"]'), "utf-8")


@pytest.mark.parametrize("sealed", [False, True])
def test_a_recording_is_copied_out_in_plain_for_its_owner_alone(desk: Desk, shelf: Shelf, sealed: bool) -> None:
    shelf.put("call-1", sealed_with=shelf.newest if sealed else "")
    wav, mp3 = desk.folder / "out.wav", desk.folder / "out.mp3"
    shown = desk.json("recording", "export", "call-1", str(wav))
    assert shown == {"call_sid": "call-1", "file": str(wav), "bytes": 44 + len(PCM)}
    with wave.open(io.BytesIO(wav.read_bytes())) as reader:
        assert reader.readframes(reader.getnframes()) == PCM
    desk.json("recording", "export", "call-1", str(mp3))
    assert mp3.read_bytes() == MP3
    assert wav.stat().st_mode & 0o777 == 0o600
    noted = [(row["action"], row["object_id"], row["change"]) for row in desk.json("audit", "--org", ORG)["data"]]
    assert noted == [("recording.export", "call-1", {"file": name}) for name in ("out.mp3", "out.wav")]


def test_what_cannot_be_copied_out_is_said_and_leaves_nothing(desk: Desk, shelf: Shelf) -> None:
    shelf.put("call-1", mp3=False)
    shelf.put("call-2", sealed_with=FORMER)
    taken = desk.folder / "taken.wav"
    taken.write_text("mine")
    assert "must end in .wav or .mp3" in desk.refused("recording", "export", "call-1", "x.ogg")
    assert "not made yet" in desk.refused("recording", "export", "call-1", str(desk.folder / "x.mp3"))
    assert "no finished recording of a call nobody" in desk.refused("recording", "export", "nobody", "x.wav")
    assert "taken.wav" in desk.refused("recording", "export", "call-1", str(taken))
    assert taken.read_text() == "mine"
    assert "not among those given" in desk.refused("recording", "export", "call-2", str(desk.folder / "y.wav"))
    damaged = shelf.put("call-3", sealed_with=shelf.newest)
    flip(shelf.root / damaged.wav_path, 70_000)
    assert "does not open" in desk.refused("recording", "export", "call-3", str(desk.folder / "z.wav"))
    assert sorted(path.name for path in desk.folder.glob("*.wav")) == ["taken.wav"]


def flip(place: Path, at: int) -> None:
    content = bytearray(place.read_bytes())
    content[at] ^= 1
    place.write_bytes(content)


def test_whole_recordings_are_found_whole(desk: Desk, shelf: Shelf) -> None:
    for n in range(3):
        shelf.put(f"plain-{n}")
        shelf.put(f"sealed-{n}", sealed_with=shelf.newest)
    assert desk.json("recording", "verify") == {"checked": 6, "faults": []}
    assert desk.type("recording", "verify", "plain-0", "sealed-1")[1] == "2 recordings read, 0 faults\n"


def test_every_fault_is_named_with_its_file(desk: Desk, shelf: Shelf) -> None:
    cut = shelf.put("cut-wav")
    os.truncate(shelf.root / cut.wav_path, 1000)
    gone = shelf.put("gone-mp3")
    (shelf.root / str(gone.mp3_path)).unlink()
    flipped = shelf.put("flipped-wav", sealed_with=shelf.newest)
    flip(shelf.root / flipped.wav_path, 70_000)
    swapped = shelf.put("swapped-mp3", sealed_with=shelf.newest)
    os.replace(shelf.root / str(flipped.mp3_path), shelf.root / str(swapped.mp3_path))
    shelf.put("lost-key", sealed_with=FORMER)
    for name, path in (("other-sound", "wav_path"), ("other-music", "mp3_path")):
        flip(shelf.root / str(getattr(shelf.put(name), path)), 20_000)
    shelf.put("whole")
    status, out, err = desk.type("recording", "verify")
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert lines[-1] == "8 recordings read, 8 faults"
    for path, fault in (
        ("cut-wav.wav", "its length is not what its header says"),
        ("gone-mp3.mp3", "No such file"),
        ("flipped-wav.wav", "does not open"),
        ("flipped-wav.mp3", "No such file"),
        ("swapped-mp3.mp3", "another recording's"),
        ("other-sound.wav", "is not what it was"),
        ("other-music.mp3", "is not what it was"),
        ("lost-key.wav", "not among those given"),
    ):
        assert any(path in line and fault in line for line in lines), (path, out)


def test_a_recording_that_lasts_otherwise_than_noted_is_a_fault(desk: Desk, shelf: Shelf) -> None:
    short = shelf.put("short")
    (shelf.root / short.wav_path).unlink()
    writer = WavWriter(shelf.root / short.wav_path)
    writer.append(PCM[:32_000])
    writer.close()
    assert "it lasts 1000 ms, and 4000 ms were recorded" in desk.type("recording", "verify", "short")[1]


def test_an_erased_recording_is_gone_and_its_call_stays(desk: Desk, shelf: Shelf) -> None:
    recording = shelf.put("call-1", sealed_with=shelf.newest)
    shown = desk.json("recording", "erase", "call-1")
    assert (shown["call_sid"], shown["files_deleted"]) == ("call-1", True)
    assert not (shelf.root / recording.wav_path).exists()
    assert not (shelf.root / str(recording.mp3_path)).exists()
    kept = in_store(desk, lambda unit: unit.recordings.get("call-1"))
    assert (kept.purged_by, kept.sealed_key) == (PurgedBy.OPERATOR, None)
    assert in_store(desk, lambda unit: unit.cdrs.get("call-1")).status is CallStatus.COMPLETED
    assert "was purged at" in desk.refused("recording", "erase", "call-1")
    [row] = desk.json("audit", "--org", ORG)["data"]
    assert (row["action"], row["object_id"], row["actor_kind"]) == ("recording.erase", "call-1", "command")
    assert desk.json("recording", "verify") == {"checked": 0, "faults": []}


def test_keys_come_under_the_new_master_key_and_open_without_the_former(desk: Desk, shelf: Shelf) -> None:
    shelf.put("old", sealed_with=FORMER)
    shelf.put("new", sealed_with=shelf.newest)
    shelf.put("plain")
    before = shelf.key_of("new")
    allow_former(desk)
    status, out, _ = desk.type("recording", "rekey")
    assert (status, out) == (0, "1 keys are sealed anew; nothing needs a former master key any more\n")
    assert MasterKeys(shelf.newest).seal_of("old", shelf.key_of("old"))
    assert shelf.key_of("new") == before
    assert desk.json("recording", "rekey") == {"renewed": 0, "unreadable": 0, "still_open": 0}
    assert desk.json("recording", "verify")["faults"] == []
    [row] = desk.json("audit")["data"]
    assert (row["action"], row["change"]) == ("recording.rekey", {"renewed": 1}), "nothing is noted of doing nothing"


def test_what_still_needs_a_former_master_key_is_counted(desk: Desk, shelf: Shelf) -> None:
    shelf.put("lost", sealed_with="g" * 64)
    allow_former(desk)
    journal = Journal(shelf.root)
    journal.open()
    sealed_key = MasterKeys(FORMER).new_seal("live")[1]
    journal.write(JournalEntry("live", "2026/01/31/live.wav", sealed_key=sealed_key))
    (shelf.root / ".open" / "other.draft").write_text("being written")
    status, out, _ = desk.type("recording", "rekey", "--json")
    assert status == 1
    assert '"unreadable": 1, "still_open": 1' in out
    assert (shelf.root / ".open" / "other.draft").exists(), "the server's, beside which the command runs"


def test_second_factors_and_letters_come_under_the_new_master_key_too(desk: Desk, shelf: Shelf) -> None:
    """Or whoever has one could sign in no more, once the former key is taken away."""
    of_person, of_letter = (SealedSecrets(MasterKeys(FORMER)).new(owner) for owner in ("totp:p-1", "letter:l-1"))

    def fill(unit: UnitOfWork) -> None:
        unit.people.add(Person("p-1", "asha@shop.example", "Asha", 5, totp_sealed=of_person[1], totp_confirmed_at=6))
        unit.people.add(Person("p-2", "ravi@shop.example", "Ravi", 5))
        unit.letters.add(WaitingLetter("l-1", 5, "reset", "asha@shop.example", "Hello", "\x1f", of_letter[1]))
        unit.letters.add(WaitingLetter("l-2", 5, "low", "asha@shop.example", "Hello", "text"))

    in_store(desk, fill)
    assert desk.type("recording", "rekey", "--json")[0] == 1, "the former master key is not given"
    allow_former(desk)
    assert desk.json("recording", "rekey") == {"renewed": 2, "unreadable": 0, "still_open": 0}
    assert desk.json("recording", "rekey")["renewed"] == 0
    box = SealedSecrets(MasterKeys(shelf.newest))
    person = in_store(desk, lambda unit: unit.people.person("p-1"))
    (letter, plain) = in_store(desk, lambda unit: unit.letters.waiting())
    assert box.opened("totp:p-1", person.totp_sealed) == of_person[0]
    assert box.opened("letter:l-1", letter.sealed) == of_letter[0]
    assert (person.totp_confirmed_at, letter.text, plain.sealed) == (6, "\x1f", None)


def test_a_key_beside_a_recording_of_nobodys_is_renewed_too(desk: Desk, shelf: Shelf) -> None:
    allow_former(desk)
    folder = shelf.root / "2026/01/31"
    folder.mkdir(parents=True)
    sealed_key = MasterKeys(FORMER).new_seal("lone")[1]
    place = folder / "lone.wav.key"
    place.write_text(JournalEntry("lone", "2026/01/31/lone.wav", sealed_key=sealed_key).as_json())
    assert desk.json("recording", "rekey") == {"renewed": 1, "unreadable": 0, "still_open": 0}
    entry = read_entry(place)
    assert entry is not None
    assert entry.sealed_key is not None
    assert MasterKeys(shelf.newest).seal_of("lone", entry.sealed_key)
    assert [path.name for path in folder.iterdir()] == ["lone.wav.key"]


@pytest.mark.parametrize(("typed", "kept"), [("30", 30), ("0", 0), ("36500", 36_500), ("default", None)])
def test_an_organisation_has_a_term_of_its_own(desk: Desk, typed: str, kept: int | None) -> None:
    org = desk.org()
    assert desk.json("org", "set", org, "--retention-days", "7")["retention_days"] == 7
    assert desk.json("org", "set", org, "--retention-days", typed) == {"org_id": org, "retention_days": kept}
    assert desk.json("org", "list")["data"][0]["retention_days"] == kept


@pytest.mark.parametrize("typed", ["-1", "36501", "1.5", "never", "", "9" * 40])
def test_an_impossible_term_is_refused(desk: Desk, typed: str) -> None:
    assert "--retention-days" in desk.refused("org", "set", desk.org(), f"--retention-days={typed}")
    assert "there is no organisation nobody" in desk.refused("org", "set", "nobody", "--retention-days", "3")
