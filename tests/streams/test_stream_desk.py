"""The desk of streams: how many there are, those that are ending among them."""

from typing import Any

import pytest

from b2bua.call.errors import TooManyStreams
from b2bua.call.model import StreamWish
from b2bua.switch.trace_steps import CLOSED, Told
from control_api.streams import desk as streams
from control_api.streams.desk import StreamDesk
from storage.streams import StreamEndpoint, Tracks
from tests.support.kept_line import HeardCalls, KeptDialler, settle
from tests.support.manual_clock import ManualClock
from tests.support.seeded_tokens import SeededTokens

NOBODY: Any = None


async def test_a_stream_that_is_ending_has_its_place_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STREAMS_MAX", 1)
    dialler = KeptDialler()
    desk = StreamDesk(NOBODY, ManualClock(), SeededTokens(5), dialler)
    endpoint = StreamEndpoint("endpoint", "org", "wss://speech.example/", "secret", 8000, Tracks.BOTH, False, 0)
    wish = StreamWish("endpoint", "wss://speech.example/", 8000, Tracks.BOTH)
    first, second = HeardCalls("first", "org"), HeardCalls("second", "org")
    desk.begin(first, endpoint, wish)
    await settle()
    dialler.lines[0].flowing.clear()
    desk.told(first, Told("media", "a", CLOSED, {}))
    await settle()
    assert [line.closed for line in dialler.lines] == [False]
    with pytest.raises(TooManyStreams):
        desk.begin(second, endpoint, wish)
    dialler.lines[0].flowing.set()
    await settle()
    assert [line.closed for line in dialler.lines] == [True]
    desk.begin(second, endpoint, wish)
    desk.told(second, Told("media", "a", CLOSED, {}))
    await desk.close()
    await settle()
