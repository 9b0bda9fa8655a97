"""Processes that a test has to see end though they are no children of its own."""

import os
import select


def is_gone(process_id: int) -> bool:
    """Whether there is no such process, or it ends within 20 s: it has been killed, and when the kernel comes to it is
    the kernel's business."""
    try:
        ended = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([ended], [], [], 20)[0])
    finally:
        os.close(ended)
