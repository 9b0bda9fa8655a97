"""Converted prompts in a folder, each under the SHA-256 of its content. All of it blocks: never on the event loop."""

import hashlib
import os
import tempfile
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from media.errors import PromptUnusable
from media.prompts.bundled import samples_of
from media.tones import Tone, encode

_SUFFIX: Final = ".wav"
_DRAFT: Final = ".part"


class PromptFiles:
    """A folder of prompts that nobody else writes to but processes like this one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, converted: bytes) -> str:
        """Keep a converted WAV file; the name it has from now. A file that is there is renewed. Raises OSError."""
        name = hashlib.sha256(converted).hexdigest()
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(_DRAFT, dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(converted)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._place(name))
        except OSError:
            with suppress(OSError):
                os.unlink(draft)
            raise
        return name

    def load(self, name: str) -> Tone:
        """A kept prompt, encoded for every codec. Raises PromptUnusable."""
        try:
            return encode("prompt", samples_of(self.content(name)), endless=False)
        except (ValueError, wave.Error, EOFError) as error:
            raise PromptUnusable(f"its file is damaged ({error})") from error

    def content(self, name: str) -> bytes:
        """The WAV file of a kept prompt. Raises PromptUnusable."""
        try:
            content = self._place(name).read_bytes()
        except OSError as error:
            raise PromptUnusable(f"its file cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != name:
            raise PromptUnusable("its file is damaged")
        return content

    def older_than(self, unix_s: float) -> Iterator[str]:
        """The names of those kept since before then; what a crash left half-written before then is deleted."""
        with suppress(FileNotFoundError):
            for entry in sorted(os.scandir(self._folder), key=lambda entry: entry.name):
                with suppress(OSError):  # another process may be deleting too
                    if entry.stat().st_mtime >= unix_s:
                        continue
                    if entry.name.endswith(_DRAFT):
                        os.unlink(entry.path)
                    elif entry.name.endswith(_SUFFIX):
                        yield entry.name.removesuffix(_SUFFIX)

    def delete(self, name: str) -> None:
        """Delete one; harmless where it is gone. Raises OSError."""
        self._place(name).unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"
