"""Queues that the packet thread in C fills by itself: a recording's, a conversion's."""

from collections.abc import Callable

from media.errors import MediaOverloaded
from media.packet_path._native import Converter as NativeConverter
from media.packet_path._native import Tap as NativeTap
from media.transcoding.packets import QUEUE_PACKETS

__all__ = ["NativeTap", "new_native_queue"]


def new_native_queue(_wake: Callable[[], None], told_fd: int) -> NativeConverter:
    """A conversion's queue, which writes to an eventfd and never calls back; MediaOverloaded for want of another
    descriptor."""
    try:
        return NativeConverter(QUEUE_PACKETS, told_fd)
    except OSError as error:
        raise MediaOverloaded("no descriptor is left for a conversion") from error
