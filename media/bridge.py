"""Recordings of bridges: which call's two streams are being copied to the recorder."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from media.errors import UnknownLeg
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


class RecordedBridges:
    """Starts and stops the copying of both directions of a bridge: the first stream on channel 0."""

    def __init__(self, path: PacketPath, recorder: BridgeRecorder | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._recorder = recorder
        self._clock = clock
        self._live: dict[str, tuple[int, int]] = {}

    def start(self, call_id: str, path: str, streams: tuple[int, int]) -> None:
        """Record from now; nothing happens without a recorder or when the call is being recorded."""
        if self._recorder is None or call_id in self._live:
            return
        tap = self._recorder.start(call_id, path, self._clock())
        self._live[call_id] = streams
        for channel, stream in enumerate(streams):
            self._path.set_tap(stream, channel, tap)

    def stop(self, call_id: str) -> None:
        """End the recording at this instant; harmless when there is none. What is still on its way is kept."""
        streams = self._live.pop(call_id, None)
        if streams is None or self._recorder is None:
            return
        recorder, ended_at = self._recorder, self._clock()
        for channel, stream in enumerate(streams):
            # A stream that has been closed copies nothing any more.
            with suppress(UnknownLeg):
                self._path.set_tap(stream, channel, None)
        try:
            self._path.after(lambda: recorder.finish(call_id, ended_at))
        except UnknownLeg:
            recorder.finish(call_id, ended_at)
