"""Recordings of bridges: which call's two streams are being copied to the recorder."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from media.errors import MediaError
from media.packet_path.interface import PacketPath
from media.packet_path.tap import Tap


class BridgeRecorder(Protocol):
    """What is needed of `media.recording.recorder.Recorder`."""

    def start(self, call_id: str, path: str, started_at: float) -> Tap:
        """Begin a recording at monotonic second `started_at`; where its packets go."""
        ...

    def finish(self, call_id: str, ended_at: float) -> None:
        """End it; the result comes as an event."""
        ...

    def pause(self, call_id: str, at: float) -> None:
        """Leave out what is heard from monotonic second `at` on."""
        ...

    def resume(self, call_id: str, at: float) -> None:
        """Go on with what is heard from monotonic second `at` on."""
        ...

    def abandon(self, call_id: str) -> None:
        """Stop it and keep nothing; no event follows."""
        ...


class RecordedBridges:
    """Starts and stops the copying of both directions of a bridge: the first stream on channel 0."""

    def __init__(self, path: PacketPath, recorder: BridgeRecorder | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._recorder = recorder
        self._clock = clock
        self._live: dict[str, tuple[int, int]] = {}

    def start(self, call_id: str, path: str, streams: tuple[int, int]) -> None:
        """Record from now; nothing happens without a recorder or when the call is being recorded. MediaError: no
        recording has been begun."""
        if self._recorder is None or call_id in self._live:
            return
        tap = self._recorder.start(call_id, path, self._clock())
        self._live[call_id] = streams
        try:
            for channel, stream in enumerate(streams):
                self._path.set_tap(stream, channel, tap)
        except MediaError:
            del self._live[call_id]
            self._take_taps_off(streams)
            self._recorder.abandon(call_id)
            raise

    def stop(self, call_id: str) -> None:
        """End the recording at this instant; harmless when there is none. What is still on its way is kept."""
        streams = self._live.pop(call_id, None)
        if streams is None or self._recorder is None:
            return
        recorder, ended_at = self._recorder, self._clock()
        self._take_taps_off(streams)
        try:
            self._path.after(lambda: recorder.finish(call_id, ended_at))
        except MediaError:
            # The path is closed or overloaded: what is still on its way is not waited for.
            recorder.finish(call_id, ended_at)

    def pause(self, call_id: str) -> None:
        """Leave out what is heard from this instant on; harmless when there is no recording, or it is paused."""
        if self._recorder is not None and call_id in self._live:
            self._recorder.pause(call_id, self._clock())

    def resume(self, call_id: str) -> None:
        """Go on with what is heard from this instant on; harmless when there is nothing to go on with."""
        if self._recorder is not None and call_id in self._live:
            self._recorder.resume(call_id, self._clock())

    def _take_taps_off(self, streams: tuple[int, int]) -> None:
        for channel, stream in enumerate(streams):
            # A stream that has been closed copies nothing any more; where the path is overloaded, the recorder takes
            # no more after its end.
            with suppress(MediaError):
                self._path.set_tap(stream, channel, None)
