"""The process that converts one prompt: `python -m media.prompts.conversion_child`, a WAV file of any kind on stdin.

On stdout it gives the converted one with status 0, or what is wrong with it, one line of UTF-8, with status 3.
"""

import os
import sys
from typing import Final

from media.errors import PromptUnusable
from media.prompts.bundled import render_wav
from media.prompts.conversion import LARGEST_BYTES, convert

UNUSABLE: Final = 3
NICENESS: Final = 19


def main() -> int:
    """Convert what comes; the status to end with."""
    os.nice(NICENESS)
    content = sys.stdin.buffer.read(LARGEST_BYTES + 1)
    try:
        converted = render_wav(convert(content))
    except PromptUnusable as error:
        sys.stdout.buffer.write(str(error).encode())
        return UNUSABLE
    sys.stdout.buffer.write(converted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
