"""Signed recording URLs and the MP3 behind them."""

import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError
from yarl import URL

from control_api.downloads import Downloads, OpenFile, open_below
from control_api.errors import NotReady
from control_api.routes import recordings
from control_api.signed_urls import signed_recording_url
from media.recording.peaks import Peaks
from storage.records import LegRecord, PurgedBy, RecordedParty, Recording, RecordingFacts, RecordingFiles
from tests.support.api_world import CALLS, ORG, OTHER_KEY, SIGNING_KEY, ApiReply, ApiWorld, api_world

MP3 = bytes(range(256)) * 1_200


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    folder = tmp_path / "recordings" / "2025"
    folder.mkdir(parents=True)
    (folder / "a.mp3").write_bytes(MP3)
    (tmp_path / "secret.mp3").write_bytes(b"secret")
    (folder / "link.mp3").symlink_to(tmp_path / "secret.mp3")
    async with api_world(tmp_path / "recordings") as started:
        yield started


async def recorded(world: ApiWorld, mp3_path: str | None = "2025/a.mp3", purged_at: int | None = None) -> str:
    call_id = await world.place()
    await world.finish(call_id)
    await world.record(call_id, mp3_path, purged_at)
    return call_id


async def signed(world: ApiWorld, call_id: str) -> str:
    reply = await world.get(f"{CALLS}/{call_id}/recording")
    assert reply.status == 200, reply.body
    return URL(reply.json["data"]["url"]).path_qs


async def fetch(world: ApiWorld, path: str, method: str = "GET", **headers: str) -> ApiReply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.send(method, path, key=None, headers=sent)


async def test_the_url_says_how_long_it_holds(world: ApiWorld) -> None:
    call_id = await recorded(world)
    data = (await world.get(f"{CALLS}/{call_id}/recording")).json["data"]
    assert data["url"] == data["recording_url"]
    assert data["url"].startswith(f"http://calls.example/v1/public/recordings/masking/{call_id}.mp3?expires=")
    assert data | {"url": "", "recording_url": ""} == {
        "call_sid": call_id,
        "recording_url": "",
        "url": "",
        "expires_at": "2025-01-01T13:00:00Z",
        "expires_in": 3600,
        "format": "mp3",
        "content_type": "audio/mpeg",
        "duration_ms": 94_000,
        "encrypted": False,
        "size_bytes": None,
        "sha256": None,
        "wav_size_bytes": None,
        "wav_sha256": None,
        "gap_frames": 0,
        "cut_short": False,
        "pauses": [],
        "parties": [
            {"leg": leg, "channel": channel}
            | dict.fromkeys(("silent_ms", "gaps", "gap_frames", "discarded_packets", "packets_lost", "drift_ppm"))
            for leg, channel in (("a", "left"), ("b", "right"))
        ],
    }


async def test_what_is_known_of_a_recording_is_told_with_its_url(world: ApiWorld) -> None:
    call_id = await world.place()
    legs = (LegRecord("a", packets_lost=7), LegRecord("b", packets_lost=0))
    await world.finish(call_id, legs=legs)
    party = RecordedParty(2_000, 3, 4, 5, 12.5)
    recording = Recording(
        call_id,
        ORG,
        "2025/a.wav",
        "2025/a.mp3",
        94_000,
        4,
        1,
        sealed_key="v1.key",
        facts=RecordingFacts((party, replace(party, drift_ppm=None)), ((31_000, 52_500),), cut_short=True),
        files=RecordingFiles(1_504_044, "a" * 64, 564_000, "b" * 64),
    )
    await world.store.run(lambda unit: unit.recordings.add(recording))
    data = (await world.get(f"{CALLS}/{call_id}/recording")).json["data"]
    assert data["encrypted"] is data["cut_short"] is True
    assert (data["size_bytes"], data["sha256"]) == (564_000, "b" * 64)
    assert (data["wav_size_bytes"], data["wav_sha256"]) == (1_504_044, "a" * 64)
    assert (data["duration_ms"], data["gap_frames"]) == (94_000, 4)
    assert data["pauses"] == [{"from_ms": 31_000, "to_ms": 52_500}]
    assert data["parties"][0] == {
        "leg": "a",
        "channel": "left",
        "silent_ms": 2_000,
        "gaps": 3,
        "gap_frames": 4,
        "discarded_packets": 5,
        "packets_lost": 7,
        "drift_ppm": 12.5,
    }
    assert (data["parties"][1]["packets_lost"], data["parties"][1]["drift_ppm"]) == (0, None)


async def test_a_live_recording_is_paused_and_resumed(world: ApiWorld) -> None:
    call_id = await world.place()
    for verb, paused in (("pause", True), ("pause", True), ("resume", False)):
        reply = await world.send("POST", f"{CALLS}/{call_id}/recording/{verb}")
        assert (reply.status, reply.json["data"]) == (200, {"call_sid": call_id, "paused": paused})
        assert world.switch.paused[call_id] is paused
    assert (await world.send("POST", f"{CALLS}/{call_id}/recording/pause", key=OTHER_KEY)).status == 404
    path, headers = f"{CALLS}/{call_id}/recording/pause", {"Content-Type": "application/json"}
    assert (await world.send("POST", path, data=b"{", headers=headers)).status == 400
    await world.finish(call_id)
    over = await world.send("POST", f"{CALLS}/{call_id}/recording/resume")
    assert (over.status, over.json["error"]["code"]) == (409, "conflict")
    unrecorded = await world.place(record=False)
    reply = await world.send("POST", f"{CALLS}/{unrecorded}/recording/pause", json={})
    assert (reply.status, reply.json["error"]["message"]) == (409, "The call is not being recorded now.")


async def test_whether_a_live_call_is_recorded(world: ApiWorld) -> None:
    call_id = await world.place()
    path = f"{CALLS}/{call_id}/recording"
    for verb, state in (("resume", "on"), ("pause", "paused"), ("resume", "on")):
        await world.send("POST", f"{path}/{verb}")
        assert (await world.get(f"{path}/live")).json["data"] == {"call_sid": call_id, "recording": state}
    assert (await world.get(f"{path}/live", key=OTHER_KEY)).status == 404
    await world.finish(call_id)
    assert (await world.get(f"{path}/live")).status == 409


async def test_the_peaks_of_a_recording(world: ApiWorld) -> None:
    call_id = await recorded(world)
    path = f"{CALLS}/{call_id}/recording/peaks"
    assert (await world.get(path)).status == 404  # none were made of it
    peaks = Peaks(94, bytes((0, 255)), bytes((7, 8))).pack()
    await world.store.run(lambda unit: unit.recordings.set_peaks(call_id, peaks))
    assert (await world.get(path)).json["data"] == {
        "call_sid": call_id,
        "duration_ms": 94_000,
        "interval_ms": 94,
        "channels": [
            {"leg": "a", "channel": "left", "peaks": [0, 255]},
            {"leg": "b", "channel": "right", "peaks": [7, 8]},
        ],
    }
    assert (await world.get(path, key=OTHER_KEY)).status == 404
    await world.store.run(lambda unit: unit.recordings.purge(call_id, 1, PurgedBy.CLIENT))
    assert (await world.get(path)).status == 404


async def test_no_url_before_there_is_a_recording(world: ApiWorld) -> None:
    call_id = await world.place()
    for found in (call_id, await recorded(world, None), await recorded(world, "2025/a.mp3", purged_at=1)):
        reply = await world.get(f"{CALLS}/{found}/recording")
        assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")
    assert (await world.get(f"{CALLS}/{await recorded(world)}/recording", key=OTHER_KEY)).status == 404


async def test_the_mp3_is_streamed_without_a_key(world: ApiWorld) -> None:
    call_id = await recorded(world)
    reply = await fetch(world, await signed(world, call_id))
    assert (reply.status, reply.body) == (200, MP3)
    assert reply.headers["Content-Type"] == "audio/mpeg"
    assert reply.headers["Content-Length"] == str(len(MP3))
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Content-Disposition"] == f'inline; filename="{call_id}.mp3"'
    assert "Transfer-Encoding" not in reply.headers


async def test_head_tells_without_sending(world: ApiWorld) -> None:
    reply = await fetch(world, await signed(world, await recorded(world)), "HEAD", Range="bytes=0-1")
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (200, b"", str(len(MP3)))


@pytest.mark.parametrize(
    ("wanted", "part", "content_range"),
    [
        ("bytes=0-0", MP3[:1], "bytes 0-0/307200"),
        ("bytes=100-199", MP3[100:200], "bytes 100-199/307200"),
        ("bytes=307100-", MP3[307_100:], "bytes 307100-307199/307200"),
        ("bytes=-100", MP3[-100:], "bytes 307100-307199/307200"),
        ("bytes=-999999999", MP3, "bytes 0-307199/307200"),
        ("bytes=0-999999999", MP3, "bytes 0-307199/307200"),
    ],
)
async def test_a_range(world: ApiWorld, wanted: str, part: bytes, content_range: str) -> None:
    reply = await fetch(world, await signed(world, await recorded(world)), Range=wanted)
    assert (reply.status, reply.headers["Content-Range"]) == (206, content_range)
    assert reply.body == part


@pytest.mark.parametrize("wanted", ["bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes"])
async def test_what_is_no_single_range_is_ignored(world: ApiWorld, wanted: str) -> None:
    reply = await fetch(world, await signed(world, await recorded(world)), Range=wanted)
    assert (reply.status, reply.body) == (200, MP3)


@pytest.mark.parametrize("wanted", ["bytes=307200-", "bytes=999999-9999999", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416(world: ApiWorld, wanted: str) -> None:
    reply = await fetch(world, await signed(world, await recorded(world)), Range=wanted)
    assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */307200")
    assert reply.json["error"]["field"] == "Range"


async def test_if_range_and_not_modified(world: ApiWorld) -> None:
    path = await signed(world, await recorded(world))
    whole = await fetch(world, path)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    for same in (etag, modified):
        assert (await fetch(world, path, Range="bytes=0-1", If_Range=same)).status == 206
    for other in ('"other"', f"W/{etag}", "Sat, 01 Jan 2000 00:00:00 GMT"):
        assert (await fetch(world, path, Range="bytes=0-1", If_Range=other)).status == 200
    for match in (etag, f'"x", W/{etag}', "*"):
        reply = await fetch(world, path, If_None_Match=match)
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", etag)
    assert (await fetch(world, path, If_None_Match='"x"')).status == 200
    assert (await fetch(world, path, If_Modified_Since=modified)).status == 304
    for nonsense in ("Tue, 14 Nov 99999999999 22:14:20 GMT", "Tue, 99 Nov 2023 22:14:20 GMT"):
        assert (await fetch(world, path, If_Modified_Since=nonsense)).status == 200
    assert (await fetch(world, path, If_Modified_Since="Sat, 01 Jan 2000 00:00:00 GMT")).status == 200


async def test_a_tampered_url_is_403(world: ApiWorld) -> None:
    call_id = await recorded(world)
    url = URL(await signed(world, call_id))
    expires, signature = url.query["expires"], url.query["signature"]
    other = await recorded(world)
    for path in (
        f"{url.path}",
        f"{url.path}?expires={expires}",
        f"{url.path}?signature={signature}",
        f"{url.path}?expires={int(expires) + 1}&signature={signature}",
        f"{url.path}?expires=0{expires}&signature={signature}",
        f"{url.path}?expires={expires}&signature={signature[:-1]}",
        f"{url.path}?expires={expires}&signature={signature.upper() + 'A'}",
        f"{url.path}?expires={expires}&signature=caf%C3%A9",
        f"{url.path}?expires={expires}&expires={expires}&signature={signature}",
        f"{url.path.replace(call_id, other)}?expires={expires}&signature={signature}",
        f"{url.path.replace(call_id, 'x')}?expires={expires}&signature={signature}",
    ):
        reply = await fetch(world, path)
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden"), path


async def test_an_expired_url_is_410_and_a_tampered_one_stays_403(world: ApiWorld) -> None:
    path = await signed(world, await recorded(world))
    world.clock.advance(3_599)
    assert (await fetch(world, path)).status == 200
    world.clock.advance(1)
    reply = await fetch(world, path)
    assert (reply.status, reply.json["error"]["code"]) == (410, "gone")
    assert (await fetch(world, path[:-1] + ("0" if path[-1] != "0" else "1"))).status == 403


async def test_a_purged_recording_is_404(world: ApiWorld) -> None:
    call_id = await recorded(world)
    path = await signed(world, call_id)
    at = world.clock.wall_ms()
    await world.store.run(lambda unit: unit.recordings.purge(call_id, at, PurgedBy.CLIENT))
    reply = await fetch(world, path)
    assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "mp3_path", ["../secret.mp3", "2025/../../secret.mp3", "/etc/passwd", "2025/link.mp3", "2025/gone.mp3", "2025", ""]
)
async def test_no_path_leads_out_of_the_folder(world: ApiWorld, mp3_path: str) -> None:
    call_id = await recorded(world, mp3_path)
    url = signed_recording_url(SIGNING_KEY, "", call_id, world.clock.wall_ms() // 1000 + 60)
    assert (await fetch(world, url)).status == 404


@pytest.mark.parametrize("code", [errno.EACCES, errno.EMFILE, errno.EIO])
async def test_a_file_that_cannot_be_opened_now_is_an_error_and_not_gone(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    path = await signed(world, await recorded(world))

    def refuse(*_asked: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr("control_api.downloads.os.open", refuse)
        refused = await fetch(world, path)
    assert (refused.status, refused.json["error"]["message"]) == (500, "The recording cannot be read.")
    assert f"the recording 2025/a.mp3 cannot be opened: {os.strerror(code)}" in caplog.messages
    assert (await fetch(world, path)).status == 200


async def test_a_path_without_mp3_is_404(world: ApiWorld) -> None:
    assert (await fetch(world, "/v1/public/recordings/masking/x.wav")).status == 404


def test_downloads_are_bounded() -> None:
    places = Downloads(max_downloads=1)
    with places.place(), pytest.raises(NotReady), places.place():
        pass
    with places.place():
        pass


async def test_a_file_that_shrinks_breaks_the_connection(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def longer_than_it_is(root: Path, relative: str) -> OpenFile:
        file = open_below(root, relative)
        return replace(file, length=file.length + 1)

    monkeypatch.setattr(recordings, "open_below", longer_than_it_is)
    path = await signed(world, await recorded(world))
    with pytest.raises(ClientPayloadError):
        await fetch(world, path)
    assert (await world.get("/healthz", key=None)).status == 200


async def test_a_client_is_told_when_all_places_are_taken(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await signed(world, await recorded(world))

    def full(_self: Downloads) -> None:
        raise NotReady("Too many downloads are under way.", retry_after_s=5)

    monkeypatch.setattr(Downloads, "place", full)
    reply = await fetch(world, path)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
