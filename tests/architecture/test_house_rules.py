"""The rules of the house that no other tool checks: sizes, imports, marks, where SQL stands, what the README names."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("b2bua", "media", "control_api", "storage")
LONGEST_FILE = 600
LONGEST_FUNCTION = 60
# One function on purpose: calls cost more than all that it does with a packet.
LONG_ON_PURPOSE = {("media/packet_path/relay.py", "rtp")}
TEXTS = {".py", ".md", ".toml", ".sql", ".xml", ".c", ".html", ".lock", ".pyx"}


@cache
def product_files() -> tuple[Path, ...]:
    return tuple(path for room in PRODUCT for path in sorted((ROOT / room).rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def own_texts() -> Iterator[Path]:
    """Every text of the repository but the public test messages, which are as their RFCs have them, and the built
    pages, which another test may be building now."""
    for folder in (*PRODUCT, "tests", "sipp_scenarios", ".ci"):
        for place, below, names in os.walk(ROOT / folder):
            below[:] = [name for name in below if name != "data" and name.partition(".")[0] != "site"]
            for path in (Path(place) / name for name in names):
                if path.suffix in TEXTS or folder == ".ci":
                    yield path
    yield from (ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml"))


def test_there_is_something_to_check() -> None:
    assert len(product_files()) > 100
    assert sum(1 for _ in own_texts()) > 200


def test_no_file_is_too_long_to_read() -> None:
    files = [*product_files(), *(path for room in ("clients", "docs", "tests") for path in (ROOT / room).rglob("*.py"))]
    lengths = {named(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long_to_read() -> None:
    found = set()
    for path in product_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    found.add((named(path), node.name))
    assert found == LONG_ON_PURPOSE


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_product_never_imports_the_softphone_or_the_tests() -> None:
    roots = {(named(path), module.partition(".")[0].lower()) for path in product_files() for module in imported(path)}
    assert {entry for entry in roots if entry[1] in ("pyvoip", "tests")} == set()


def test_no_import_is_relative_or_of_everything() -> None:
    for path in product_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, named(path)
                assert all(alias.name != "*" for alias in node.names), named(path)


@pytest.mark.parametrize("mark", ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "NotImplemented" + "Error"])
def test_nothing_is_left_for_later(mark: str) -> None:
    wanted = re.compile(rf"\b{mark}\b")
    assert [named(path) for path in own_texts() if wanted.search(path.read_text("utf-8", "replace"))] == []


def test_every_silenced_check_says_which_and_why() -> None:
    silenced = re.compile(r"#\s*(?:noqa|type:\s*ignore)")
    reasoned = re.compile(r"#\s*(?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z-, ]+\])\s+(?:-|#) \S+")
    lines = [
        f"{named(path)}:{number}: {line.strip()}"
        for path in product_files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if silenced.search(line)
    ]
    assert [line for line in lines if not reasoned.search(line)] == []
    assert len(lines) <= 5, "an exception is an exception"


def test_sql_stands_in_storage_alone() -> None:
    statement = re.compile(r"^\s*(?:SELECT .+ FROM|INSERT (?:OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b")
    found = []
    for path in product_files():
        if path.is_relative_to(ROOT / "storage"):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.match(node.value):
                found.append(f"{named(path)}:{node.lineno}")
    assert found == []


def test_every_public_class_and_function_says_what_it_is() -> None:
    silent = []
    for path in product_files():
        for node in tree_of(path).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("_") and ast.get_docstring(node) is None:
                silent.append(f"{named(path)}:{node.name}")
        if path.read_text("utf-8").strip() and ast.get_docstring(tree_of(path)) is None:
            silent.append(named(path))
    assert silent == []


def test_names_do_not_say_nothing() -> None:
    empty = {"manager", "helper", "helpers", "util", "utils", "common", "base", "core", "service", "data", "info"}
    for path in product_files():
        assert path.stem not in empty, named(path)
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                words = {word.lower() for word in re.findall(r"[A-Z][a-z]+|[A-Z]+(?![a-z])", node.name)}
                assert words.isdisjoint(empty - {"service", "data", "info"}), f"{named(path)}: {node.name}"


def test_the_readme_names_every_room() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    rooms = [f"b2bua/{path.name}" for path in sorted((ROOT / "b2bua").iterdir()) if (path / "__init__.py").is_file()]
    rooms += ["media", "control_api", "storage", "tests", "sipp_scenarios"]
    assert [room for room in rooms if f"`{room}`" not in readme] == []


def test_the_readme_gives_the_two_commands_and_how_to_check_a_change() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for command in ("demo", "test"):
        assert f"make {command}" in readme
        assert command in targets
    for mentioned in set(re.findall(r"make ([a-z]+)", readme)) - {"it"}:
        assert mentioned in targets, f"the README tells of make {mentioned}"


def test_every_folder_of_tests_belongs_to_a_room_or_is_known() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert {"scenarios", "architecture", "commands", "switch", "sip", "media", "storage", "control_api"} <= folders
    for folder in folders - {"support", "data"}:
        files = list((ROOT / "tests" / folder).rglob("*.py"))
        assert files, f"tests/{folder} is empty"
