"""One stream from its start to its stop: its messages, and a server that is slow or goes away."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from b2bua.call.errors import NotConnected
from b2bua.switch.trace_steps import RECORDING_PAUSED, Told
from control_api.streams import stream as call_stream
from control_api.streams.backlog import FRAMES_MAX
from control_api.streams.stream import CallStream, StopReason, StreamPlan, StreamState
from storage.streams import Tracks
from tests.support.kept_line import HeardCalls, KeptDialler, settle
from tests.support.manual_clock import ManualClock

CALL, STREAM = "3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d", "stream-1"
NO_PAUSES = (0.0, 0.0, 0.0)


class Streaming:
    """A stream over a kept line, of a call that a test speaks into."""

    def __init__(self, tracks: Tracks = Tracks.BOTH, rate_hz: int = 8000, refusals: int = 0) -> None:
        self.call = HeardCalls(CALL, "org", "order-1042")
        self.dialler = KeptDialler(refusals)
        plan = StreamPlan(STREAM, "endpoint-1", "wss://speech.example/x", "secret", rate_hz, tracks, 0)
        self.stream = CallStream(plan, self.call, self.dialler, ManualClock(), NO_PAUSES)

    async def end(self, reason: StopReason = StopReason.CALL_ENDED) -> None:
        self.stream.stop(reason)
        await self.stream.ended()


@pytest.fixture
async def streaming() -> AsyncIterator[Streaming]:
    made = Streaming()
    await settle()
    yield made
    await made.end()


async def test_a_stream_begins_with_its_start_and_ends_with_its_stop(streaming: Streaming) -> None:
    streaming.call.say(3, a=b"\x01\x02" * 160)
    await settle()
    await streaming.end()
    (line,) = streaming.dialler.lines
    assert [message["event"] for message in line.messages] == ["start", *["media"] * 6, "stop"]
    assert [message["sequence"] for message in line.messages] == list(range(1, 9))
    (start,) = line.of("start")
    assert start == {
        "stream_id": STREAM,
        "call_sid": CALL,
        "reference": "order-1042",
        "channels": {"a": "party_a", "b": "party_b"},
        "encoding": "audio/l16",
        "byte_order": "little",
        "rate": 8000,
        "frame_ms": 20,
        "connection": 1,
    }
    heard = line.of("media")
    assert [(entry["channel"], entry["timestamp_ms"]) for entry in heard[:3]] == [("a", 0), ("b", 0), ("a", 20)]
    assert base64.b64decode(heard[0]["payload"]) == b"\x01\x02" * 160
    assert base64.b64decode(heard[1]["payload"]) == bytes(320)
    assert line.of("stop") == [{"reason": "call_ended", "frames_sent": 3, "frames_dropped": 0, "timestamp_ms": 40}]
    assert line.closed
    assert streaming.call.takes == {}


@pytest.mark.parametrize("tracks", [Tracks.A, Tracks.B])
async def test_one_track_is_streamed_alone(tracks: Tracks) -> None:
    streaming = Streaming(tracks, 16_000)
    await settle()
    streaming.call.say(2, a=b"\x01\x02" * 320, b=b"\x03\x04" * 320)
    await settle()
    await streaming.end()
    (line,) = streaming.dialler.lines
    assert set(line.of("start")[0]["channels"]) == {tracks.value}
    assert {entry["channel"] for entry in line.of("media")} == {tracks.value}
    assert {len(base64.b64decode(entry["payload"])) for entry in line.of("media")} == {640}


async def test_marks_tell_what_happened_and_never_which_key(streaming: Streaming) -> None:
    streaming.call.say(2)
    for step in (
        Told("media", "a", "digit", {"way": "event", "duration_ms": 80}),
        Told("media", "b", "hold", {}),
        Told("media", "b", "unhold", {}),
        Told("media", "a", "latched", {}),
        Told("state", None, "bridged", {}),
        RECORDING_PAUSED,
    ):
        streaming.stream.told(step)
    await settle()
    assert streaming.dialler.lines[0].of("mark") == [
        {"name": "dtmf", "channel": "a", "timestamp_ms": 20},
        {"name": "hold", "channel": "b", "timestamp_ms": 20},
        {"name": "unhold", "channel": "b", "timestamp_ms": 20},
        {"name": "paused", "channel": None, "timestamp_ms": 20},
    ]


async def test_a_server_that_does_not_keep_up_loses_whole_frames_and_is_told(streaming: Streaming) -> None:
    line = streaming.dialler.lines[0]
    line.flowing.clear()
    streaming.call.say(FRAMES_MAX + 10)
    await settle()
    streaming.call.say(5, first=FRAMES_MAX + 10)
    line.flowing.set()
    await settle(200)
    await streaming.end()
    times = [entry["timestamp_ms"] for entry in line.of("media") if entry["channel"] == "a"]
    assert len(times) == line.of("stop")[0]["frames_sent"]
    assert len(times) + line.of("stop")[0]["frames_dropped"] == FRAMES_MAX + 15
    assert line.of("stop")[0]["frames_dropped"] >= 10
    assert times[-1] == (FRAMES_MAX + 14) * 20
    assert times == sorted(times)


async def test_a_call_that_ends_while_its_server_is_slow_still_ends_with_its_stop(streaming: Streaming) -> None:
    line = streaming.dialler.lines[0]
    line.flowing.clear()
    streaming.call.say(2)
    await settle()
    streaming.stream.stop(StopReason.CALL_ENDED)
    line.flowing.set()
    async with asyncio.timeout(call_stream.LAST_WORDS_S / 2):
        await streaming.stream.ended()
    assert line.of("stop") == [{"reason": "call_ended", "frames_sent": 2, "frames_dropped": 0, "timestamp_ms": 20}]


@pytest.mark.parametrize("begun", [True, False])
async def test_a_server_that_takes_nothing_does_not_outlast_its_call(
    streaming: Streaming, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    monkeypatch.setattr(call_stream, "LAST_WORDS_S", 0.02)
    line = streaming.dialler.lines[0]
    line.flowing.clear()
    if begun:
        streaming.call.say(2)
        await settle()
    streaming.stream.stop(StopReason.CALL_ENDED)
    async with asyncio.timeout(5):
        await streaming.stream.ended()
    assert (streaming.stream.state, streaming.stream.reason) == (StreamState.STOPPED, StopReason.CALL_ENDED)
    assert line.of("stop") == []
    assert line.closed


async def test_a_server_that_goes_away_is_called_again_and_told_from_where(streaming: Streaming) -> None:
    streaming.call.say(2)
    await settle()
    streaming.dialler.lines[0].ended = False
    streaming.call.say(1, first=2)
    await settle()
    streaming.call.say(2, first=10)
    await settle()
    assert streaming.stream.state is StreamState.STREAMING
    first, second = streaming.dialler.lines
    assert first.closed
    assert second.of("start")[0]["connection"] == 2
    assert second.messages[0]["sequence"] > first.messages[-1]["sequence"]
    assert second.of("media")[0]["timestamp_ms"] == 200
    assert {dialled[1] for dialled in streaming.dialler.dialled} == {STREAM}


async def test_a_server_that_closes_in_order_ends_the_stream(streaming: Streaming) -> None:
    streaming.dialler.lines[0].ended = True
    streaming.call.say()
    await settle()
    assert streaming.stream.state is StreamState.STOPPED
    assert streaming.stream.reason is StopReason.CLOSED_BY_SERVER
    assert len(streaming.dialler.dialled) == 1
    assert streaming.call.takes == {}


async def test_nobody_there_is_tried_so_often_and_given_up() -> None:
    streaming = Streaming(refusals=99)
    await streaming.stream.ended()
    assert len(streaming.dialler.dialled) == 1 + len(NO_PAUSES)
    assert streaming.stream.reason is StopReason.UNREACHABLE
    assert streaming.stream.state is StreamState.STOPPED
    assert streaming.call.takes == {}


async def test_what_is_heard_before_somebody_is_there_is_dropped_and_counted() -> None:
    streaming = Streaming(refusals=1)
    streaming.call.say(4)
    await settle()
    streaming.call.say(1, first=9)
    await settle()
    assert streaming.stream.frames_dropped == 4
    assert [entry["timestamp_ms"] for entry in streaming.dialler.lines[0].of("media")] == [180, 180]
    await streaming.end()


async def test_a_call_that_ends_while_its_server_is_away_ends_the_stream_at_once() -> None:
    streaming = Streaming(refusals=99)
    streaming.stream._pauses_s = (1000.0,)
    await settle(2)
    assert streaming.stream.state is StreamState.RECONNECTING
    async with asyncio.timeout(5):
        await streaming.end()
    assert streaming.stream.reason is StopReason.CALL_ENDED


async def test_stopping_twice_keeps_the_first_reason(streaming: Streaming) -> None:
    await streaming.end(StopReason.STOPPED)
    await streaming.end(StopReason.CALL_ENDED)
    assert streaming.dialler.lines[0].of("stop")[0]["reason"] == "stopped"


async def test_a_call_whose_parties_are_not_connected_is_not_streamed() -> None:
    call = HeardCalls(CALL, "org", connected=False)
    plan = StreamPlan(STREAM, "endpoint-1", "wss://speech.example/x", "secret", 8000, Tracks.BOTH, 0)
    with pytest.raises(NotConnected):
        CallStream(plan, call, KeptDialler(), ManualClock())
