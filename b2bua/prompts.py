"""What [prompts] lets parties hear in place of the product's own tones and before the bridge, read before any call."""

from dataclasses import dataclass
from typing import Final

from b2bua.call.prompting import LONGEST_S, Prompt
from b2bua.config import Config, ConfigInvalid
from b2bua.switch.call_sounds import CallSounds
from b2bua.switch.prompt_shelf import length_s
from media.errors import PromptUnusable
from media.prompts.bundled import RECORDING_CONSENT
from media.prompts.loading import BUNDLED, load_prompt
from media.tones import Tone
from storage.records import Consent

UNKNOWN_CALLER: Final = "unknown_caller"
# What there is in place of nothing: whoever is to be told of the recording is told.
_OWN: Final = {Prompt.CONSENT_NOTICE.value: f"{BUNDLED}{RECORDING_CONSENT}"}


@dataclass(frozen=True, slots=True)
class ConfiguredPrompts:
    """`sounds`: what calls have for which nothing else is chosen. `announcements` take the place of the media engine's
    of the same name."""

    sounds: CallSounds
    announcements: tuple[Tone, ...]


def configured_prompts(config: Config) -> ConfiguredPrompts:
    """The prompts of a configuration. Raises `ConfigInvalid` with every one that cannot be played. It reads files and
    takes up to seconds of CPU."""
    mistakes: list[str] = []
    sounds: dict[Prompt, Tone] = {}
    for use in Prompt:
        tone = _load(config, use.value, LONGEST_S[use], mistakes, endless=use is Prompt.WAIT)
        if tone is not None:
            sounds[use] = tone
    announcement = _load(config, UNKNOWN_CALLER, LONGEST_S[Prompt.WAIT], mistakes, endless=False)
    if mistakes:
        raise ConfigInvalid(mistakes)
    return ConfiguredPrompts(
        CallSounds(sounds, Consent(config.prompts.consent)), () if announcement is None else (announcement,)
    )


def with_prompt_mistakes(invalid: ConfigInvalid) -> ConfigInvalid:
    """What is wrong with a configuration, what is wrong with its prompts among it."""
    if invalid.read is None:
        return invalid
    try:
        configured_prompts(invalid.read)
    except ConfigInvalid as more:
        return ConfigInvalid([*invalid.mistakes, *more.mistakes], invalid.read)
    return invalid


def _load(config: Config, key: str, longest_s: float, mistakes: list[str], *, endless: bool) -> Tone | None:
    """The prompt of a key; None where there is none, or a mistake in it."""
    source: str = getattr(config.prompts, key) or _OWN.get(key, "")
    if not source:
        return None
    if not source.startswith(BUNDLED):
        source = str(config.folder / source)
    try:
        tone = load_prompt(key, source, endless=endless)
    except PromptUnusable as error:
        mistakes.append(f"prompts.{key}: {source}: {error}")
        return None
    if (length := length_s(tone)) > longest_s:
        mistakes.append(f"prompts.{key}: {source}: it is {length:.0f} s long; {longest_s:g} s are the most here")
        return None
    return tone
