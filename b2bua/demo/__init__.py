"""The demo: a masked call between two simulated phones on this machine alone, which then checks its own promises."""

from pathlib import Path
from typing import TextIO


async def run_demo(calls: int, keep: Path | None, out: TextIO) -> int:
    """Run `calls` masked calls one after another and tell about them on `out`; the exit status of the command.

    `keep`: a folder that gets everything the demo made; without it only the recordings stay, in a temporary folder.
    """
    from b2bua.demo.run import run_demo as run

    return await run(calls, keep, out)


__all__ = ["run_demo"]
