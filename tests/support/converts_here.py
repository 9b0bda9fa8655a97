"""Prompts converted without a process of its own, which has tests of its own."""

from media.prompts.bundled import render_wav
from media.prompts.conversion import convert
from media.prompts.converting import Converter


class ConvertsHere(Converter):
    """The same result, sooner."""

    async def convert(self, content: bytes) -> bytes:
        """Convert it here and now."""
        return render_wav(convert(content))
