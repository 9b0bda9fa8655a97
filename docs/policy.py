"""What the served pages may run: the hashes of their own inline scripts and styles, and nothing else. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

_SCRIPT: Final = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_STYLE: Final = re.compile(r"<style[^>]*>(?P<code>.*?)</style>", re.DOTALL)
_RELATIVE: Final = re.compile(r'(?P<name>\b(?:href|src))="(?!#|/|[a-z]+:)(?:\./)?(?P<rest>[^"]*)"')
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".py": "text/plain; charset=utf-8",
}


def manifest_of(site: Path) -> dict[str, dict[str, object]]:
    """Every file of the site by its path, with its media type and the inline scripts and styles it may have."""
    files: dict[str, dict[str, object]] = {}
    for path in sorted(site.rglob("*")):
        if path.suffix not in _TYPES:
            continue
        described: dict[str, object] = {"type": _TYPES[path.suffix]}
        if path.suffix == ".html":
            html = path.read_text("utf-8")
            described["scripts"] = list(dict.fromkeys(inline_scripts(html)))
            described["styles"] = list(dict.fromkeys(inline_styles(html)))
        files[path.relative_to(site).as_posix()] = described
    return files


def inline_scripts(html: str) -> Iterator[str]:
    """The hash of each script that stands in the page itself (CSP level 3, section 2.3.1)."""
    for script in _SCRIPT.finditer(html):
        attributes = script["attributes"]
        if "src=" not in attributes and "application/json" not in attributes:
            yield _hash(script["code"])


def inline_styles(html: str) -> Iterator[str]:
    """The hash of each style sheet that stands in the page itself."""
    return (_hash(style["code"]) for style in _STYLE.finditer(html))


def at_docs_itself(home: str) -> str:
    """The home page as it has to be for the address without a slash at its end: relative to what is above it."""
    moved = _RELATIVE.sub(lambda found: f'{found["name"]}="docs/{found["rest"]}"', home)
    moved = moved.replace('"base": "."', '"base": "docs/"').replace(
        'new URL(".",location)', 'new URL("docs/",location)'
    )
    return re.sub(r'"search": "(?=assets/)', '"search": "docs/', moved)


def _hash(code: str) -> str:
    return "sha256-" + b64encode(sha256(code.encode()).digest()).decode()
