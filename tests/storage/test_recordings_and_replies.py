from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from storage.errors import IllegalState, UnknownRecord
from storage.records import (
    CallFilter,
    IdempotentReply,
    PurgedBy,
    RecordedParty,
    Recording,
    RecordingFacts,
    RecordingFiles,
)
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.stored import ORG, a_call, an_organisation, completed, saving

RECORDING = Recording("call-1", ORG, "2024/01/02/abcdef01.wav", None, 94_000, 3, 100)
FILES = RecordingFiles(1_504_044, "a" * 64, 564_000, "b" * 64)
REPLY = IdempotentReply(ORG, "key", "f" * 64, "call-1", "req-1", 100)


def keeping(recording: Recording) -> Callable[[UnitOfWork], bool]:
    return lambda unit: unit.recordings.add(recording)


def drawing(call_id: str, peaks: bytes) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.recordings.set_peaks(call_id, peaks)


def replying(reply: IdempotentReply) -> Callable[[UnitOfWork], None]:
    return lambda unit: unit.idempotency.put(reply)


def asking(idempotency_key: str) -> Callable[[UnitOfWork], IdempotentReply | None]:
    return lambda unit: unit.idempotency.get(ORG, idempotency_key)


async def test_a_recording_is_noted_once(funded: Store) -> None:
    assert await funded.run(lambda unit: unit.recordings.add(RECORDING))
    assert not await funded.run(lambda unit: unit.recordings.add(replace(RECORDING, duration_ms=1)))
    assert await funded.read(lambda reader: reader.recording(ORG, "call-1")) == RECORDING
    assert await funded.run(lambda unit: unit.recordings.path_taken("2024/01/02/abcdef01.wav"))
    assert not await funded.run(lambda unit: unit.recordings.path_taken("2024/01/02/abcdef02.wav"))


async def test_no_two_recordings_share_a_path(funded: Store) -> None:
    await funded.run(lambda unit: unit.recordings.add(RECORDING))
    with pytest.raises(IllegalState, match="wav_path"):
        await funded.run(lambda unit: unit.recordings.add(replace(RECORDING, call_id="call-2")))


async def test_a_recording_of_another_organisation_is_not_there(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await funded.run(lambda unit: unit.recordings.add(RECORDING))
    assert await funded.read(lambda reader: reader.recording("org-2", "call-1")) is None


async def test_recordings_wait_for_their_mp3_oldest_first(funded: Store) -> None:
    for number in (3, 1, 2, 4):
        row = replace(RECORDING, call_id=f"call-{number}", wav_path=f"{number}.wav", created_at=number)
        await funded.run(keeping(row))
    for number in (1, 2, 3):  # the fourth call lives: the disk has ended its recording
        await funded.run(ending(f"call-{number}"))
    waiting = await funded.read(lambda reader: reader.recordings_without_mp3(2))
    assert [row.call_id for row in waiting] == ["call-1", "call-2"]
    await funded.run(lambda unit: unit.recordings.set_mp3("call-1", "1.mp3", FILES))
    made = await funded.read(lambda reader: reader.recording(ORG, "call-1"))
    assert made is not None
    assert (made.mp3_path, made.files) == ("1.mp3", FILES)
    waiting = await funded.read(lambda reader: reader.recordings_without_mp3(9))
    assert [row.call_id for row in waiting] == ["call-2", "call-3"]


def ending(call_id: str) -> Callable[[UnitOfWork], object]:
    return lambda unit: unit.cdrs.add(completed(a_call(call_id)))


async def test_what_is_known_of_a_recording_is_kept_with_it(funded: Store) -> None:
    party = RecordedParty(1200, 3, 2, 1, -17.5)
    facts = RecordingFacts((party, replace(party, drift_ppm=None)), ((0, 1500), (20_000, 94_000)), cut_short=True)
    recording = replace(RECORDING, facts=facts, files=FILES)
    await funded.run(keeping(recording))
    assert await funded.read(lambda reader: reader.recording(ORG, "call-1")) == recording


def purging(call_id: str, at: int, by: PurgedBy = PurgedBy.CLIENT) -> Callable[[UnitOfWork], bool]:
    return lambda unit: unit.recordings.purge(call_id, at, by)


async def test_a_purged_recording_stays_known_without_its_key(funded: Store) -> None:
    sealed = replace(RECORDING, sealed_key="v1.key")
    await funded.run(lambda unit: unit.recordings.add(sealed))
    assert await funded.read(lambda reader: reader.recording(ORG, "call-1")) == sealed
    assert await funded.run(purging("call-1", 500))
    assert not await funded.run(purging("call-1", 600, PurgedBy.OPERATOR))
    purged = replace(RECORDING, purged_at=500, purged_by=PurgedBy.CLIENT, files_left=True)
    assert await funded.read(lambda reader: reader.recording(ORG, "call-1")) == purged
    assert await funded.read(lambda reader: reader.recordings_without_mp3(9)) == []
    assert await funded.read(lambda reader: reader.recordings_kept("", 9)) == []
    for work in (
        lambda unit: unit.recordings.set_mp3("call-1", "x.mp3", FILES),
        lambda unit: unit.recordings.set_mp3("call-9", "x.mp3", FILES),
        purging("call-9", 1),
    ):
        with pytest.raises(UnknownRecord):
            await funded.run(work)


async def test_the_files_of_a_purged_recording_are_looked_for_until_they_are_gone(funded: Store) -> None:
    for number in (3, 1, 2):
        row = replace(RECORDING, call_id=f"call-{number}", wav_path=f"{number}.wav")
        await funded.run(keeping(row))
    await funded.run(lambda unit: unit.recordings.files_gone("call-1"))  # not purged: nothing to be noted
    for number in (1, 3):
        await funded.run(purging(f"call-{number}", 500))
    left = await funded.read(lambda reader: reader.recordings_with_files_left("", 9))
    assert [row.call_id for row in left] == ["call-1", "call-3"]
    left = await funded.read(lambda reader: reader.recordings_with_files_left("call-1", 9))
    assert [row.call_id for row in left] == ["call-3"]
    await funded.run(lambda unit: unit.recordings.files_gone("call-3"))
    left = await funded.read(lambda reader: reader.recordings_with_files_left("", 9))
    assert [row.call_id for row in left] == ["call-1"]
    kept = await funded.read(lambda reader: reader.recordings_kept("", 9))
    assert [row.call_id for row in kept] == ["call-2"]


async def test_a_key_is_replaced_where_it_is_the_one_that_was_read(funded: Store) -> None:
    await funded.run(keeping(replace(RECORDING, sealed_key="old")))
    assert not await funded.run(lambda unit: unit.recordings.replace_key("call-1", "other", "new"))
    assert await funded.run(lambda unit: unit.recordings.replace_key("call-1", "old", "new"))
    found = await funded.read(lambda reader: reader.any_recording("call-1"))
    assert found == replace(RECORDING, sealed_key="new")


async def test_recordings_are_overdue_by_their_organisations_days(funded: Store) -> None:
    day = 86_400_000
    terms = {"org-30": 30, "org-ever": 0, "org-default": None}
    for org_id, days in terms.items():
        await funded.run(partial(_customer, org_id, days))
        for age in (8, 29, 31):
            row = replace(
                RECORDING,
                call_id=f"{org_id}/{age}",
                org_id=org_id,
                wav_path=f"{org_id}-{age}.wav",
                created_at=(100 - age) * day,
            )
            await funded.run(keeping(row))

    async def overdue(default_days: int, limit: int = 99) -> set[str]:
        found = await funded.read(lambda reader: reader.recordings_overdue(100 * day, default_days, limit))
        return {row.call_id for row in found}

    assert await overdue(0) == {"org-30/31"}
    assert await overdue(8) == {"org-30/31", "org-default/29", "org-default/31"}
    assert len(await overdue(7, limit=2)) == 2
    await funded.run(lambda unit: unit.accounts.set_retention("org-30", None))
    assert await overdue(0) == set()
    await funded.run(purging("org-default/31", 1, PurgedBy.RETENTION))
    assert await overdue(30) == {"org-30/31"}


def _customer(org_id: str, retention_days: int | None, unit: UnitOfWork) -> None:
    unit.accounts.create_organisation(replace(an_organisation(org_id), retention_days=retention_days))


async def test_days_of_retention_have_a_range(funded: Store) -> None:
    for days in (-1, 36_501):
        with pytest.raises(IllegalState):
            await funded.run(partial(_keep_for, days))
    with pytest.raises(UnknownRecord):
        await funded.run(lambda unit: unit.accounts.set_retention("org-9", 1))


def _keep_for(days: int, unit: UnitOfWork) -> None:
    unit.accounts.set_retention(ORG, days)


async def test_the_call_of_a_purged_recording_names_its_file_no_more(funded: Store) -> None:
    cdr = completed(a_call("call-1"))
    assert cdr.recording_path is not None
    await funded.run(lambda unit: unit.cdrs.add(cdr))
    await funded.run(keeping(RECORDING))
    assert await funded.read(lambda reader: reader.call(ORG, "call-1")) == cdr
    await funded.run(purging("call-1", 1))
    found = await funded.read(lambda reader: reader.call(ORG, "call-1"))
    assert found == replace(cdr, recording_path=None)
    assert await funded.read(lambda reader: reader.newest_calls(1)) == [found]
    listed, _total = await funded.read(lambda reader: reader.calls(ORG, CallFilter(), 1, 10))
    assert listed == [found]


async def test_nothing_of_a_purged_recordings_key_stays_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "house.db"
    secrets = [f"v1.{number}." + str(number) * 80 for number in range(9)]
    store = await Store.open(f"sqlite:///{path}")
    await store.run(lambda unit: unit.accounts.create_organisation(an_organisation(ORG)))
    for number, secret in enumerate(secrets):
        row = replace(RECORDING, call_id=f"call-{number}", wav_path=f"{number}.wav", sealed_key=secret)
        await store.run(keeping(row))
    await store.close()
    assert all(secret.encode() in _bytes_in(tmp_path) for secret in secrets)
    store = await Store.open(f"sqlite:///{path}")
    await store.run(purging("call-4", 1))
    await store.close()
    assert [number for number in range(9) if secrets[number][:40].encode() not in _bytes_in(tmp_path)] == [4]


def _bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_a_reply_is_given_again_to_its_organisation_only(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await funded.run(lambda unit: unit.idempotency.put(REPLY))
    assert await funded.read(lambda reader: reader.idempotent_reply(ORG, "key")) == REPLY
    assert await funded.run(lambda unit: unit.idempotency.get("org-2", "key")) is None
    later = replace(REPLY, call_id="call-2", created_at=200)
    await funded.run(lambda unit: unit.idempotency.put(later))
    assert await funded.run(lambda unit: unit.idempotency.get(ORG, "key")) == later


async def test_replies_expire_oldest_first_a_bounded_number_at_once(funded: Store) -> None:
    for at in (30, 10, 20, 40):
        reply = replace(REPLY, idempotency_key=f"key-{at}", created_at=at)
        await funded.run(replying(reply))
    assert await funded.run(lambda unit: unit.idempotency.expire(40, limit=2)) == 2
    left = [await funded.run(asking(f"key-{at}")) for at in (10, 20, 30, 40)]
    assert [reply.created_at if reply else None for reply in left] == [None, None, 30, 40]
    assert await funded.run(lambda unit: unit.idempotency.expire(40)) == 1
    assert await funded.run(lambda unit: unit.idempotency.expire(40)) == 0


async def test_peaks_go_with_the_recording_that_they_are_of(funded: Store) -> None:
    await funded.run(lambda unit: unit.recordings.add(RECORDING))
    assert await funded.read(lambda reader: reader.recording_peaks(ORG, "call-1")) is None
    for peaks in (b"first", b"again"):
        await funded.run(drawing("call-1", peaks))
    assert await funded.read(lambda reader: reader.recording_peaks(ORG, "call-1")) == (RECORDING, b"again")
    assert await funded.read(lambda reader: reader.recording_peaks("org-2", "call-1")) is None
    await funded.run(lambda unit: unit.recordings.purge("call-1", 9, PurgedBy.CLIENT))
    await funded.run(lambda unit: unit.recordings.set_peaks("call-1", b"late"))
    assert await funded.run(lambda unit: unit.recordings.peaks("call-1")) is None


async def _three(store: Store, **changes: str) -> list[Recording]:
    rows = [replace(RECORDING, call_id=f"call-{n}", wav_path=f"{n}.wav", **changes) for n in (1, 2, 3)]  # type: ignore[arg-type]
    for row in rows:
        await store.run(keeping(row))
    return rows


async def test_kept_recordings_are_read_page_by_page_and_none_twice(funded: Store) -> None:
    """Whoever seals every key anew comes by each of them once."""
    rows = await _three(funded)
    assert await funded.read(lambda reader: reader.recordings_kept("", 2)) == rows[:2]
    assert await funded.read(lambda reader: reader.recordings_kept("call-2", 2)) == rows[2:]
    assert await funded.read(lambda reader: reader.recordings_kept("call-3", 2)) == []


async def test_a_key_is_replaced_in_the_recording_that_is_named(funded: Store) -> None:
    rows = await _three(funded, sealed_key="old")
    assert await funded.run(lambda unit: unit.recordings.replace_key("call-2", "old", "new"))
    kept = await funded.read(lambda reader: reader.recordings_kept("", 9))
    assert kept == [rows[0], replace(rows[1], sealed_key="new"), rows[2]]


async def test_each_recording_has_a_drawing_of_its_own(funded: Store) -> None:
    rows = await _three(funded)
    await funded.run(drawing("call-1", b"one"))
    await funded.run(drawing("call-2", b"two"))
    assert await funded.read(lambda reader: reader.recording_peaks(ORG, "call-1")) == (rows[0], b"one")
    assert await funded.read(lambda reader: reader.recording_peaks(ORG, "call-2")) == (rows[1], b"two")
    assert await funded.run(lambda unit: unit.recordings.peaks("call-3")) is None


async def test_a_purge_takes_the_recording_that_is_named(funded: Store) -> None:
    rows = await _three(funded, sealed_key="key")
    await funded.run(lambda unit: unit.recordings.set_mp3("call-1", "1.mp3", FILES))
    await funded.run(lambda unit: unit.recordings.purge("call-2", 9_000, PurgedBy.CLIENT))
    kept = await funded.read(lambda reader: reader.recordings_kept("", 9))
    assert [(row.call_id, row.mp3_path, row.sealed_key) for row in kept] == [
        ("call-1", "1.mp3", "key"),
        ("call-3", None, "key"),
    ]
    assert kept[1] == rows[2]


@pytest.mark.parametrize("gone", ["purged", "cut short"])
async def test_the_path_of_a_live_call_s_recording_is_told_until_it_is_gone(funded: Store, gone: str) -> None:
    live = [replace(a_call(f"call-{n}", created_at=n), recording_path=f"recordings/{n}.wav") for n in (1, 2)]
    for n, call in enumerate(live, 1):
        await funded.run(saving(call))
        facts = RecordingFacts(cut_short=gone == "cut short" and n == 1)
        await funded.run(keeping(replace(RECORDING, call_id=call.call_id, wav_path=f"{n}.wav", facts=facts)))
    if gone == "purged":
        assert await funded.read(lambda reader: reader.call(ORG, "call-1")) == live[0]
        await funded.run(lambda unit: unit.recordings.purge("call-1", 9_000, PurgedBy.CLIENT))
    shown = [replace(live[0], recording_path=None), live[1]]
    assert await funded.read(lambda reader: reader.live_calls()) == shown
    assert await funded.read(lambda reader: reader.live_calls(ORG)) == shown
    assert await funded.read(lambda reader: reader.call(ORG, "call-1")) == shown[0]
    assert await funded.read(lambda reader: reader.call(ORG, "call-2")) == shown[1]
