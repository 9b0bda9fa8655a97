"""What is imported is declared: what another package happens to bring along may be gone with its next version."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("b2bua", "media", "control_api", "storage")
CLIENT = "clients/python"
# What is neither a library nor Python's own: the rooms, the client and its generator, what pages of the docs share.
OWN = {*PRODUCT, "docs", "tests", "maskbridge_client", "generate", "api"}


@cache
def declared_in(folder: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))


def normal(name: str) -> str:
    """A distribution's name as all ways to write it have it in common."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(requirements: Iterable[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", each) for each in requirements)
    return {normal(each.group()) for each in found if each is not None}


def of_the_product() -> set[str]:
    return names_of(declared_in(".")["project"]["dependencies"])


def of_extras() -> set[str]:
    return {name for extra in declared_in(".")["project"]["optional-dependencies"].values() for name in names_of(extra)}


def of_the_client() -> set[str]:
    return names_of(declared_in(CLIENT)["project"]["dependencies"])


def of_the_build() -> set[str]:
    return names_of(declared_in(".")["build-system"]["requires"])


def imported(tree: ast.Module) -> Iterator[str]:
    """The outermost packages, wherever in a file they are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def brought_by() -> dict[str, set[str]]:
    return {package: {normal(name) for name in names} for package, names in packages_distributions().items()}


def undeclared(text: str, declared: set[str]) -> set[str]:
    """Libraries that a source imports without their being declared; what is not installed counts by its own name."""
    libraries = set(imported(ast.parse(text))) - OWN - sys.stdlib_module_names
    return {name for name in libraries if declared.isdisjoint(brought_by().get(name, {normal(name)}))}


def sources(room: str) -> list[Path]:
    place = ROOT / room
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


@pytest.mark.parametrize(
    ("rooms", "declared"),
    [
        (PRODUCT, of_the_product()),
        (("docs", "tests", f"{CLIENT}/generate.py"), of_the_product() | of_extras()),
        ((f"{CLIENT}/maskbridge_client",), of_the_client()),
        (("setup.py",), of_the_build()),
    ],
    ids=["product", "docs and tests", "client", "build"],
)
def test_what_a_room_imports_is_declared_for_it(rooms: tuple[str, ...], declared: set[str]) -> None:
    files = [path for room in rooms for path in sources(room)]
    assert files
    found = {path.relative_to(ROOT).as_posix(): undeclared(path.read_text("utf-8"), declared) for path in files}
    assert {name: sorted(libraries) for name, libraries in found.items() if libraries} == {}


def test_an_undeclared_import_is_found_wherever_it_stands() -> None:
    text = (
        "import os, yarl\nfrom b2bua import clock\ndef draw():\n  from reportlab.lib import colors\n  import dns.rdata"
    )
    assert undeclared(text, {"yarl"}) == {"reportlab", "dns"}
    assert undeclared(text, {"yarl", "reportlab", "dnspython"}) == set()


@pytest.mark.parametrize("folder", [".", CLIENT])
def test_every_dependency_has_a_lower_bound(folder: str) -> None:
    project = declared_in(folder)["project"]
    everything = [
        *project["dependencies"],
        *(each for extra in project.get("optional-dependencies", {}).values() for each in extra),
    ]
    assert [each for each in everything if not re.match(r"[A-Za-z0-9._-]+(?:\[[a-z,]+\])?[>=]=\d", each)] == []


@pytest.mark.parametrize(
    ("lock", "declared"),
    [("requirements.lock", of_the_product()), ("requirements-dev.lock", of_the_product() | of_extras())],
)
def test_what_is_declared_is_pinned_without_an_address(lock: str, declared: set[str]) -> None:
    text = (ROOT / lock).read_text("utf-8")
    pinned = {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==", text, re.MULTILINE)}
    assert declared - pinned == set()
    assert re.findall(r"^.*(?:://|index-url|find-links|@ ).*$", text, re.MULTILINE) == []
