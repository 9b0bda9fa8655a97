"""POST /v1/masking/calls, the status of a call, and hanging up."""

import asyncio
import gzip
import json
import uuid
import zlib
from collections.abc import AsyncIterator

import pytest

from b2bua.call.errors import BalanceInsufficient, CapacityExhausted, InvalidParties, InvalidPrompts
from control_api import boundary
from storage.errors import StoreUnavailable
from storage.records import Consent, PromptChoice
from tests.support.api_world import BODY, CALLS, KEY, OTHER_KEY, ApiWorld, api_world


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


async def test_a_placed_call_is_answered_at_once(world: ApiWorld) -> None:
    reply = await world.post({**BODY, "reference": "order-1", "max_duration_sec": 10, "ring_timeout_sec": 120})
    assert reply.status == 201
    data = reply.json["data"]
    assert str(uuid.UUID(data["call_sid"])) == data["id"] == data["call_sid"]
    assert data | {"call_sid": "", "id": ""} == {
        "call_sid": "",
        "id": "",
        "status": "initiated",
        "party_a": "9876543210",
        "party_b": "9876543211",
        "masked_number": "917969002802",
        "reference": "order-1",
    }
    assert reply.json["meta"] == {
        "timestamp": "2025-01-01T12:00:00Z",
        "request_id": reply.headers["X-Request-Id"],
    }
    command = world.switch.commands[0]
    assert (command.max_duration_s, command.ring_timeout_s, command.record) == (10, 120, None)
    assert (command.org_id, command.reference, command.idempotency_key) == ("org-one", "order-1", None)


async def test_reference_is_absent_when_none_was_given(world: ApiWorld) -> None:
    reply = await world.post()
    assert "reference" not in reply.json["data"]


async def test_unknown_fields_are_ignored_and_null_is_unset(world: ApiWorld) -> None:
    reply = await world.post({**BODY, "colour": "green", "record": None, "max_duration_sec": None, "reference": None})
    assert reply.status == 201
    assert world.switch.commands[0].max_duration_s is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("party_a", None),
        ("party_a", 9876543210),
        ("party_b", ["9876543211"]),
        ("party_b", {}),
        ("max_duration_sec", 9),
        ("max_duration_sec", 7201),
        ("max_duration_sec", "60"),
        ("max_duration_sec", True),
        ("max_duration_sec", 60.0),
        ("max_duration_sec", 60.5),
        ("ring_timeout_sec", 4),
        ("ring_timeout_sec", 121),
        ("ring_timeout_sec", False),
        ("record", "true"),
        ("record", 1),
        ("reference", "x" * 129),
        ("reference", 7),
        ("reference", "a\x00b"),
        ("reference", "a\r\nb"),
        ("reference", "\ud800"),
        ("prompts", "hold_tone"),
        ("prompts", []),
    ],
)
async def test_a_field_at_fault_is_named(world: ApiWorld, field: str, value: object) -> None:
    reply = await world.post({**BODY, field: value})
    assert reply.status == 400
    assert reply.json["error"]["code"] == "invalid_request"
    assert reply.json["error"]["field"] == field
    assert not world.switch.commands


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wait", "../../etc/passwd"),
        ("wait", "/tmp/x.wav"),
        ("wait", "bundled:hold_tone"),
        ("whisper_a", "Capital"),
        ("whisper_b", "x" * 49),
        ("consent_notice", 1),
        ("consent", "all"),
        ("consent", True),
        ("balance_warning", "x\n"),
    ],
)
async def test_a_prompt_is_chosen_by_a_name_alone(world: ApiWorld, name: str, value: object) -> None:
    reply = await world.post({**BODY, "prompts": {name: value}})
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_request")
    assert reply.json["error"]["field"] == f"prompts.{name}"
    assert not world.switch.commands


async def test_the_prompts_of_a_call_reach_the_switch(world: ApiWorld) -> None:
    chosen = {"wait": "hold_tone", "whisper_a": None, "whisper_b": "", "consent": "b", "later": "ignored"}
    reply = await world.post({**BODY, "prompts": chosen})
    assert reply.status == 201
    assert world.switch.commands[-1].prompts == PromptChoice(wait="hold_tone", whisper_b="", consent=Consent.B)


async def test_a_prompt_that_there_is_not_is_told_with_its_field(world: ApiWorld) -> None:
    world.switch.refuse_with = InvalidPrompts("There is no prompt of this name.", "prompts.whisper_a")
    reply = await world.post({**BODY, "prompts": {"whisper_a": "none"}})
    assert (reply.status, reply.json["error"]) == (
        400,
        {"code": "invalid_request", "message": "There is no prompt of this name.", "field": "prompts.whisper_a"},
    )


@pytest.mark.parametrize("field", ["party_a", "party_b"])
async def test_an_empty_party_is_a_string_that_is_no_number(world: ApiWorld, field: str) -> None:
    world.switch.refuse_with = InvalidParties("Not a valid Indian mobile number.", field)
    reply = await world.post({**BODY, field: ""})
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_numbers")


@pytest.mark.parametrize("field", ["party_a", "party_b"])
async def test_a_missing_party_is_named(world: ApiWorld, field: str) -> None:
    reply = await world.post({name: value for name, value in BODY.items() if name != field})
    assert (reply.status, reply.json["error"]) == (
        400,
        {"code": "invalid_request", "message": f"{field} is required.", "field": field},
    )


@pytest.mark.parametrize("party", ["98765\x0043210", "9876543210\r\nVia: x", "9" * 321, "987654\u20283210", "\ud800"])
async def test_what_must_not_reach_sip_is_no_number(world: ApiWorld, party: str) -> None:
    reply = await world.post({**BODY, "party_b": party})
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["field"]) == (
        400,
        "invalid_numbers",
        "party_b",
    )
    assert not world.switch.commands


@pytest.mark.parametrize(
    ("refusal", "status", "code", "field"),
    [
        (InvalidParties("The two are the same."), 400, "invalid_numbers", None),
        (InvalidParties("No such number.", "party_b"), 400, "invalid_numbers", "party_b"),
        (BalanceInsufficient(), 402, "insufficient_balance", None),
        (CapacityExhausted("Every trunk is down.", 7), 503, "no_capacity", None),
        (StoreUnavailable("disk full on /var"), 503, "no_capacity", None),
    ],
)
async def test_the_switch_refuses(
    world: ApiWorld, refusal: Exception, status: int, code: str, field: str | None
) -> None:
    world.switch.refuse_with = refusal
    reply = await world.post()
    assert (reply.status, reply.json["error"]["code"], reply.json["error"].get("field")) == (status, code, field)
    assert "/var" not in reply.json["error"]["message"]
    if status == 402:
        assert reply.json["error"]["message"] == ("Insufficient balance. Please add funds to continue making calls.")
    if isinstance(refusal, CapacityExhausted):
        assert reply.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"party_a": "9876543210", "party_b": "9876543211", "x": NaN}',
        b'{"party_a": "9876543210", "party_b": "9876543211", "x": -Infinity}',
        b'{"party_a": "9876543210", "party_a": "9876543212", "party_b": "9876543211"}',
        b'{"party_a": "9876543210", "party_b": "9876543211", "x": ' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 60_000,
        b'{"x": ' + b"9" * 50_000 + b"}",
    ],
)
async def test_bad_json_is_400(world: ApiWorld, raw: bytes) -> None:
    reply = await world.send("POST", CALLS, data=raw, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_request")
    assert not world.switch.commands


async def test_brackets_in_text_are_no_depth(world: ApiWorld) -> None:
    reply = await world.post({**BODY, "note": '\\"[{' * 40})
    assert reply.status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json, text/plain",
        "application/json; charset=latin-1",
        'application/json; profile=x; Charset = "utf-16"',
    ],
)
async def test_other_than_json_is_415(world: ApiWorld, content_type: str) -> None:
    raw = json.dumps(BODY).encode()
    reply = await world.send("POST", CALLS, data=raw, headers={"Content-Type": content_type})
    assert (reply.status, reply.json["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("coding", ["gzip, gzip", "compress", "nonsense"])
async def test_a_coding_that_nobody_undoes_is_415(world: ApiWorld, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    reply = await world.send("POST", CALLS, data=json.dumps(BODY).encode(), headers=headers)
    assert (reply.status, reply.json["error"]["code"]) == (415, "unsupported_media_type")
    assert not world.switch.commands


@pytest.mark.parametrize("coding", ["identity", "gzip", "Deflate"])
async def test_a_coding_that_is_undone_is_taken(world: ApiWorld, coding: str) -> None:
    raw = json.dumps(BODY).encode()
    sent = {"identity": raw, "gzip": gzip.compress(raw), "Deflate": zlib.compress(raw)}[coding]
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    assert (await world.send("POST", CALLS, data=sent, headers=headers)).status == 201


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; charset=utf8",
        "application/json; odata.metadata=none;",
    ],
)
async def test_json_in_utf8_is_taken(world: ApiWorld, content_type: str) -> None:
    raw = json.dumps(BODY).encode()
    assert (await world.send("POST", CALLS, data=raw, headers={"Content-Type": content_type})).status == 201


async def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_413(world: ApiWorld) -> None:
    raw = json.dumps(BODY).encode()
    exact = raw[:-1] + b" " * (65_536 - len(raw)) + b"}"
    headers = {"Content-Type": "application/json"}
    assert (await world.send("POST", CALLS, data=exact, headers=headers)).status == 201
    reply = await world.send("POST", CALLS, data=b" " + exact, headers=headers)
    assert (reply.status, reply.json["error"]["code"]) == (413, "payload_too_large")


async def test_a_chunked_body_over_the_limit_is_413(world: ApiWorld) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 8_192

    reply = await world.send("POST", CALLS, data=pieces(), headers={"Content-Type": "application/json"})
    assert reply.status == 413


async def test_a_chunked_body_is_read_whole(world: ApiWorld) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        raw = json.dumps(BODY).encode()
        yield raw[:10]
        yield raw[10:]

    reply = await world.send("POST", CALLS, data=pieces(), headers={"Content-Type": "application/json"})
    assert reply.status == 201


async def test_the_same_key_and_body_replay_the_first_reply(world: ApiWorld) -> None:
    first = await world.post(headers={"Idempotency-Key": "abc"})
    await world.finish(first.json["data"]["id"])
    world.clock.advance(3_600)
    raw = b'{ "party_b": "9876543211",  "party_a": "9876543210" }'
    headers = {"Idempotency-Key": "abc", "Content-Type": "application/json", "X-Request-Id": "mine"}
    second = await world.send("POST", CALLS, data=raw, headers=headers)
    assert (second.status, second.body) == (201, first.body)
    assert second.headers["X-Request-Id"] == first.headers["X-Request-Id"] == first.json["meta"]["request_id"]
    assert len(world.switch.commands) == 1


async def test_the_same_key_with_another_body_is_409(world: ApiWorld) -> None:
    await world.post(headers={"Idempotency-Key": "abc"})
    reply = await world.post({**BODY, "reference": "x"}, headers={"Idempotency-Key": "abc"})
    assert (reply.status, reply.json["error"]["code"]) == (409, "conflict")


async def test_another_organisation_has_its_own_idempotency_keys(world: ApiWorld) -> None:
    first = await world.post(headers={"Idempotency-Key": "abc"})
    second = await world.post(headers={"Idempotency-Key": "abc"}, key=OTHER_KEY)
    assert second.json["data"]["id"] != first.json["data"]["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\xe9"])
async def test_an_unusable_idempotency_key_is_400(world: ApiWorld, key: str) -> None:
    reply = await world.post(headers={"Idempotency-Key": key})
    assert (reply.status, reply.json["error"]["field"]) == (400, "Idempotency-Key")
    assert not world.switch.commands


async def test_a_call_is_shown_as_it_is(world: ApiWorld) -> None:
    call_id = await world.place(reference="order-2")
    live = (await world.get(f"{CALLS}/{call_id}")).json["data"]
    assert (live["status"], live["price"], live["ended_at"], live["duration_sec"]) == ("initiated", None, None, None)
    assert (live["caller_number"], live["target_number"]) == ("917969002802", "9876543210")
    await world.finish(call_id, recording_path="2025/01/01/3f2b1c0d.wav")
    done = (await world.get(f"{CALLS}/{call_id.upper()}")).json["data"]
    assert (done["status"], done["price"], done["bill_duration_sec"], done["duration_sec"]) == ("completed", 3, 120, 94)
    assert done["answered_at"] == "2025-01-01T12:00:09Z"
    assert done["recording_url"] == "recordings/2025/01/01/3f2b1c0d.wav"
    assert (done["reference"], done["hangup_cause"], done["hangup_party"]) == ("order-2", "normal", "a")
    assert [leg["leg"] for leg in done["legs"]] == ["a", "b"]


async def test_log_number_style_parties_shows_a_and_b() -> None:
    async with api_world(log_number_style="parties") as world:
        call_id = await world.place()
        data = (await world.get(f"{CALLS}/{call_id}")).json["data"]
        assert (data["caller_number"], data["target_number"]) == ("9876543210", "9876543211")


@pytest.mark.parametrize("suffix", ["", "/recording", "/hangup"])
@pytest.mark.parametrize("name", ["x", "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d", "..%2f..%2fetc", "%00", "x" * 300])
async def test_an_unknown_call_is_404(world: ApiWorld, name: str, suffix: str) -> None:
    reply = await world.send("POST" if suffix == "/hangup" else "GET", f"{CALLS}/{name}{suffix}")
    assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")


async def test_a_call_of_another_organisation_is_404(world: ApiWorld) -> None:
    call_id = await world.place()
    assert (await world.get(f"{CALLS}/{call_id}", key=OTHER_KEY)).status == 404
    assert (await world.send("POST", f"{CALLS}/{call_id}/hangup", key=OTHER_KEY)).status == 404


async def test_hanging_up(world: ApiWorld) -> None:
    call_id = await world.place()
    reply = await world.send("POST", f"{CALLS}/{call_id}/hangup")
    assert (reply.status, reply.json["data"]["call_sid"]) == (202, call_id)
    assert world.switch.hung_up == [call_id]
    await world.finish(call_id)
    again = await world.send("POST", f"{CALLS}/{call_id}/hangup", json={})
    assert (again.status, again.json["error"]["code"]) == (409, "conflict")


async def test_a_body_that_is_not_needed_is_still_checked(world: ApiWorld) -> None:
    path = f"{CALLS}/{await world.place()}/hangup"
    json_type = {"Content-Type": "application/json"}
    assert (await world.send("POST", path, data=b"x", headers={"Content-Type": "text/plain"})).status == 415
    assert (await world.send("POST", path, data=b"{", headers=json_type)).status == 400
    assert (await world.send("POST", path, data=b" " * 65_537, headers=json_type)).status == 413
    assert (await world.send("POST", path, data=b"", headers={"Content-Type": "text/plain"})).status == 202


async def test_a_compressed_body_counts_by_what_it_holds(world: ApiWorld) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    raw = json.dumps(BODY).encode()
    assert (await world.send("POST", CALLS, data=gzip.compress(raw), headers=headers)).status == 201
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 65_536
    assert (await world.send("POST", CALLS, data=bomb, headers=headers)).status == 413
    assert (await world.send("POST", CALLS, data=b"no gzip at all", headers=headers)).status == 400


async def test_nothing_is_begun_for_somebody_who_cannot_be_looked_up_in_time(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stalled(_work: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(boundary, "IDENTIFY_S", 0.0)
    monkeypatch.setattr(world.store, "read", stalled)
    async with asyncio.timeout(5):
        headers = {"Idempotency-Key": "once", "Authorization": f"Bearer {KEY}"}
        reply = await world.client.post(CALLS, json=BODY, headers=headers)
    told = await reply.json()
    assert (reply.status, told["error"]["code"], reply.headers["Retry-After"]) == (503, "no_capacity", "5")
    assert world.switch.commands == []
    monkeypatch.undo()
    assert (await world.post(headers={"Idempotency-Key": "once"})).status == 201
