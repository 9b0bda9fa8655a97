"""The parts of the configuration that `maskbridge init` writes, by section. Pure."""

import re
from dataclasses import dataclass
from typing import Final

_HEADING: Final = re.compile(r"^(?:# )?\[\[?([a-z_]+)\]\]?$")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A section as it is written, its heading in the first line."""

    name: str
    text: str


def excerpts_of(text: str) -> dict[str, Excerpt]:
    """Every section; those that are written as comments without their comment marks."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            lines = found.setdefault(heading[1], [])
        if line.startswith("# [[") or (lines and lines[0].startswith("[[")):
            line = line.removeprefix("#").removeprefix(" ")
        lines.append(line)
    return {name: Excerpt(name, _without_end("\n".join(each))) for name, each in found.items()}


def _without_end(text: str) -> str:
    """Without what leads over to the next section: a paragraph of prose after the last key."""
    return text.strip().partition("\n\n")[0].rstrip()
