"""The demo as an operator runs it: two pyVoIP phones, every promise kept, nothing left running."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from b2bua.demo.children import ROOT

pytestmark = [
    pytest.mark.phone,
    pytest.mark.sockets,
    pytest.mark.timeout(150),
]


async def _demo(keep: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "b2bua",
        "demo",
        "--keep",
        str(keep),
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def _left_running(folder: Path) -> list[str]:
    """Command lines of processes that were started for this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in line and int(entry.parent.name) != os.getpid():
            found.append(line)
    return found


async def test_demo_keeps_its_promises_over_two_calls(tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    demo = await _demo(keep, "--calls", "2")
    output, _ = await demo.communicate()
    text = output.decode("utf-8", "replace")
    assert demo.returncode == 0, text
    assert "every promise kept" in text
    assert {path.name for path in (keep / "demo-1").glob("call-?.*")} == {
        "call-1.wav",
        "call-1.mp3",
        "call-2.wav",
        "call-2.mp3",
    }
    assert _left_running(keep) == []


async def test_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    demo = await _demo(keep)
    assert demo.stdout is not None
    seen = b""
    while b"rings" not in seen:
        line = await demo.stdout.readline()
        assert line, seen.decode("utf-8", "replace")
        seen += line
    demo.send_signal(signal.SIGINT)
    rest = await demo.stdout.read()
    assert await demo.wait() == 130, rest.decode("utf-8", "replace")
    assert b"interrupted" in rest
    assert _left_running(keep) == []
