"""The Python client: against the running API, and against replies that go wrong."""

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, get_type_hints

import httpx
import pytest

from control_api.webhooks.signing import sign_body, sign_body_v2
from generate import PACKAGE, Writer, left_over, written
from maskbridge_client import UNSET, AsyncMaskbridge, Maskbridge, Refused, UnexpectedReply, Unreachable, shapes
from maskbridge_client.async_operations import AsyncOperations
from maskbridge_client.sync_operations import Operations
from maskbridge_client.webhooks import verify, verify_v1
from maskbridge_client.wire import encoded, events_of
from storage.records import Scope
from tests.support.api_world import KEY, ORG, ApiWorld, api_world, documented

PLACED = {
    "call_sid": "3f2b1c0d",
    "id": "3f2b1c0d",
    "status": "initiated",
    "party_a": "9876543210",
    "party_b": "9123456789",
    "masked_number": "917969002802",
    "of_a_later_version": 1,
}
META = {"timestamp": "2025-01-01T12:00:00Z", "request_id": "x"}


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


def ok(data: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={"data": data, "meta": META})


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "no"}}, headers=headers)


class Answers:
    """What a server says, one answer after the other; the last one for ever."""

    def __init__(self, *answers: httpx.Response | httpx.TransportError) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    async def sleep(self, pause_s: float) -> None:
        self.slept.append(pause_s)

    def client(self, **options: Any) -> Maskbridge:
        transport = httpx.MockTransport(self)
        return Maskbridge("http://x", KEY, transport=transport, sleep=self.slept.append, **options)

    def async_client(self, **options: Any) -> AsyncMaskbridge:
        transport = httpx.MockTransport(self)
        return AsyncMaskbridge("http://x", KEY, transport=transport, sleep=self.sleep, **options)


def test_what_is_generated_is_as_the_document_has_it() -> None:
    for name, text in written().items():
        assert (PACKAGE / name).read_text() == text, f"{name} is stale: make client"
        assert len(text.splitlines()) < 500, f"{name} is too long to read"
    assert left_over(written()) == []


def test_both_clients_have_the_same_methods_one_for_each_endpoint_of_a_key() -> None:
    sync, other = (
        {name: get_type_hints(getattr(made, name)) for name in dir(made) if not name.startswith("_")}
        for made in (Operations, AsyncOperations)
    )
    assert sync == other
    assert len(sync) == sum(1 for _ in Writer(documented())._operations())
    assert {"place_call", "list_calls", "hang_up", "show_recording", "create_key"} <= set(sync)


async def test_a_call_is_placed_listed_and_hung_up_on_the_real_api(world: ApiWorld) -> None:
    async with AsyncMaskbridge(str(world.client.make_url("/")), KEY) as client:
        placed = await client.place_call("9876543210", "+91 91234 56789", reference="order-1042")
        shown = await client.show_call(placed.call_sid)
        assert (shown.reference, shown.status, shown.legs[0].status) == (
            "order-1042",
            "initiated",
            shown.legs[0].status,
        )
        assert shown.created_at == datetime(2025, 1, 1, 12, tzinfo=UTC)
        listed = await client.list_calls(reference="order-1042", per_page=5)
        assert (listed.total, listed.items[0].call_sid) == (1, placed.call_sid)
        assert (await client.hang_up(placed.call_sid)).call_sid == placed.call_sid
        key = await client.create_key("shop", scopes=["calls:read"])
        assert key.key.startswith("vp_")
        await client.revoke_key(key.key_id)
        with pytest.raises(Refused) as refused:
            await client.list_calls(page=0)
        assert (refused.value.status, refused.value.code) == (400, "invalid_request")


async def test_the_client_for_threads_does_the_same(world: ApiWorld) -> None:
    def work() -> str:
        with Maskbridge(str(world.client.make_url("/")), KEY) as client:
            placed = client.place_call("9876543210", "9123456789", idempotency_key="k1")
            again = client.place_call("9876543210", "9123456789", idempotency_key="k1")
            assert again == placed
            assert client.show_billing().balance == 500.0
            return placed.call_sid

    call_sid = await asyncio.to_thread(work)
    assert await world.store.read(lambda reader: reader.call(ORG, call_sid)) is not None


def test_what_is_busy_is_asked_again_as_it_says_and_with_the_same_key() -> None:
    answers = Answers(refusal(429, "rate_limited", **{"Retry-After": "3"}), ok(PLACED, 201))
    with answers.client() as client:
        assert client.place_call("9876543210", "9123456789").masked_number == "917969002802"
    assert answers.slept == [3.0]
    assert len({request.headers["Idempotency-Key"] for request in answers.asked}) == 1


async def test_a_server_that_is_away_is_tried_again_and_then_told_of() -> None:
    answers = Answers(httpx.ConnectError("refused"))
    async with answers.async_client(retries=3) as client:
        with pytest.raises(Unreachable):
            await client.hang_up("x")
    assert answers.slept == [0.5, 1.0, 2.0]


def test_what_may_have_been_done_is_not_done_twice() -> None:
    answers = Answers(httpx.ReadError("cut"))
    with answers.client() as client:
        with pytest.raises(Unreachable):
            client.hang_up("x")
        assert len(answers.asked) == 1
        with pytest.raises(Unreachable):
            client.show_call("x")
    assert len(answers.asked) == 4


@pytest.mark.parametrize("told", ["90", "", "soon"])
def test_a_wait_that_is_too_long_or_none_is_left_to_the_caller(told: str) -> None:
    answers = Answers(refusal(503, "no_capacity", **{"Retry-After": told}))
    with answers.client() as client, pytest.raises(Refused) as refused:
        client.show_call("x")
    assert answers.slept == []
    assert refused.value.retry_after_s == (90.0 if told == "90" else None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"meta": {}}', b'{"data": 5, "meta": {}}', b'{"data": {}}'])
def test_a_reply_of_another_shape_is_an_error_of_its_own(body: bytes) -> None:
    with Answers(httpx.Response(200, content=body)).client() as client, pytest.raises(UnexpectedReply):
        client.show_call("x")


def test_a_refusal_without_a_body_of_ours_is_a_refusal() -> None:
    with Answers(httpx.Response(502, content=b"Bad gateway")).client() as client, pytest.raises(Refused) as refused:
        client.show_call("x")
    assert (refused.value.status, refused.value.message) == (502, "Bad gateway")


def test_paths_and_queries_are_escaped_and_what_is_unset_is_left_out() -> None:
    answers = Answers(ok([]))
    with answers.client() as client:
        client.list_calls(reference="a&b", test=True, start_date=datetime(2025, 1, 1, tzinfo=UTC))
        client.delete_prompt("../x?y")
    assert dict(answers.asked[0].url.params) == {
        "reference": "a&b",
        "test": "true",
        "start_date": "2025-01-01T00:00:00+00:00",
    }
    assert answers.asked[1].url.raw_path == b"/v1/prompts/..%2Fx%3Fy"
    body = {"a": UNSET, "b": None, "prompts": shapes.PromptsBody(consent="both")}
    assert encoded(body) == {"b": None, "prompts": {"consent": "both"}}


def test_events_are_followed_from_the_last_one_that_came() -> None:
    first = b'id: 7\nevent: call.ringing\ndata: {"call_sid": "x"}\n\n'
    second = b': still here\n\nid: 8\nevent: call.answered\ndata: {"call_sid":\ndata: "x"}\n\n'
    answers = Answers(httpx.Response(200, content=first), httpx.Response(200, content=second))
    with answers.client() as client:
        stream = client.stream_events()
        found = [next(stream), next(stream)]
        stream.close()
    assert [(one.event, one.event_id, one.data) for one in found] == [
        ("call.ringing", "7", {"call_sid": "x"}),
        ("call.answered", "8", {"call_sid": "x"}),
    ]
    assert answers.asked[1].headers["Last-Event-ID"] == "7"
    assert events_of(["data: {}", ""])[0].event == "message"


async def test_a_stream_that_lived_without_an_event_counts_as_no_failure() -> None:
    """Whatever is in between ends connections after a while, in a quiet night too."""
    answers = _quiet_night(_broken_off)
    with answers.client() as client:
        assert next(client.stream_events()).event_id == "7"
    assert answers.slept == [0.5] * 8
    answers = _quiet_night(_broken_off_later)
    async with answers.async_client() as other:
        assert (await anext(other.stream_events())).event_id == "7"
    assert answers.slept == [0.5] * 8


async def test_the_key_is_not_shown_to_whoever_a_recordings_address_leads_to() -> None:
    url = "https://elsewhere.example/v1/public/recordings/masking/x.mp3?expires=1&signature=0"
    answers = Answers(httpx.Response(200, content=b"mp3"), httpx.Response(200, content=b"mp3"))
    with answers.client() as client:
        assert client.download(url) == b"mp3"
    async with answers.async_client() as other:
        assert await other.download(url) == b"mp3"
    assert [str(asked.url) for asked in answers.asked] == [url, url]
    assert not any("Authorization" in asked.headers for asked in answers.asked)


_QUIET = b"retry: 3000\n\n: heartbeat\n\n"
_RINGING = b'id: 7\nevent: call.ringing\ndata: {"call_sid": "x"}\n\n'


def _quiet_night(broken_off: Callable[[bytes], Any]) -> Answers:
    """Four connections that break off, four that are ended in order, and one with an event."""
    contents = [*(broken_off(_QUIET) for _ in range(4)), *[_QUIET] * 4, _RINGING]
    return Answers(*(httpx.Response(200, content=content) for content in contents))


def _broken_off(content: bytes) -> Iterator[bytes]:
    yield content
    raise httpx.ReadError("cut")


async def _broken_off_later(content: bytes) -> AsyncIterator[bytes]:
    yield content
    raise httpx.ReadError("cut")


def test_webhooks_are_verified_as_the_service_signs_them() -> None:
    body = json.dumps({"event": "call.completed"}).encode()
    headers = {
        "x-edesy-signature-v2": sign_body_v2(body, ["new", "old"], 1_000),
        "X-Edesy-Signature": sign_body(body, "old"),
    }
    assert verify(body, headers, "old", now_s=1_100)
    assert verify(body, headers, "new", now_s=1_100)
    assert not verify(body + b" ", headers, "old", now_s=1_100)
    assert not verify(body, headers, "other", now_s=1_100)
    assert not verify(body, headers, "old", now_s=1_500)
    assert not verify(body, {"X-Edesy-Signature": headers["X-Edesy-Signature"]}, "old", now_s=1_100)
    assert verify_v1(body, headers["X-Edesy-Signature"], "old")
    for broken in ("", "t=,v1=x", "t=1000", "t=x,v1=" + "0" * 64, "t=\u0661,v1=x", "t=1000" + ",v1=x" * 9):
        assert not verify(body, {"X-Edesy-Signature-V2": broken}, "old", now_s=1_000)
    # As servers hand on bytes that are no UTF-8.
    assert not verify(body, {"X-Edesy-Signature-V2": "t=1000,v1=\udcff"}, "old", now_s=1_000)
    assert not verify_v1(body, "sha256=\udcff", "old")


def test_every_scope_of_the_service_is_known() -> None:
    assert set(shapes.Scope.__args__) == set(Scope)  # type: ignore[attr-defined]


def test_it_is_given_away_with_the_licence_that_it_names() -> None:
    here, all_of_it = PACKAGE.parent, PACKAGE.parents[2]
    project = tomllib.loads((here / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    assert (here / "LICENSE").read_bytes() == (all_of_it / "LICENSE").read_bytes()
