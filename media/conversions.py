"""Which legs are joined, and which of their directions have to be converted from one codec into another."""

from functools import lru_cache
from typing import Final

from media.codecs.table import BY_NAME, needs_conversion
from media.errors import MediaError
from media.leg import Negotiated
from media.packet_path.converter import Converter
from media.packet_path.interface import PacketPath
from media.transcoding.conversion import Target
from media.transcoding.transcoder import Transcoder

_CACHED_PAIRS: Final = 256


class JoinedStreams:
    """Begins and ends conversions as streams are joined, negotiate and close. The transcoder's thread is started with
    the first of them, so that a service of plain G.711 has none."""

    def __init__(self, path: PacketPath, transcoder: Transcoder, *, threaded: bool = True) -> None:
        """`threaded` False: somebody else calls the transcoder's turns."""
        self._path = path
        self._transcoder = transcoder
        self._threaded = threaded
        self._spoken: dict[int, Negotiated] = {}
        self._sinks: dict[int, int] = {}
        self._sources: dict[int, set[int]] = {}  # of each sink
        self._converted: dict[int, tuple[int, Target]] = {}
        self._diverted: set[int] = set()

    def settled(self, stream: int, negotiated: Negotiated) -> None:
        """An SDP exchange has settled this for a stream."""
        self._spoken[stream] = negotiated
        self._look_at(stream)
        for source in self._sources.get(stream, set()) - {stream}:
            self._look_at(source)

    def join(self, source: int, sink: int) -> None:
        """What the source sends goes to this sink from now on."""
        self._part(source)
        self._sinks[source] = sink
        self._sources.setdefault(sink, set()).add(source)
        self._look_at(source)

    def closed(self, stream: int) -> None:
        """A stream is no more."""
        self._spoken.pop(stream, None)
        self._diverted.discard(stream)
        for source in {stream, *self._sources.get(stream, ())}:
            if self._part(source):
                self._end(source)

    def divert(self, source: int, converter: Converter) -> tuple[int, Target] | None:
        """Hand all that a source says to a converter, whatever its codec, in place of any conversion. Returns the sink
        and what it takes; None, with nothing done, where there is none. MediaError: nothing is done either."""
        sink = self._sinks.get(source)
        taken = None if sink is None else self._spoken.get(sink)
        if sink is None or taken is None:
            return None
        self._path.set_converter(source, converter, whole=True)
        self._end(source)
        self._diverted.add(source)
        return sink, Target(BY_NAME[taken.codec].number, taken.ptime_ms, taken.wishes)

    def restore(self, source: int) -> None:
        """Let what a source says go its way again; harmless when it does. MediaError: it is diverted still."""
        if source not in self._diverted:
            return
        self._path.set_converter(source, None)
        self._diverted.discard(source)
        try:
            self._look_at(source)
        except MediaError:
            self._diverted.add(source)
            raise

    def _part(self, source: int) -> bool:
        """Whether it went to a sink, which it does no more."""
        sink = self._sinks.pop(source, None)
        if sink is None:
            return False
        sources = self._sources[sink]
        sources.discard(source)
        if not sources:
            del self._sources[sink]
        return True

    def _look_at(self, source: int) -> None:
        if source in self._diverted:
            return
        target = self._target_of(source)
        if target is None:
            if self._end(source):
                self._path.set_converter(source, None)
            return
        wanted = self._sinks[source], target
        if self._converted.get(source) == wanted:
            return
        if self._threaded:
            self._transcoder.start()
        try:
            self._path.set_converter(source, self._transcoder.begin(source, *wanted))
        except MediaError:
            # Nobody brings packets to the new one, and the one before has ended: the next who looks begins it anew.
            self._converted.pop(source, None)
            self._transcoder.end(source)
            raise
        self._converted[source] = wanted

    def _target_of(self, source: int) -> Target | None:
        """What the source's audio has to be made into; None where nothing has to be done."""
        sink = self._sinks.get(source)
        spoken, taken = self._spoken.get(source), None if sink is None else self._spoken.get(sink)
        if spoken is None or taken is None:
            return None
        if not _converts(spoken.codecs, taken.codec):
            return None
        return Target(BY_NAME[taken.codec].number, taken.ptime_ms, taken.wishes)

    def _end(self, source: int) -> bool:
        if self._converted.pop(source, None) is None:
            return False
        self._transcoder.end(source)
        return True


@lru_cache(maxsize=_CACHED_PAIRS)
def _converts(spoken: tuple[str, ...], taken: str) -> bool:
    """Whether something of what a source may send has to be made into the codec that its sink takes."""
    codec = BY_NAME[taken].number
    return any(needs_conversion(BY_NAME[sent].number, codec) for sent in spoken)
