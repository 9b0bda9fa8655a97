"""The prompts of organisations: taken in, converted, kept, chosen, and ready to be played."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Final

from b2bua.call.errors import InvalidPrompts, PromptInUse, PromptNotFound, PromptsUnavailable
from b2bua.call.prompting import LONGEST_S, Prompt
from b2bua.clock import Clock
from media.codecs.table import CLOCK_RATE_HZ
from media.errors import PromptUnusable
from media.prompts.bundled import PROMPTS, bundled_samples, render_wav
from media.prompts.converting import ConversionUnavailable, Converter
from media.prompts.files import PromptFiles
from media.tones import Tone, encode
from storage.records import NOTHING_CHOSEN, PromptChoice, StoredPrompt
from storage.store import Store
from storage.units import Reader, UnitOfWork

LOG: Final = logging.getLogger(__name__)

MOST_PROMPTS: Final = 100  # of one organisation
MOST_UPLOADS: Final = 4  # at once, each of them up to 16 MiB in memory
KNOWN_FOR_S: Final = 5.0  # what another process changes counts that much later
MOST_KNOWN: Final = 1000  # organisations whose prompts are kept in mind
MOST_READY_S: Final = 1800.0  # of sound ready to be played, about 27 kB a second
UNUSED_AFTER_S: Final = 3600.0  # a file without an owner may be that of an upload under way
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}", re.ASCII)
_WAV_OVERHEAD_BYTES: Final = 44
USES: Final = tuple(Prompt(each.name) for each in fields(PromptChoice) if each.name != "consent")


Also = Callable[[UnitOfWork], object]


def nothing_else(_unit: UnitOfWork) -> None:
    """What is done besides where nothing is."""


@dataclass(frozen=True, slots=True)
class OwnPrompts:
    """What an organisation has uploaded, by name, and what its calls have when they choose nothing."""

    prompts: Mapping[str, StoredPrompt] = field(default_factory=dict)
    choice: PromptChoice = NOTHING_CHOSEN


class PromptShelf:
    """See the module. A name stands for the organisation's prompt of that name, or for one that comes with the
    product."""

    def __init__(self, store: Store, files: PromptFiles, clock: Clock, converter: Converter | None = None) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._converter = converter or Converter()
        self._known: OrderedDict[str, tuple[float, OwnPrompts]] = OrderedDict()
        self._ready: OrderedDict[tuple[str, bool], Tone] = OrderedDict()
        self._ready_s = 0.0
        self._uploads = 0
        self._loading = asyncio.Lock()

    # What organisations do.

    async def prompts(self, org_id: str) -> list[StoredPrompt]:
        """An organisation's prompts, by name."""
        return await self._store.read(lambda reader: reader.prompts(org_id))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of few places for an upload while it is read and taken. Raises `PromptsUnavailable`."""
        if self._uploads >= MOST_UPLOADS:
            raise PromptsUnavailable("Too many prompts are being uploaded. Please try again.")
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def put(self, org_id: str, name: str, content: bytes, also: Also = nothing_else) -> tuple[StoredPrompt, bool]:
        """Keep a WAV file under a name; what is kept, and whether the name is new. It takes the place of the prompt of
        this name in calls to come. `also` is done in the same unit of work, here as below. Raises
        `InvalidPrompts`, `PromptInUse`, `PromptsUnavailable`."""
        if not NAME.fullmatch(name):
            raise InvalidPrompts("A name has 1 to 48 lower-case letters, digits, hyphens and underscores.", "name")
        try:
            converted = await self._converter.convert(content)
            content_sha256 = await asyncio.to_thread(self._files.save, converted)
        except PromptUnusable as error:
            raise InvalidPrompts(f"The file cannot be used: {error}.") from error
        except (ConversionUnavailable, OSError) as error:
            LOG.error("a prompt cannot be taken: %s", error)
            raise PromptsUnavailable("The prompt cannot be taken now. Please try again.") from error
        samples = (len(converted) - _WAV_OVERHEAD_BYTES) // 2
        prompt = StoredPrompt(org_id, name, content_sha256, samples * 1000 // CLOCK_RATE_HZ, self._clock.wall_ms())
        new = await self._store.run(partial(_put, prompt, also))
        self._known.pop(org_id, None)
        return prompt, new

    async def wav(self, org_id: str, name: str) -> bytes:
        """A prompt as calls of the organisation have it: a WAV file. Raises `PromptNotFound`, `PromptsUnavailable`."""
        prompt = next((each for each in await self.prompts(org_id) if each.name == name), None)
        if prompt is None and name not in PROMPTS:
            raise PromptNotFound("No such prompt.")
        load = partial(_bundled_wav, name) if prompt is None else partial(self._files.content, prompt.content_sha256)
        try:
            return await asyncio.to_thread(load)
        except (PromptUnusable, OSError, ValueError) as error:
            LOG.error("a prompt cannot be read: %s", error)
            raise PromptsUnavailable("The prompt cannot be read now.") from error

    async def delete(self, org_id: str, name: str, also: Also = nothing_else) -> None:
        """Delete a prompt; calls that have it already still play it. Raises `PromptNotFound`, `PromptInUse`."""
        await self._store.run(partial(_delete, org_id, name, also))
        self._known.pop(org_id, None)

    async def choice(self, org_id: str) -> PromptChoice:
        """What an organisation's calls have when they choose nothing."""
        return await self._store.read(lambda reader: reader.prompt_choice(org_id))

    async def choose(self, org_id: str, choice: PromptChoice, also: Also = nothing_else) -> None:
        """Change that, as a whole. Raises `InvalidPrompts` for a prompt there is not, or that is too long there."""
        await self._store.run(partial(_choose, org_id, choice, also))
        self._known.pop(org_id, None)

    async def tidy(self) -> int:
        """Delete files that are nobody's; how many."""
        before_s = self._clock.wall_ms() / 1000 - UNUSED_AFTER_S
        names = await asyncio.to_thread(lambda: list(self._files.older_than(before_s)))
        deleted = 0
        for name in names:
            if not await self._store.read(partial(_is_used, name)):
                await asyncio.to_thread(self._files.delete, name)
                deleted += 1
        return deleted

    # What calls need.

    async def own(self, org_id: str) -> OwnPrompts:
        """What an organisation has, as of some seconds ago at most."""
        now = self._clock.monotonic()
        known = self._known.get(org_id)
        if known is not None and now - known[0] < KNOWN_FOR_S:
            return known[1]
        own = await self._store.read(partial(_own, org_id))
        self._known[org_id] = (now, own)
        self._known.move_to_end(org_id)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return own

    async def tone(self, own: OwnPrompts, name: str, *, endless: bool = False) -> Tone:
        """The prompt that a name stands for, ready to be played, once or over and over. It is the same object for as
        long as it is ready, which saves the packet path from copying it. KeyError: there is none. PromptUnusable."""
        prompt = own.prompts.get(name)
        if prompt is None and name not in PROMPTS:
            raise KeyError(name)
        content = name if prompt is None else prompt.content_sha256
        key = (content, endless)
        async with self._loading:
            tone = self._ready.get(key)
            if tone is None:
                load = partial(_bundled, name) if prompt is None else partial(self._files.load, content)
                tone = replace(await asyncio.to_thread(load), endless=endless)
                self._keep_ready(key, tone)
            self._ready.move_to_end(key)
        return tone

    def _keep_ready(self, key: tuple[str, bool], tone: Tone) -> None:
        self._ready[key] = tone
        self._ready_s += length_s(tone)
        while self._ready_s > MOST_READY_S and len(self._ready) > 1:
            _, oldest = self._ready.popitem(last=False)
            self._ready_s -= length_s(oldest)


def length_s(tone: Tone) -> float:
    """Seconds of one pass."""
    return tone.samples / CLOCK_RATE_HZ


def _bundled(name: str) -> Tone:
    return encode("prompt", bundled_samples(name), endless=False)


def _bundled_wav(name: str) -> bytes:
    return render_wav(bundled_samples(name))


def _is_used(content_sha256: str, reader: Reader) -> bool:
    return reader.prompt_content_used(content_sha256)


def _own(org_id: str, reader: Reader) -> OwnPrompts:
    return OwnPrompts({prompt.name: prompt for prompt in reader.prompts(org_id)}, reader.prompt_choice(org_id))


def _put(prompt: StoredPrompt, also: Also, unit: UnitOfWork) -> bool:
    present = {each.name for each in unit.prompts.of(prompt.org_id)}
    if prompt.name not in present and len(present) >= MOST_PROMPTS:
        raise PromptInUse(f"An organisation has {MOST_PROMPTS} prompts at most. Please delete one first.")
    choice = unit.prompts.choice(prompt.org_id)
    for use in USES:
        if getattr(choice, use.value) == prompt.name and prompt.duration_ms > LONGEST_S[use] * 1000:
            raise InvalidPrompts(f"This prompt is chosen as {use.value}, where it may last {LONGEST_S[use]:g} s.")
    unit.prompts.put(prompt)
    also(unit)
    return prompt.name not in present


def _delete(org_id: str, name: str, also: Also, unit: UnitOfWork) -> None:
    choice = unit.prompts.choice(org_id)
    chosen_as = [use.value for use in USES if getattr(choice, use.value) == name]
    if chosen_as and name not in PROMPTS:
        raise PromptInUse(f"This prompt is chosen as {', '.join(chosen_as)}. Please choose another first.")
    if not unit.prompts.delete(org_id, name):
        raise PromptNotFound("No such prompt.")
    also(unit)


def _choose(org_id: str, choice: PromptChoice, also: Also, unit: UnitOfWork) -> None:
    own = {prompt.name: prompt for prompt in unit.prompts.of(org_id)}
    for use in USES:
        name = getattr(choice, use.value)
        if not name:
            continue
        if name not in own and name not in PROMPTS:
            raise InvalidPrompts("There is no prompt of this name.", use.value)
        if name in own and own[name].duration_ms > LONGEST_S[use] * 1000:
            raise InvalidPrompts(too_long(use), use.value)
    unit.prompts.choose(org_id, choice)
    also(unit)


def too_long(use: Prompt) -> str:
    """What is said of a prompt that is too long for its place."""
    return f"This prompt is longer than the {LONGEST_S[use]:g} s that it may last there."
