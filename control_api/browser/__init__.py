"""The JavaScript client for agents and supervisors, as applications' pages load it from `/clients/`."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

from aiohttp import hdrs, web

PREFIX: Final = "/clients/"
_TYPES: Final = {".js": "text/javascript", ".d.ts": "text/plain"}


class BrowserClient:
    """Its files, read once. Pages of every origin may load them: there is nothing in them that is anybody's."""

    def __init__(self) -> None:
        folder = files("control_api.browser")
        found = [each for each in folder.iterdir() if each.name.endswith(tuple(_TYPES))]
        self._files = {each.name: each.read_bytes() for each in found}
        self._tags = {name: f'"{sha256(content).hexdigest()[:16]}"' for name, content in self._files.items()}

    def add_to(self, app: web.Application) -> None:
        """Put the files into an application."""
        for name in self._files:
            for method in (hdrs.METH_GET, hdrs.METH_HEAD):
                app.router.add_route(method, PREFIX + name, self._show)

    async def _show(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix(PREFIX)
        content, tag = self._files[name], self._tags[name]
        headers = {
            hdrs.ETAG: tag,
            hdrs.CACHE_CONTROL: "public, max-age=300",
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            hdrs.SERVER: "maskbridge",
        }
        if tag in (each.strip() for each in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")):
            return web.Response(status=304, headers=headers)
        media_type = next(each for end, each in _TYPES.items() if name.endswith(end))
        response = web.Response(body=content, content_type=media_type, charset="utf-8", headers=headers)
        response.enable_compression()
        return response
