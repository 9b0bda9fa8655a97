"""Prompts converted in a process of their own: it takes seconds of CPU, during which calls must go on."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from media.errors import PromptUnusable
from media.prompts.conversion_child import UNUSABLE

TIMEOUT_S: Final = 60.0
_PACKAGES: Final = Path(__file__).resolve().parents[2]


class ConversionUnavailable(Exception):
    """The conversion could not be carried out now; nothing is said of the file."""


class Converter:
    """Converts one prompt at a time; the others wait, whose number is the caller's to limit."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._turn = asyncio.Semaphore(1)

    async def convert(self, content: bytes) -> bytes:
        """A WAV file of any kind as one of 8 kHz and 16 bits. Raises PromptUnusable, ConversionUnavailable."""
        async with self._turn:
            return await self._run(content)

    async def _run(self, content: bytes) -> bytes:
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "media.prompts.conversion_child"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=True,  # a terminal's Ctrl-C is for the server alone
            )
        except OSError as error:
            raise ConversionUnavailable(f"the conversion cannot be started: {error}") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                output, _ = await child.communicate(content)
        except TimeoutError:
            raise PromptUnusable(f"it takes longer than {self._timeout_s:g} s to be converted") from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode == UNUSABLE:
            raise PromptUnusable(output.decode("utf-8", "replace"))
        if child.returncode != 0:
            raise ConversionUnavailable(f"the conversion ended with status {child.returncode}")
        return output
