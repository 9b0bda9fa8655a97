"""What [prompts] lets parties hear in place of the product's own tones, read once and before any call."""

from collections.abc import Iterable
from typing import Final

from b2bua.config import Config, ConfigInvalid
from media.errors import PromptUnusable
from media.prompts.loading import BUNDLED, load_prompt
from media.tones import Tone

LONGEST_WARNING_S: Final = 10  # both parties' talk is left out meanwhile
# Key of [prompts], the tone it replaces, whether it is repeated.
_REPLACED: Final = (
    ("wait", "ringback", True),
    ("balance_warning", "balance_warning", False),
    ("unknown_caller", "unknown_caller", False),
)


def configured_prompts(config: Config) -> tuple[Tone, ...]:
    """The prompts of a configuration. Raises `ConfigInvalid` with every one that cannot be played. It reads files and
    takes up to seconds of CPU."""
    tones: list[Tone] = []
    mistakes: list[str] = []
    for key, tone, endless in _REPLACED:
        source: str = getattr(config.prompts, key)
        if not source:
            continue
        if not source.startswith(BUNDLED):
            source = str(config.folder / source)
        try:
            tones.append(load_prompt(tone, source, endless=endless))
        except PromptUnusable as error:
            mistakes.append(f"prompts.{key}: {source}: {error}")
    mistakes += _too_long(tones)
    if mistakes:
        raise ConfigInvalid(mistakes)
    return tuple(tones)


def _too_long(tones: Iterable[Tone]) -> list[str]:
    return [
        f"prompts.balance_warning: it is {tone.samples / 8000:.0f} s long; {LONGEST_WARNING_S} s are the most, "
        "because nobody hears the other meanwhile"
        for tone in tones
        if tone.name == "balance_warning" and tone.samples > LONGEST_WARNING_S * 8000
    ]
