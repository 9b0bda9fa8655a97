"""An organisation's prompts over the API: uploaded, listed, deleted, chosen."""

import gzip
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control_api.routes import prompts as prompt_routes
from media.prompts.bundled import PROMPTS, bundled_samples, render_wav, samples_of
from media.prompts.conversion import convert
from storage.records import Scope
from tests.support.api_world import KEY, ORG, OTHER_KEY, OTHER_ORG, ApiReply, ApiWorld, an_api_key, api_world

WAV = render_wav(array("h", [3000, -3000] * 6000))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(prompts=tmp_path) as started:
        yield started


async def put(world: ApiWorld, name: str, content: bytes = WAV, **options: Any) -> ApiReply:
    headers = {"Content-Type": "audio/wav"} | options.pop("headers", {})
    return await world.send("PUT", f"/v1/prompts/{name}", data=content, headers=headers, **options)


async def test_a_prompt_is_uploaded_listed_and_deleted(world: ApiWorld) -> None:
    reply = await put(world, "your_order")
    assert reply.status == 200
    described = {"name": "your_order", "duration_sec": 1.5, "created_at": "2025-01-01T12:00:00Z"}
    assert reply.json["data"] == described
    assert (await world.get("/v1/prompts")).json["data"] == [described]
    assert (await world.get("/v1/prompts", key=OTHER_KEY)).json["data"] == []
    assert (await world.send("DELETE", "/v1/prompts/your_order", key=OTHER_KEY)).status == 404
    reply = await world.send("DELETE", "/v1/prompts/your_order")
    assert (reply.status, reply.body) == (204, b"")
    assert (await world.send("DELETE", "/v1/prompts/your_order")).status == 404
    assert (await world.get("/v1/prompts")).json["data"] == []


async def test_a_prompt_is_listened_to_as_it_was_converted(world: ApiWorld) -> None:
    await put(world, "your_order")
    reply = await world.get("/v1/prompts/your_order")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "audio/wav")
    assert reply.body == render_wav(convert(WAV))
    assert (await world.get("/v1/prompts/your_order", key=OTHER_KEY)).status == 404
    assert (await world.get("/v1/prompts/nothing")).status == 404


async def test_a_part_of_a_prompt_is_given_as_players_of_some_browsers_insist_on(world: ApiWorld) -> None:
    whole = (await world.get("/v1/prompts/hold_tone")).body
    part = await world.get("/v1/prompts/hold_tone", headers={"Range": "bytes=0-1"})
    assert (part.status, part.body, part.headers["Content-Type"]) == (206, whole[:2], "audio/wav")
    assert part.headers["Content-Range"] == f"bytes 0-1/{len(whole)}"
    rest = {"Range": "bytes=44-", "If-Range": part.headers["ETag"]}
    assert (await world.get("/v1/prompts/hold_tone", headers=rest)).body == whole[44:]
    await put(world, "hold_tone")
    assert (await world.get("/v1/prompts/hold_tone", headers=rest)).status == 200
    beyond = {"Range": f"bytes={len(whole)}-"}
    await world.send("DELETE", "/v1/prompts/hold_tone")
    refused = await world.get("/v1/prompts/hold_tone", headers=beyond)
    assert (refused.status, refused.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


@pytest.mark.parametrize("name", PROMPTS)
async def test_so_is_one_that_comes_with_the_product_unless_it_is_replaced(world: ApiWorld, name: str) -> None:
    reply = await world.get(f"/v1/prompts/{name}")
    assert list(samples_of(reply.body)) == list(bundled_samples(name))
    await put(world, name)
    assert (await world.get(f"/v1/prompts/{name}")).body == render_wav(convert(WAV))


def kept(folder: Path) -> list[Path]:
    return list(folder.rglob("*.wav"))


async def test_a_prompt_whose_file_is_damaged_is_not_handed_out(world: ApiWorld, tmp_path: Path) -> None:
    await put(world, "your_order")
    (file,) = kept(tmp_path)
    file.write_bytes(WAV)
    assert (await world.get("/v1/prompts/your_order")).status == 503
    file.unlink()
    assert (await world.get("/v1/prompts/your_order")).status == 503


@pytest.mark.parametrize("name", ["Shop", "a.b", "%2e%2e", "x" * 49])
async def test_a_prompt_has_a_plain_name(world: ApiWorld, name: str) -> None:
    reply = await put(world, name)
    assert reply.status in (400, 404)
    if reply.status == 400:
        assert (reply.json["error"]["code"], reply.json["error"]["field"]) == ("invalid_request", "name")


async def test_a_file_that_cannot_be_used_is_told_why(world: ApiWorld) -> None:
    reply = await put(world, "shop", b"RIFF")
    assert (reply.status, reply.json["error"]) == (
        400,
        {"code": "invalid_request", "message": "The file cannot be used: it is no WAV file."},
    )
    assert (await put(world, "shop", b"")).status == 400


async def test_only_a_wav_file_is_taken_and_not_an_endless_one(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content_type in ("application/json", "audio/mpeg", "text/plain"):
        assert (await put(world, "shop", headers={"Content-Type": content_type})).status == 415
    monkeypatch.setattr(prompt_routes, "MAX_WAV_BYTES", len(WAV) - 1)
    assert (await put(world, "shop")).status == 413
    packed = gzip.compress(WAV)
    assert (await put(world, "shop", packed, headers={"Content-Encoding": "gzip"})).status == 413
    monkeypatch.setattr(prompt_routes, "MAX_WAV_BYTES", len(WAV))
    assert (await put(world, "shop", packed, headers={"Content-Encoding": "gzip"})).status == 200


async def test_a_choice_holds_for_all_calls_and_is_replaced_as_a_whole(world: ApiWorld) -> None:
    nothing = dict.fromkeys(("wait", "whisper_a", "whisper_b", "consent", "consent_notice", "balance_warning"))
    assert (await world.get("/v1/prompt-choice")).json["data"] == nothing
    await put(world, "shop")
    reply = await world.send("PUT", "/v1/prompt-choice", json={"whisper_b": "shop", "consent": "both", "wait": ""})
    assert reply.status == 200
    assert reply.json["data"] == nothing | {"whisper_b": "shop", "consent": "both", "wait": ""}
    assert (await world.get("/v1/prompt-choice")).json["data"] == reply.json["data"]
    assert (await world.get("/v1/prompt-choice", key=OTHER_KEY)).json["data"] == nothing
    reply = await world.send("DELETE", "/v1/prompts/shop")
    assert (reply.status, reply.json["error"]["code"]) == (409, "conflict")
    assert (await world.send("PUT", "/v1/prompt-choice", json={})).json["data"] == nothing
    assert (await world.send("DELETE", "/v1/prompts/shop")).status == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"whisper_a": "none_such"}, "whisper_a"),
        ({"consent": "everyone"}, "consent"),
        ({"wait": 1}, "wait"),
        ({"wait": "/etc/passwd"}, "wait"),
        ([], None),
    ],
)
async def test_a_choice_at_fault_is_named(world: ApiWorld, body: object, field: str | None) -> None:
    reply = await world.send("PUT", "/v1/prompt-choice", json=body)
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_request")
    assert reply.json["error"].get("field") == field


async def test_a_key_needs_the_scope(world: ApiWorld) -> None:
    reader = an_api_key("vp_" + "7" * 64, OTHER_ORG, key_id="reader", scopes=frozenset({Scope.PROMPTS_READ}))
    await world.store.run(lambda unit: unit.accounts.add_key(reader))
    key = "vp_" + "7" * 64
    assert (await world.get("/v1/prompts", key=key)).status == 200
    assert (await world.get("/v1/prompt-choice", key=key)).status == 200
    assert (await put(world, "shop", key=key)).status == 403
    assert (await world.send("DELETE", "/v1/prompts/shop", key=key)).status == 403
    assert (await world.send("PUT", "/v1/prompt-choice", json={}, key=key)).status == 403
    assert (await put(world, "shop", key=None)).status == 401
    assert ORG != OTHER_ORG
    assert KEY != OTHER_KEY
