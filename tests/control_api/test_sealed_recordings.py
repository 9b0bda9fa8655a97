"""Sealed MP3s over HTTP: any range of them, and never a wrong byte."""

import logging
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError
from yarl import URL

from media.recording.master_keys import MasterKeys
from media.recording.peaks import Peaks, sealed
from media.recording.sealed_file import SealedWriter
from media.recording.sealing import SealedKind
from storage.records import PurgedBy, Recording
from storage.units import UnitOfWork
from tests.support.api_world import CALLS, MASTER_KEYS, ORG, ApiReply, ApiWorld, api_world

MP3 = b"".join(number.to_bytes(4) for number in range(75_000))
PATH = "2025/01/01/a.mp3"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / PATH).parent.mkdir(parents=True)
    return tmp_path


@pytest.fixture
async def world(root: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(root) as started:
        yield started


def seal_mp3(root: Path, call_id: str, plain: bytes = MP3, keys: MasterKeys = MASTER_KEYS) -> str:
    """Its sealed key."""
    seal, sealed_key = keys.new_seal(call_id)
    writer = SealedWriter(root / PATH, SealedKind.MP3, seal)
    writer.write(plain, 0)
    writer.finish(len(plain))
    writer.close()
    return sealed_key


async def recorded(world: ApiWorld, root: Path, keys: MasterKeys = MASTER_KEYS) -> str:
    """A finished call with a sealed recording; the path and query of its URL."""
    call_id = await world.place()
    await world.finish(call_id)
    sealed_key = seal_mp3(root, call_id, keys=keys)
    recording = Recording(call_id, ORG, "2025/01/01/a.wav", PATH, 94_000, 0, 1, sealed_key=sealed_key)
    await world.store.run(lambda unit: unit.recordings.add(recording))
    reply = await world.get(f"{CALLS}/{call_id}/recording")
    return URL(reply.json["data"]["url"]).path_qs


def draw(call_id: str, peaks: bytes, unit: UnitOfWork) -> None:
    unit.recordings.set_peaks(call_id, peaks)


async def test_its_peaks_are_opened_and_nothing_else_is_given(world: ApiWorld, root: Path) -> None:
    call_id = await world.place()
    await world.finish(call_id)
    seal, sealed_key = MASTER_KEYS.new_seal(call_id)
    recording = Recording(call_id, ORG, "2025/01/01/a.wav", PATH, 94_000, 0, 1, sealed_key=sealed_key)
    content = sealed(Peaks(47_000, bytes((9, 8)), bytes((7, 6))), seal, os.urandom)
    await world.store.run(lambda unit: unit.recordings.add(recording))
    for kept, status in ((content, 200), (content[:-1] + bytes((content[-1] ^ 1,)), 500)):
        await world.store.run(partial(draw, call_id, kept))
        reply = await world.get(f"{CALLS}/{call_id}/recording/peaks")
        assert reply.status == status
        if status == 200:
            assert [one["peaks"] for one in reply.json["data"]["channels"]] == [[9, 8], [7, 6]]


async def fetch(world: ApiWorld, path: str, method: str = "GET", **headers: str) -> ApiReply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.send(method, path, key=None, headers=sent)


def damage(root: Path, at: int) -> None:
    content = bytearray((root / PATH).read_bytes())
    content[at] ^= 1
    (root / PATH).write_bytes(content)


async def test_it_is_streamed_as_the_plain_one_would_be(world: ApiWorld, root: Path) -> None:
    path = await recorded(world, root)
    reply = await fetch(world, path)
    assert (reply.status, reply.body) == (200, MP3)
    assert reply.headers["Content-Length"] == str(len(MP3))
    assert reply.headers["Content-Type"] == "audio/mpeg"
    head = await fetch(world, path, "HEAD")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(MP3)), b"")
    again = await fetch(world, path, If_None_Match=reply.headers["ETag"])
    assert again.status == 304


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=65530-65550", 65_530, 65_551),
        ("bytes=100000-", 100_000, 300_000),
        ("bytes=-7", 299_993, 300_000),
        ("bytes=299999-400000", 299_999, 300_000),
        ("bytes=0-299999", 0, 300_000),
    ],
)
async def test_any_range_of_it(world: ApiWorld, root: Path, wanted: str, start: int, end: int) -> None:
    reply = await fetch(world, await recorded(world, root), Range=wanted)
    assert (reply.status, reply.body) == (206, MP3[start:end])
    assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/300000"


async def test_a_range_beyond_it_is_416(world: ApiWorld, root: Path) -> None:
    reply = await fetch(world, await recorded(world, root), Range="bytes=300000-")
    assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */300000")


async def test_a_range_is_read_without_the_rest(world: ApiWorld, root: Path) -> None:
    path = await recorded(world, root)
    damage(root, 5_000)  # in the first chunk
    reply = await fetch(world, path, Range="bytes=200000-200099")
    assert (reply.status, reply.body) == (206, MP3[200_000:200_100])


@pytest.mark.parametrize("at", [0, 20, 60, 5_000, -1, -20])
async def test_a_changed_file_is_500_and_no_audio(
    world: ApiWorld, root: Path, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = await recorded(world, root)
    damage(root, at)
    with caplog.at_level(logging.ERROR):
        reply = await fetch(world, path)
    assert (reply.status, reply.json["error"]["code"]) == (500, "internal_error")
    assert reply.json["error"]["message"] == "The recording cannot be read."
    assert f"the recording {PATH} cannot be opened: " in caplog.text


async def test_a_file_changed_further_on_breaks_the_download_off(world: ApiWorld, root: Path) -> None:
    path = await recorded(world, root)
    damage(root, 250_000)
    with pytest.raises(ClientPayloadError):
        await fetch(world, path)
    assert (await world.get("/healthz", key=None)).status == 200


async def test_a_truncated_file_is_500(world: ApiWorld, root: Path) -> None:
    path = await recorded(world, root)
    content = (root / PATH).read_bytes()
    for cut in (1, 49, 60_000, len(content)):
        (root / PATH).write_bytes(content[:-cut])
        assert (await fetch(world, path)).status == 500


async def test_without_its_master_key_it_is_500_and_the_log_says_which(
    world: ApiWorld, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = MasterKeys("o" * 64)
    path = await recorded(world, root, other)
    with caplog.at_level(logging.ERROR):
        assert (await fetch(world, path)).status == 500
    assert f"{PATH} cannot be opened: its key is sealed with the master key {other.newest_id}" in caplog.text


async def test_another_recordings_file_in_its_place_is_500(world: ApiWorld, root: Path) -> None:
    path = await recorded(world, root)
    (root / PATH).unlink()
    seal_mp3(root, "another")
    assert (await fetch(world, path)).status == 500


async def test_a_purged_one_is_404_though_its_file_is_there(world: ApiWorld, root: Path) -> None:
    path = await recorded(world, root)
    (call_id,) = (row.call_id for row in await world.store.read(lambda reader: reader.recordings_kept("", 9)))
    await world.store.run(lambda unit: unit.recordings.purge(call_id, 5, PurgedBy.RETENTION))
    assert (await fetch(world, path)).status == 404
