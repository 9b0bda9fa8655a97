"""What gives events to streams outlives a defect of its own."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from control_api import event_feed as event_feed_module
from control_api.event_feed import EventFeed
from storage.records import OutboxEvent
from tests.support.stored import ORG, a_call, an_event


class Told:
    """A store with one event, that meets a defect for so many reads of it."""

    def __init__(self, defects: int) -> None:
        self.defects = defects

    async def read(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    def last_told(self) -> int:
        return 0

    def told_after(self, position: int, _limit: int) -> list[tuple[int, OutboxEvent]]:
        if self.defects:
            self.defects -= 1
            raise ZeroDivisionError("a defect")
        return [(1, an_event(a_call()))] if position == 0 else []


async def test_a_turn_that_breaks_is_told_and_open_streams_get_what_comes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_feed_module, "LOOK_AGAIN_S", 0.001)
    feed = EventFeed(cast(Any, Told(defects=3)), 1)
    listener = await feed.join(ORG, "key", lambda: True)
    (event,) = await listener.take(5)
    assert (event.event_id, feed.counters()["event_streams"]) == ("call-1-1", 1)
    assert [record.exc_info is not None for record in caplog.records] == [True, True], "ever more rarely"
    await feed.close()
