"""Keys that are accepted and checked though what they ask for is not in this release."""

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final

from b2bua.config.sections import LISTS, SECTIONS, Config


@dataclass(frozen=True, slots=True)
class NotYet:
    """A key without effect, for every value but the default."""

    section: str
    key: str
    missing: str


NOT_YET: Final[tuple[NotYet, ...]] = ()


def effectless(config: Config, without_effect: Sequence[NotYet] = NOT_YET) -> list[str]:
    """A sentence for each key that is set to something which has no effect in this release."""
    found: list[str] = []
    for not_yet in without_effect:
        found += _of_key(config, not_yet)
    return found


def _of_key(config: Config, not_yet: NotYet) -> Iterator[str]:
    if not_yet.section in LISTS:
        entries = [(f"trunks[{trunk.name}]", trunk) for trunk in config.trunks]
    else:
        entries = [(not_yet.section, getattr(config, not_yet.section))]
    for where, entry in entries:
        value = getattr(entry, not_yet.key)
        if value != default_of(not_yet.section, not_yet.key):
            yield f"{where}.{not_yet.key}: it has no effect: {_absent(not_yet.missing)}"


def default_of(section: str, key: str) -> Any:
    """The default of a key; `dataclasses.MISSING` for one that must be given."""
    made = SECTIONS.get(section) or LISTS[section]
    return next((each.default for each in fields(made) if each.name == key), MISSING)


def _absent(what: str) -> str:
    return f"{what} is not in this release"
