"""A prompt from its source to what a leg can be sent. It takes up to seconds of CPU: never on the event loop."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from media.errors import PromptUnusable
from media.prompts.bundled import PROMPTS, bundled_samples
from media.prompts.conversion import LARGEST_BYTES, convert
from media.prompts.samples import Samples
from media.tones import Tone, encode

BUNDLED: Final = "bundled:"
_CACHED: Final = 16


def read_prompt(source: str) -> Samples:
    """The samples at 8 kHz of a prompt: "bundled:NAME" or the path of a WAV file. PromptUnusable says what is wrong."""
    if source.startswith(BUNDLED):
        name = source.removeprefix(BUNDLED)
        if name not in PROMPTS:
            raise PromptUnusable(f"no prompt {name!r} comes with the product; there are: {', '.join(PROMPTS)}")
        return bundled_samples(name)
    try:
        with Path(source).open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise PromptUnusable(f"it cannot be read ({error.strerror})") from error
    return convert(content)


def load_prompt(name: str, source: str, *, endless: bool) -> Tone:
    """The prompt at `source`, encoded for every codec, as the tone called `name`. PromptUnusable."""
    if source.startswith(BUNDLED):
        return _bundled(name, source, endless)
    return encode(name, read_prompt(source), endless=endless)


@lru_cache(maxsize=_CACHED)
def _bundled(name: str, source: str, endless: bool) -> Tone:
    """What comes with the product never changes: it is encoded once."""
    return encode(name, read_prompt(source), endless=endless)
