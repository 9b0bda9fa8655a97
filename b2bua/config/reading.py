"""From a TOML file and the environment to one `Config`, or to all the mistakes in them at once."""

import json
import re
import tomllib
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from b2bua.config.checks import advice, cross_check
from b2bua.config.errors import ConfigInvalid
from b2bua.config.kinds import Kind, Place, TrunkUri, Unfit, shown
from b2bua.config.sections import LISTS, SECTIONS, Config, StorageSection, Trunk, kinds_of

PREFIX: Final = "MASKBRIDGE_"
# The command line's own, and those that clients read: the documentation's examples run in the same shell.
NOT_SETTINGS: Final = frozenset({"MASKBRIDGE_CONFIG", "MASKBRIDGE_LOG", "MASKBRIDGE_URL", "MASKBRIDGE_KEY"})
SQLITE: Final = "sqlite:///"
YES: Final = frozenset({"true", "yes", "on", "1"})
NO: Final = frozenset({"false", "no", "off", "0"})
LARGEST_FILE_BYTES: Final = 1_048_576
_STAND_IN: Final = TrunkUri("stand-in.invalid", 5060, "udp", "sip:stand-in.invalid")
# Two of tomllib's complaints: what comes of pasting a section under a file that has it.
_DECLARED_TWICE: Final = re.compile(r"Cannot declare \((?P<names>.*)\) twice \(at (?:line (?P<line>\d+),|end )")
_OVERWRITTEN: Final = re.compile(r"Cannot overwrite a value \(at (?:line (?P<line>\d+),|end )")


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """The checked configuration in the file at `path`, overridden by MASKBRIDGE_<SECTION>_<KEY> of `environ`.

    Raises `ConfigInvalid` with every mistake found.
    """
    return read_config(_read_toml(path), path, environ)


def read_config(document: dict[str, Any], path: Path, environ: Mapping[str, str]) -> Config:
    """As `load_config`, from TOML that has been read already."""
    folder = path.resolve().parent
    reader = _Reader(Place(folder))
    reader.check_top_level(document)
    tables = {name: reader.table(document, name) for name in SECTIONS}
    reader.override(tables, environ)
    read: dict[str, Any] = {name: reader.build(made, tables[name], name) for name, made in SECTIONS.items()}
    entries = {name: reader.build_list(made, document.get(name, []), name) for name, made in LISTS.items()}
    read |= {name: tuple(built.values()) for name, built in entries.items()}
    config = Config(path=path, folder=folder, **read, warnings=tuple(reader.place.warnings))
    config = replace(config, storage=_absolute(config.storage, folder))
    # A key that is wrong stands in `config` with its default: what does not fit to that is not worth telling.
    reported = {_key_of(mistake) for mistake in reader.mistakes}
    declared, references = _declared_trunks(document), _trunk_references(document)
    unfitting = cross_check(config, declared, references, entries["routes"], reported, reader.drafts)
    reader.mistakes += [mistake for mistake in unfitting if _key_of(mistake) not in reported]
    if not reader.mistakes:
        return replace(config, warnings=(*config.warnings, *advice(config)))
    raise ConfigInvalid(reader.mistakes, config)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise ConfigInvalid([f"{path}: larger than {LARGEST_FILE_BYTES} bytes; this is no configuration"])
        return tomllib.loads(content.removeprefix(BOM_UTF8).decode("utf-8"))  # some editors begin every text so
    except OSError as error:
        hint = "; `maskbridge init` writes one" if isinstance(error, FileNotFoundError) else ""
        raise ConfigInvalid([f"{path}: cannot be read ({error.strerror}){hint}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigInvalid([f"{path}: is not UTF-8 text (byte {error.start})"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid([f"{path}: {_not_toml(str(error))}"]) from error
    except RecursionError as error:
        raise ConfigInvalid([f"{path}: is nested too deeply; this is no configuration"]) from error
    except ValueError as error:  # Python's own limit
        raise ConfigInvalid([f"{path}: has a number of thousands of digits; this is no configuration"]) from error


def _not_toml(said: str) -> str:
    """What is wrong with the text of the file, with a hint where something is written a second time."""
    declared = _DECLARED_TWICE.match(said)
    if declared is not None:
        name = ".".join(re.findall(r"'([^']*)'", declared["names"]))
        hint = f"write [[{name}]]" if name in LISTS else "it stands further up already: change its keys there"
        return f"{_line_of(declared)}: [{name}] cannot be written twice; {hint}"
    overwritten = _OVERWRITTEN.match(said)
    if overwritten is not None:
        return f"{_line_of(overwritten)}: this stands in its section already; write each key once"
    return f"is not TOML: {said}"


def _line_of(complaint: re.Match[str]) -> str:
    return f"line {complaint['line']}" if complaint["line"] else "last line"


class _Reader:
    """Collects the mistakes of one reading."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.mistakes: list[str] = []
        self.drafts: list[Trunk] = []  # none of the configuration's, for want of a right name or URI: to be checked

    def check_top_level(self, document: dict[str, Any]) -> None:
        known = [*SECTIONS, *LISTS]
        for name, value in document.items():
            if name in known:
                continue
            if isinstance(value, (dict, list)):
                self.mistakes.append(f"[{name}]: there is no such section; the nearest is [{nearest(name, known)}]")
            else:
                self.mistakes.append(f"{name}: {_stray_key(name)}")

    def table(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        """A section's table, empty where it is absent or no table."""
        value = document.get(name, {})
        if isinstance(value, dict):
            return dict(value)
        self.mistakes.append(f"{name}: it is not a section; write [{name}] once, and its keys below")
        return {}

    def override(self, tables: dict[str, dict[str, Any]], environ: Mapping[str, str]) -> None:
        """Put the environment's settings in place of the file's."""
        settings = {
            _variable(section, key): (section, key, kind)
            for section, made in SECTIONS.items()
            for key, kind in kinds_of(made).items()
        }
        for variable, value in sorted(environ.items()):
            if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
                continue
            if variable not in settings:
                self.mistakes.append(
                    f"{variable} (environment): no setting is named so; "
                    f"the nearest is {nearest(variable, list(settings))}"
                )
                continue
            section, key, kind = settings[variable]
            try:
                tables[section][key] = from_environment(value, kind)
            except Unfit as unfit:
                tables[section].pop(key, None)
                self.mistakes.append(f"{variable} (environment): {unfit}; expected {kind.expected}")

    def build(self, made: type[Any], table: dict[str, Any], where: str) -> Any:
        """An instance of `made` from its table; None when something required is missing or wrong."""
        kinds = kinds_of(made)
        for name in table:
            if name not in kinds:
                self.mistakes.append(
                    f"{where}.{name}: there is no such key; the nearest is {nearest(name, list(kinds))}"
                )
        values = {name: self._read(kinds[name], raw, f"{where}.{name}") for name, raw in table.items() if name in kinds}
        required = [each.name for each in fields(made) if each.default is MISSING]
        for name in required:
            if name not in values:
                self.mistakes.append(f"{where}.{name}: it is missing; expected {kinds[name].expected}")
        right = {name: value for name, value in values.items() if value is not MISSING}
        if all(name in right for name in required):
            return made(**right)
        if made is Trunk:
            self.drafts.append(Trunk(**{"name": where[len("trunks[") : -1], "uri": _STAND_IN, **right}))
        return None

    def build_list(self, made: type[Any], tables: Any, where: str) -> dict[int, Any]:
        """The entries of a list of tables that could be read, by their position from 1."""
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.mistakes.append(f"{where}: it is not a list of tables; write [[{where}]] before each entry's keys")
            return {}
        built = {at: self.build(made, table, _entry_name(where, at, table)) for at, table in enumerate(tables, 1)}
        return {at: entry for at, entry in built.items() if entry is not None}

    def _read(self, kind: Kind[Any], raw: object, where: str) -> Any:
        """The value, or MISSING when it is a mistake."""
        try:
            return kind.read(raw, self.place)
        except Unfit as unfit:
            self.mistakes.append(f"{where}: {unfit}; expected {kind.expected}")
            return MISSING


def nearest(name: str, known: list[str]) -> str:
    """The known name most like this one."""
    return get_close_matches(name, known, n=1, cutoff=0.0)[0]


def from_environment(value: str, kind: Kind[Any]) -> object:
    """An environment variable's text in the TOML form of its key: lists are comma-separated, or a JSON list."""
    if kind.form == "text":
        return value
    if kind.form == "list":
        return _list_from_environment(value, kind)
    stripped = value.strip()
    if kind.form == "yes_no":
        if stripped.lower() not in YES | NO:
            raise Unfit(f"{shown(value)} is neither")
        return stripped.lower() in YES
    try:
        return int(stripped) if kind.form == "whole" or stripped.lstrip("-").isdigit() else float(stripped)
    except ValueError as error:
        raise Unfit(f"{shown(value)} is not a number") from error


def _list_from_environment(value: str, kind: Kind[Any]) -> object:
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Unfit(f"{'it' if kind.secret else shown(value)} is no JSON list") from error
    return [item.strip() for item in value.split(",") if item.strip()]


def _absolute(storage: StorageSection, folder: Path) -> StorageSection:
    database = folder / storage.url.removeprefix(SQLITE)
    return replace(
        storage,
        url=f"{SQLITE}{database}",
        recordings=folder / storage.recordings,
        prompts=folder / storage.prompts,
    )


def _key_of(mistake: str) -> str:
    return mistake.partition(": ")[0]


def _declared_trunks(document: dict[str, Any]) -> list[str]:
    names = [table.get("name") for table in _tables(document, "trunks").values()]
    return [name for name in names if isinstance(name, str) and name.isprintable()]


def _trunk_references(document: dict[str, Any]) -> dict[str, str]:
    """What each key says that names a trunk; a route without `trunk` is for any."""
    return {
        f"routes[#{at}].{key}": name
        for at, table in _tables(document, "routes").items()
        for key in ("via", "trunk")
        if isinstance(name := table.get(key), str) and (name or key == "via")
    }


def _tables(document: dict[str, Any], name: str) -> dict[int, dict[str, Any]]:
    """The tables of a list as they were written, by their position from 1."""
    entries = document.get(name)
    written = entries if isinstance(entries, list) else []
    return {at: table for at, table in enumerate(written, 1) if isinstance(table, dict)}


def _variable(section: str, key: str) -> str:
    return f"{PREFIX}{section}_{key}".upper()


def _entry_name(where: str, index: int, table: dict[str, Any]) -> str:
    name = table.get("name")
    return f"{where}[{name}]" if isinstance(name, str) and name.isprintable() and name else f"{where}[#{index}]"


def _stray_key(name: str) -> str:
    sections = [section for section, made in SECTIONS.items() if name in kinds_of(made)]
    if sections:
        return f"it stands outside every section; it belongs below [{sections[0]}]"
    known = [f"{section}.{each}" for section, made in SECTIONS.items() for each in kinds_of(made)]
    return f"there is no such key outside the sections; the nearest is {nearest(name, known)}"
