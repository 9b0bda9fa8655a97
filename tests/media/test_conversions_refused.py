"""A packet path that takes no more commands: a conversion that did not come about leaves nothing behind, and the next
attempt makes it."""

from typing import Any

import pytest

from media.codecs.opus import NO_WISHES
from media.conversions import JoinedStreams
from media.errors import MediaOverloaded
from media.leg import Negotiated
from media.packet_path.converter import Converter
from media.transcoding.transcoder import Transcoder


class BusyPath:
    """Takes converters but while it `is_full`; `handed`: whom each stream's audio goes to."""

    def __init__(self) -> None:
        self.is_full = False
        self.handed: dict[int, Converter | None] = {}

    def set_converter(self, source: int, converter: Converter | None, *, whole: bool = False) -> None:
        if self.is_full:
            raise MediaOverloaded("too many commands")
        self.handed[source] = converter


class Joined:
    """Two streams, 0 and 1, the first of which goes to the second."""

    def __init__(self) -> None:
        self.path = BusyPath()
        path: Any = self.path
        self.transcoder = Transcoder(lambda: 0.0, lambda *_: None, wake=lambda: None)
        self.streams = JoinedStreams(path, self.transcoder, threaded=False)
        self.streams.settled(0, spoken("opus"))

    @property
    def conversions(self) -> float:
        return self.transcoder.counters()["conversions"]


def spoken(codec: str) -> Negotiated:
    return Negotiated(codec, 8, 101, None, "sendrecv", 20, NO_WISHES, (codec,))


def test_a_conversion_that_is_refused_ends_with_its_streams() -> None:
    joined = Joined()
    joined.streams.settled(1, spoken("PCMA"))
    joined.path.is_full = True
    with pytest.raises(MediaOverloaded):
        joined.streams.join(0, 1)
    joined.streams.closed(0)
    joined.streams.closed(1)
    assert joined.conversions == 0


def test_a_change_that_is_refused_is_made_by_the_next_that_is_settled() -> None:
    joined = Joined()
    joined.streams.settled(1, spoken("PCMA"))
    joined.streams.join(0, 1)
    joined.path.is_full = True
    with pytest.raises(MediaOverloaded):
        joined.streams.settled(1, spoken("PCMU"))
    joined.path.is_full = False
    before = joined.path.handed[0]
    joined.streams.settled(1, spoken("PCMA"))
    assert joined.conversions == 1
    assert joined.path.handed[0] is not before, "what takes the packets is what the transcoder looks at"
    joined.streams.closed(0)
    assert joined.conversions == 0
