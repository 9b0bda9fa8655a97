"""The built documentation, as a server gives it out: the files its manifest names, and no others."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MANIFEST: Final = "manifest.json"
SITE_FOLDER: Final = Path(__file__).resolve().parent / "site"
HOME: Final = "home.html"  # the first page at an address without a slash at its end


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file, its media type, and the Content-Security-Policy it goes out with."""

    path: Path
    media_type: str
    policy: str


@dataclass(frozen=True, slots=True)
class DocsSite:
    """`files` by their path below /docs/. Empty where the site was not built."""

    files: dict[str, SiteFile] = field(default_factory=dict)

    def find(self, page: str) -> SiteFile | None:
        """What is at /docs/`page`: a file of the site, or the page of a folder."""
        return self.files.get(f"{page}index.html" if page == "" or page.endswith("/") else page)

    def is_folder(self, page: str) -> bool:
        """Whether a slash at its end is all that an address lacks."""
        return f"{page}/index.html" in self.files


def load_site(folder: Path = SITE_FOLDER) -> DocsSite:
    """The site in a folder; an empty one where it was never built, or not to its end."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        return DocsSite()
    return DocsSite(
        {
            name: SiteFile(
                folder / name, described["type"], _policy(described.get("scripts", ()), described.get("styles", ()))
            )
            for name, described in manifest["files"].items()
        }
    )


def _policy(scripts: list[str], styles: list[str]) -> str:
    """From here alone; of what stands in a page itself only what was in it when it was built."""
    script = " ".join(("'self'", *(f"'{each}'" for each in scripts)))
    style = " ".join(("'self'", *(f"'{each}'" for each in styles)))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
