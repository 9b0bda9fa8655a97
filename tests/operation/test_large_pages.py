"""Memory in large pages: which of it, and that the kernel does it."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from b2bua.large_pages import LARGE_PAGE_OCTETS, large_pages_of

_RELEASE = tuple(int(number) for number in re.findall("[0-9]+", platform.release())[:2])
_SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_GATHER = """
import re
from pathlib import Path
from b2bua.large_pages import gather_memory

def large_kib():
    return int(re.search(r"AnonHugePages: +([0-9]+)", Path("/proc/self/smaps_rollup").read_text())[1])

kept = [bytes(400) for _ in range(100_000)]
print(gather_memory(), large_kib(), all(piece == bytes(400) for piece in kept))
"""


def test_only_whole_large_pages_of_private_writable_memory_of_no_file_are_named() -> None:
    page = LARGE_PAGE_OCTETS
    maps = [
        f"{page:x}-{3 * page:x} rw-p 00000000 00:00 0 [heap]",
        f"{3 * page + 4096:x}-{6 * page - 4096:x} rw-p 00000000 00:00 0 ",
        f"{7 * page + 4096:x}-{8 * page + 4096:x} rw-p 00000000 00:00 0 ",
        f"{10 * page:x}-{11 * page:x} r-xp 00000000 00:00 0 ",
        f"{12 * page:x}-{13 * page:x} rw-p 00000000 08:01 77 /a library",
        f"{14 * page:x}-{15 * page:x} rw-s 00000000 00:01 77 /dev/zero (deleted)",
        f"{16 * page:x}-{17 * page:x} rw-p 00000000 00:00 0 [stack]",
    ]
    assert list(large_pages_of(maps)) == [page, 2 * page, 4 * page]


@pytest.mark.skipif(_RELEASE < (6, 1), reason="Linux gathers memory on request since 6.1")
@pytest.mark.skipif(
    not _SWITCH.exists() or "[never]" in _SWITCH.read_text(), reason="the kernel has large pages switched off"
)
def test_memory_is_gathered_and_keeps_what_is_in_it() -> None:
    said = subprocess.run([sys.executable, "-c", _GATHER], capture_output=True, text=True, check=True, timeout=60)
    gathered, large_kib, whole = said.stdout.split()
    assert whole == "True"
    assert int(gathered) >= 5
    assert int(large_kib) * 1024 >= int(gathered) * LARGE_PAGE_OCTETS
