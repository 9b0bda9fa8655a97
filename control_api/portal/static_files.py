"""The pages' static files: read once, served under the digest of their content, so that browsers keep them for good."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import web

PREFIX: Final = "/portal/static/"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it goes out."""

    content: bytes
    media_type: str
    digest: str


class StaticFiles:
    """All that lie in `static/`."""

    def __init__(self) -> None:
        folder = files("control_api.portal") / "static"
        self._files = {each.name: _static_file(each.name, each.read_bytes()) for each in folder.iterdir()}

    def address(self, name: str) -> str:
        """The path a page names a file by. Raises KeyError."""
        return f"{PREFIX}{self._files[name].digest}/{name}"

    def reply(self, digest: str, name: str) -> web.Response | None:
        """The file, None where there is none of this name and content."""
        found = self._files.get(name)
        if found is None or found.digest != digest:
            return None
        headers = {
            "Cache-Control": _FOR_GOOD,
            "ETag": f'"{found.digest}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        }
        response = web.Response(body=found.content, content_type=found.media_type, charset="utf-8", headers=headers)
        response.enable_compression()
        return response


def _static_file(name: str, content: bytes) -> StaticFile:
    return StaticFile(content, _TYPES[name.rpartition(".")[2]], sha256(content).hexdigest()[:16])
