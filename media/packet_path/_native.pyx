# cython: language_level=3, binding=False
"""The packet path in C: its types as Python sees them. What they do is in media.packet_path.native_path."""

import errno
import os
import socket

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from media.errors import MediaOverloaded, UnknownLeg


cdef enum:
    UNROUTED = -1

# Kinds of the events that `Worker.events` and `Table` give.
MEDIA_STARTED = <int>MB_MEDIA_STARTED
DIGIT_BEGUN = <int>MB_DIGIT_BEGUN
DIGIT_PRESSED = <int>MB_DIGIT_PRESSED
MEDIA_LOST = <int>MB_MEDIA_LOST
PLAYBACK_FINISHED = <int>MB_PLAYBACK_FINISHED
FRAME_SAMPLES_MAX = MB_FRAME_SAMPLES_MAX
# When packet threads pause: see native/gathering.h.
BUSY_PACKETS_PER_S = MB_BUSY_PACKETS_PER_S
PAUSE_S = MB_PAUSE_S
RATE_WINDOW_S = MB_RATE_WINDOW_S

include "_native_handles.pxi"
include "_native_plans.pxi"
include "_native_worker.pxi"
include "_native_table.pxi"
