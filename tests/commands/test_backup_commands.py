"""`backup` and `restore`, as an operator types them."""

import asyncio
import errno
import json
import os
import shutil
import sqlite3
from array import array
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from b2bua.commands.backup_files import describe, read_manifest, write_manifest
from b2bua.config import load_config
from b2bua.server import locks_of
from b2bua.sole_use import sole_use
from media.prompts.bundled import render_wav
from storage.records import Recording
from storage.store import Store
from storage.units import UnitOfWork
from tests.commands.conftest import Desk
from tests.support.stored import ORG, a_call, an_organisation, completed

SEALED = "v1.0123456789abcdef.c2VhbGVk"


class Kept:
    """An installation with a finished call, its recording, and another that is still being written."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.config = load_config(desk.config, {})
        self.recordings = self.config.storage.recordings
        self.folder = desk.folder.parent / "backup"
        day = self.recordings / "2025/01/01"
        day.mkdir(parents=True)
        (day / "abcdef01.wav").write_bytes(b"RIFF" + b"\0" * 5000)
        (day / "abcdef01.mp3").write_bytes(b"ID3" + b"\1" * 800)
        (day / "abcdef02.wav.part").write_bytes(b"half")
        (self.recordings / ".open").mkdir()
        (self.recordings / ".open/call-9.json").write_text("{}")

    @property
    def wav(self) -> Path:
        return self.recordings / "2025/01/01/abcdef01.wav"

    def write(self, sealed_key: str | None = None) -> None:
        self.work(lambda unit: self._fill(unit, sealed_key))

    def work(self, work: object) -> None:
        async def run() -> None:
            store = await Store.open(self.config.storage.url)
            await store.run(work)  # type: ignore[arg-type]
            await store.close()

        asyncio.run(run())

    def _fill(self, unit: UnitOfWork, sealed_key: str | None) -> None:
        unit.accounts.create_organisation(an_organisation())
        unit.cdrs.add(completed(a_call()))
        path = "2025/01/01/abcdef01"
        unit.recordings.add(
            Recording("call-1", ORG, f"{path}.wav", f"{path}.mp3", 1_000, 0, 1, None, sealed_key=sealed_key)
        )

    def lose_everything(self) -> None:
        for path in self.config.folder.glob("var/*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def kept(desk: Desk) -> Kept:
    made = Kept(desk)
    made.write()
    return made


def test_what_is_backed_up_comes_back_after_all_is_lost(kept: Kept) -> None:
    desk = kept.desk
    told = desk.json("backup", str(kept.folder))
    assert (told["recordings"], told["absent"], told["master_keys"]) == (2, [], {})
    kept.lose_everything()
    restored = desk.json("restore", str(kept.folder))
    assert (restored["replaced"], restored["erased_since"]) == (None, 0)
    assert [call["call_sid"] for call in desk.json("calls")["data"]] == ["call-1"]
    assert kept.wav.read_bytes() == b"RIFF" + b"\0" * 5000
    assert not (kept.recordings / "2025/01/01/abcdef02.wav.part").exists()


def test_organisations_prompts_come_back_too_and_those_that_are_there_stay(kept: Kept, tmp_path: Path) -> None:
    desk = kept.desk
    wav = tmp_path / "order.wav"
    wav.write_bytes(render_wav(array("h", [3000, -3000] * 4000)))
    for name in ("order", "again"):
        desk.json("prompt", "add", "--org", ORG, name, str(wav))
    (stored,) = kept.config.storage.prompts.iterdir()
    content = stored.read_bytes()
    assert desk.json("backup", str(kept.folder))["recordings"] == 2
    assert (kept.folder / "prompts" / stored.name).read_bytes() == content
    kept.lose_everything()
    desk.json("restore", str(kept.folder))
    assert [each["name"] for each in desk.json("prompt", "list", "--org", ORG)["data"]] == ["again", "order"]
    assert stored.read_bytes() == content
    inode = stored.stat().st_ino
    desk.json("restore", str(kept.folder), "--replace")
    assert stored.stat().st_ino == inode


def test_the_manifest_tells_every_file_and_no_secret_is_in_it(kept: Kept) -> None:
    kept.desk.json("backup", str(kept.folder))
    manifest = json.loads((kept.folder / "manifest.json").read_text())
    assert [each["path"] for each in manifest["files"]] == [
        "maskbridge.db",
        "maskbridge.toml",
        "recordings/2025/01/01/abcdef01.mp3",
        "recordings/2025/01/01/abcdef01.wav",
    ]
    held = {path.relative_to(kept.folder).as_posix() for path in kept.folder.rglob("*") if path.is_file()}
    assert held == {each["path"] for each in manifest["files"]} | {"manifest.json"}
    secrets = [path.read_text().strip() for path in (kept.desk.folder / "secrets").iterdir()]
    whole = b"".join((kept.folder / path).read_bytes() for path in held)
    assert all(secret.encode() not in whole for secret in secrets)
    assert kept.folder.stat().st_mode & 0o077 == 0


def test_recordings_are_linked_where_that_can_be_and_copied_where_it_is_wanted(kept: Kept) -> None:
    kept.desk.json("backup", str(kept.folder))
    assert (kept.folder / "recordings/2025/01/01/abcdef01.wav").stat().st_ino == kept.wav.stat().st_ino
    other = kept.folder.with_name("other")
    kept.desk.json("backup", str(other), "--copy")
    assert (other / "recordings/2025/01/01/abcdef01.wav").stat().st_ino != kept.wav.stat().st_ino


def test_a_folder_with_something_in_it_is_left_alone(kept: Kept) -> None:
    kept.folder.mkdir()
    (kept.folder / "mine").write_text("x")
    assert "not empty" in kept.desk.refused("backup", str(kept.folder))
    assert [path.name for path in kept.folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("refused", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_backup_that_does_not_become_whole_leaves_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, refused: BaseException
) -> None:
    def refuse(_source: Path, _target: Path) -> None:
        raise refused

    with monkeypatch.context() as changed:
        changed.setattr(os, "link", refuse)
        if isinstance(refused, OSError):
            assert "No space left" in kept.desk.refused("backup", str(kept.folder))
        else:
            assert kept.desk.type("backup", str(kept.folder))[0] != 0
    assert list(kept.folder.iterdir()) == []
    assert kept.wav.stat().st_size > 5_000
    assert kept.desk.json("backup", str(kept.folder))["recordings"] == 2


def test_a_recording_that_the_folder_has_not_is_told(kept: Kept) -> None:
    kept.wav.unlink()
    assert kept.desk.json("backup", str(kept.folder))["absent"] == ["2025/01/01/abcdef01.wav"]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "recordings/2025/01/01/abcdef01.mp3").write_bytes(b"other"), "is not what it was"),
        (lambda folder: (folder / "recordings/2025/01/01/abcdef01.mp3").unlink(), "is missing"),
        (lambda folder: (folder / "maskbridge.db").write_bytes(b""), "maskbridge.db is not what it was"),
        (lambda folder: (folder / "manifest.json").unlink(), "has no manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "cannot be read"),
        (
            lambda folder: (folder / "manifest.json").write_text(
                (folder / "manifest.json").read_text().replace("recordings/2025", "../2025")
            ),
            "leads out of the backup",
        ),
    ],
)
def test_a_backup_that_is_not_what_it_was_is_refused_whole(kept: Kept, harm: object, said: str) -> None:
    kept.desk.json("backup", str(kept.folder), "--copy")
    harm(kept.folder)  # type: ignore[operator]
    kept.lose_everything()
    assert said in kept.desk.refused("restore", str(kept.folder))
    assert not list(kept.config.folder.glob("var/*.db"))


def test_nothing_is_restored_over_a_running_server(kept: Kept) -> None:
    kept.desk.json("backup", str(kept.folder))
    with sole_use(locks_of(kept.config)):
        assert "in use" in kept.desk.refused("restore", str(kept.folder), "--replace")


def test_a_backup_can_be_made_while_a_server_runs(kept: Kept) -> None:
    with sole_use(locks_of(kept.config)):
        assert kept.desk.json("backup", str(kept.folder))["recordings"] == 2


def test_what_is_there_is_replaced_only_when_asked_and_moved_aside(kept: Kept) -> None:
    desk = kept.desk
    desk.json("backup", str(kept.folder), "--copy")
    kept.work(lambda unit: unit.accounts.create_organisation(an_organisation("later")))
    kept.wav.write_bytes(b"other")
    assert "exists" in desk.refused("restore", str(kept.folder))
    told = desk.json("restore", str(kept.folder), "--replace")
    assert Path(told["replaced"]).is_file()
    assert [org["org_id"] for org in desk.json("org", "list")["data"]] == [ORG]
    assert kept.wav.read_bytes().startswith(b"RIFF")


def test_a_log_that_a_lost_database_has_left_is_not_written_into_the_restored_one(kept: Kept) -> None:
    desk, database = kept.desk, kept.config.folder / "var/maskbridge.db"
    desk.json("backup", str(kept.folder))
    with closing(sqlite3.connect(database)) as crashed:  # never closed by SQLite's book: its log stays
        crashed.execute("UPDATE organisations SET name = 'Later'")
        crashed.commit()
        log = database.with_name(f"{database.name}-wal").read_bytes()
    database.unlink()
    database.with_name(f"{database.name}-wal").write_bytes(log)

    desk.json("restore", str(kept.folder))
    assert [org["name"] for org in desk.json("org", "list")["data"]] == [an_organisation().name]
    assert [path.read_bytes() for path in database.parent.glob("*.left-*-wal")] == [log]


def test_a_disk_that_is_full_leaves_the_database_that_is_there(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, folder = kept.desk, kept.config.folder / "var"
    desk.json("backup", str(kept.folder))
    kept.work(lambda unit: unit.accounts.create_organisation(an_organisation("later")))
    stood = sorted(path.name for path in folder.iterdir())

    def full(_origin: object, copy: BinaryIO, _length: int) -> None:
        copy.write(b"SQLite format 3")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as changed:
        changed.setattr(shutil, "copyfileobj", full)
        assert "No space left" in desk.refused("restore", str(kept.folder), "--replace")
    assert {org["org_id"] for org in desk.json("org", "list")["data"]} == {ORG, "later"}
    assert sorted(path.name for path in folder.iterdir()) == sorted({*stood, "maskbridge.db.serving"})


def test_a_database_of_a_newer_release_is_not_put_over_the_one_that_is_there(kept: Kept) -> None:
    desk = kept.desk
    desk.json("backup", str(kept.folder))
    with closing(sqlite3.connect(kept.folder / "maskbridge.db")) as newer:
        newer.execute("INSERT INTO schema_migrations SELECT max(version) + 1, 'x', 'x' FROM schema_migrations")
        newer.commit()
    manifest = read_manifest(kept.folder)
    files = tuple(describe(kept.folder, each.path) for each in manifest.files)
    write_manifest(kept.folder, replace(manifest, files=files))
    kept.work(lambda unit: unit.accounts.create_organisation(an_organisation("later")))
    assert "newer" in desk.refused("restore", str(kept.folder), "--replace")
    assert {org["org_id"] for org in desk.json("org", "list")["data"]} == {ORG, "later"}


def test_recordings_that_differ_stop_a_restore_before_anything_is_done(kept: Kept) -> None:
    kept.desk.json("backup", str(kept.folder), "--copy")
    kept.wav.write_bytes(b"other")
    (kept.config.folder / "var/maskbridge.db").unlink()
    assert "differ" in kept.desk.refused("restore", str(kept.folder))
    assert kept.wav.read_bytes() == b"other"
    assert not (kept.config.folder / "var/maskbridge.db").exists()


def test_a_recording_erased_after_the_backup_stays_erased(kept: Kept) -> None:
    kept.desk.json("backup", str(kept.folder))
    kept.wav.write_bytes(b"")  # in place, as an erasure of the same day does: the link is empty too
    kept.lose_everything()
    assert kept.desk.json("restore", str(kept.folder))["erased_since"] == 1
    assert not kept.wav.exists()


def test_sealed_recordings_need_their_master_key(desk: Desk) -> None:
    kept = Kept(desk)
    kept.write(sealed_key=SEALED)
    assert desk.json("backup", str(kept.folder))["master_keys"] == {"0123456789abcdef": 1}
    kept.lose_everything()
    assert "0123456789abcdef" in desk.refused("restore", str(kept.folder))
    assert not list(kept.config.folder.glob("var/*.db"))
    desk.json("restore", str(kept.folder), "--without-keys")
