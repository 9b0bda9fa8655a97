"""Announcements: uploaded by a form, chosen, deleted."""

import asyncio
import gzip
from array import array
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import StreamReader

from control_api.portal import door
from media.prompts.bundled import render_wav
from storage.person_records import Role
from tests.support.api_world import ApiWorld, api_world
from tests.support.page_visitor import PageVisitor
from tests.support.signed_in import add_person

PAGE = "/portal/prompts"
WAV = render_wav(array("h", [3000, -3000] * 40_000))  # larger than what other forms may bring


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(prompts=tmp_path) as started:
        yield started


async def visitor_of(world: ApiWorld, role: Role) -> PageVisitor:
    await add_person(world, f"{role}@shop.example", role)
    visitor = PageVisitor(world)
    await visitor.sign_in(f"{role}@shop.example")
    return visitor


async def token_of(visitor: PageVisitor) -> dict[str, str]:
    return {"csrf_token": (await visitor.get("/portal")).fields("/portal/sign-out")["csrf_token"]}


async def test_one_is_uploaded_chosen_and_deleted(world: ApiWorld) -> None:
    visitor = await visitor_of(world, Role.DEVELOPER)
    token = await token_of(visitor)
    kept = await visitor.upload(PAGE, token | {"name": "your_order"}, WAV)
    assert (kept.status, kept.location) == (303, PAGE)
    shown = await visitor.get(PAGE)
    assert "10.0 s" in shown.text
    for name in ("your_order", "hold_tone"):
        assert f'src="/v1/prompts/{name}"' in shown.text
    chosen = await visitor.submit(PAGE, f"{PAGE}/choice", whisper_b="your_order", wait="-nothing", consent="both")
    assert chosen.status == 303
    choice = (await world.get("/v1/prompt-choice")).json["data"]
    assert (choice["whisper_b"], choice["wait"], choice["consent"], choice["whisper_a"]) == (
        "your_order",
        "",
        "both",
        None,
    )
    fields = (await visitor.get(PAGE)).fields(f"{PAGE}/choice")
    assert (fields["whisper_b"], fields["wait"], fields["consent"]) == ("your_order", "-nothing", "both")
    in_use = await visitor.submit(PAGE, f"{PAGE}/your_order/delete")
    assert (in_use.status, 'role="alert"' in in_use.text) == (409, True)
    await visitor.submit(PAGE, f"{PAGE}/choice", whisper_b="-operator")
    assert (await visitor.submit(PAGE, f"{PAGE}/your_order/delete")).location == PAGE
    assert (await world.get("/v1/prompts")).json["data"] == []


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("", WAV, 400, "Please give it a name."),
        ("No Name", WAV, 400, "lower-case letters"),
        ("../../admin/people", WAV, 400, "lower-case letters"),
        ("x", None, 400, "Please choose a WAV file."),
        ("x", b"", 400, "Please choose a WAV file."),
        ("x", b"no sound", 400, "The file cannot be used"),
        # Without a name of its own, it would be all its bytes wherever the test is named.
        pytest.param("x", bytes(17 * 1024 * 1024), 413, "larger than", id="too large"),
        ("n" * 5000, WAV, 413, "larger than"),
    ],
)
async def test_what_is_wrong_with_it_is_said(
    world: ApiWorld, name: str, content: bytes | None, status: int, said: str
) -> None:
    visitor = await visitor_of(world, Role.OWNER)
    refused = await visitor.upload(PAGE, await token_of(visitor) | {"name": name}, content)
    assert (refused.status, said in refused.text) == (status, True)
    assert (await world.get("/v1/prompts")).json["data"] == []


async def test_nothing_is_read_of_whoever_may_not(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer, owner = await visitor_of(world, Role.VIEWER), await visitor_of(world, Role.OWNER)
    assert (await viewer.upload(PAGE, await token_of(viewer) | {"name": "x"}, WAV)).status == 403
    assert (await viewer.get(PAGE)).status == 403
    assert (await owner.upload(PAGE, {"csrf_token": "wrong", "name": "x"}, WAV)).status == 403
    assert (await owner.post(PAGE, await token_of(owner) | {"name": "x"})).status == 415
    monkeypatch.setattr(door, "MOST_UPLOADS", 0)
    assert (await owner.upload(PAGE, await token_of(owner) | {"name": "x"}, WAV)).status == 503
    assert (await world.get("/v1/prompts")).json["data"] == []


A_FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a file.wav"\r\n\r\n'


@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"\r\n" * 200_000 + A_FILE + b"x\r\n--b--\r\n", 400),
        ((A_FILE + b"x\r\n") * 5_000 + b"--b--\r\n", 400),
        (A_FILE + b"\r\n--" * 500_000 + b"\r\n--b--\r\n", 403),  # a file, but no token
    ],
    ids=["lines before it", "files", "nearly boundaries"],
)
async def test_little_that_unpacks_to_much_leaves_everybody_else_their_turns(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, form: bytes, status: int
) -> None:
    owner = await visitor_of(world, Role.OWNER)
    turn, reads = 0, Counter[int]()
    readline, read = StreamReader.readline, StreamReader.read

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def counted_line(stream: StreamReader, *, max_line_length: int | None = None) -> bytes:
        reads[turn] += 1
        return await readline(stream, max_line_length=max_line_length)

    async def counted_read(stream: StreamReader, n: int = -1) -> bytes:
        reads[turn] += 1
        return await read(stream, n)

    monkeypatch.setattr(StreamReader, "readline", counted_line)
    monkeypatch.setattr(StreamReader, "read", counted_read)
    ticking = asyncio.create_task(count_turns())
    headers = {"Content_Type": "multipart/form-data; boundary=b", "Content_Encoding": "gzip"}
    refused = await owner.send(PAGE, gzip.compress(form), **headers)
    ticking.cancel()
    assert refused.status == status
    assert reads.total() <= 4_000
    assert max(reads.values()) <= 100
