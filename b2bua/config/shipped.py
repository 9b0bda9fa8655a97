"""Ready-made trunk profiles: configurations of one trunk each, to be copied and changed."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

FOLDER: Final = "profiles"


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. `summary` is the first sentence of its comment, `text` the whole file."""

    name: str
    summary: str
    text: str


def shipped_profiles() -> tuple[Profile, ...]:
    """The profiles of this release, by name."""
    found = []
    for file in files("b2bua.config").joinpath(FOLDER).iterdir():
        name, _, ending = file.name.rpartition(".")
        if ending == "toml":
            text = file.read_text(encoding="utf-8")
            found.append(Profile(name, _summary(text), text))
    return tuple(sorted(found, key=lambda profile: profile.name))


def _summary(text: str) -> str:
    comment = " ".join(line.lstrip("# ") for line in text.partition("\n[[")[0].splitlines() if line.startswith("#"))
    return comment.partition(". ")[0].rstrip(".") + "."
