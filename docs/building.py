"""Builds the site with mkdocs, and writes down what a server may give out of it."""

import fcntl
import json
import logging
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from mkdocs.commands.build import build as build_pages
from mkdocs.config import load_config

from control_api.docs_site import MANIFEST
from docs.policy import at_docs_itself, manifest_of

SITE: Final = Path(__file__).resolve().parents[1] / "control_api" / "site"
SOURCES: Final = ("docs", "control_api", "b2bua/config", "b2bua/commands", "b2bua/call", "storage")
SINGLE_SOURCES: Final = ("CHANGELOG.md", "README.md", "requirements-dev.lock")


class SiteBroken(Exception):
    """The pages have a warning: a dead link, a page that nothing leads to, an example that is not there."""


def is_current(root: Path, site: Path) -> bool:
    """Whether the site was built of the sources as they are now."""
    try:
        manifest = json.loads((site / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(manifest.get("made_from") == _digest(root))


def build(root: Path, site: Path) -> None:
    """Build the site beside its place, then put it there. Raises SiteBroken. Builds wait for each other."""
    building = site.with_name(site.name + ".new")
    with (root / "docs" / "mkdocs.yml").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if is_current(root, site):
            return
        warnings = _Warnings()
        log = logging.getLogger("mkdocs")
        log.addHandler(warnings)
        try:
            config = load_config(str(root / "docs" / "mkdocs.yml"), site_dir=str(building), strict=False)
            build_pages(config)
        finally:
            log.removeHandler(warnings)
        if warnings.said:
            shutil.rmtree(building, ignore_errors=True)
            raise SiteBroken("\n".join(warnings.said))
        _finish(root, building)
        shutil.rmtree(site, ignore_errors=True)
        building.rename(site)


def _finish(root: Path, site: Path) -> None:
    """What mkdocs leaves to be done."""
    for unused in (*site.rglob("*.map"), site / "sitemap.xml", site / "sitemap.xml.gz", site / "404.html"):
        unused.unlink(missing_ok=True)
    # Stemmers and splitters of other languages than the pages'.
    shutil.rmtree(site / "assets" / "javascripts" / "lunr", ignore_errors=True)
    home = (site / "index.html").read_text("utf-8")
    (site / "home.html").write_text(at_docs_itself(home), "utf-8")
    manifest = {"made_from": _digest(root), "files": manifest_of(site)}
    (site / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")


def _digest(root: Path) -> str:
    digest = sha256()
    for path in _sources(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.is_relative_to(SITE):
                yield path
    yield from (root / name for name in SINGLE_SOURCES)


class _Warnings(logging.Handler):
    """Keeps what mkdocs warns of: `--strict`, with every warning named."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.said.append(record.getMessage())
