"""Which packet path is used: the one in C where it has been built, its twin in Python where not. With it go the queues
that it fills."""

import importlib
import os
from collections.abc import Callable
from typing import Final

from media.errors import PacketPathMissing
from media.events import MediaEvent
from media.packet_path.interface import PacketPath, Watch
from media.packet_path.python_path import PythonPacketPath
from media.recording.tap import QueueTap, RecorderTap
from media.transcoding.packets import NewQueue, new_packet_queue

try:
    importlib.import_module("media.packet_path._native")
except ImportError:
    NATIVE_BUILT = False
else:
    NATIVE_BUILT = True
if NATIVE_BUILT:
    from media.packet_path.native_path import NativePacketPath
    from media.packet_path.native_queues import NativeTap, new_native_queue

AUTO: Final = "auto"
NATIVE: Final = "native"
PYTHON: Final = "python"
CHOICES: Final = (AUTO, NATIVE, PYTHON)
# A thread relays some thousand calls: half of the cores is plenty, the rest is for signalling.
_THREADS_MAX: Final = 4


def chosen(choice: str = AUTO) -> str:
    """NATIVE or PYTHON. PacketPathMissing where the one in C is wanted and has not been built; ValueError for what is
    no choice."""
    if choice not in CHOICES:
        raise ValueError(f"the packet path is one of {', '.join(CHOICES)}")
    if choice == NATIVE and not NATIVE_BUILT:
        raise PacketPathMissing("the packet path in C has not been built: a C compiler is needed at the installation")
    return PYTHON if choice == PYTHON or not NATIVE_BUILT else NATIVE


def threads() -> int:
    """How many packet threads the one in C has on this machine."""
    return min(max(len(os.sched_getaffinity(0)) // 2, 1), _THREADS_MAX)


def new_packet_path(
    choice: str,
    clock: Callable[[], float],
    deliver: Callable[[MediaEvent], None],
    poster: Callable[[Callable[[], None]], object],
    watch: Watch | None = None,
    soon: Callable[[Callable[[], None]], object] | None = None,
) -> PacketPath:
    """The packet path of a choice; the one in Python where nobody can `watch` for the other. Errors as `chosen`."""
    if chosen(choice) == NATIVE and watch is not None:
        return NativePacketPath(deliver, poster, watch, soon=soon, threads=threads())
    return PythonPacketPath(clock, deliver, poster, soon=soon)


def new_tap_for(choice: str) -> Callable[[int], RecorderTap]:
    """What makes taps that the packet path of a choice can fill, each for so many packets. Errors as `chosen`."""
    return NativeTap if chosen(choice) == NATIVE else QueueTap


def new_queue_for(path: PacketPath) -> NewQueue:
    """What makes the queues of conversions that a packet path can fill."""
    return new_native_queue if NATIVE_BUILT and isinstance(path, NativePacketPath) else new_packet_queue
