"""The page's files: a fixed table read once at the start. A request names an entry of it or nothing; no path is ever joined."""

import gzip
import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

from fairlead.net.aio import web

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


class Asset(msgspec.Struct, frozen=True):
    """One file, plain and compressed."""

    content_type: str
    etag: str
    plain: bytes
    compressed: bytes

    def answer(self, request: web.BaseRequest) -> web.Response:
        """Return it, or that the browser's copy is still good."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache", "Content-Type": self.content_type, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self.compressed, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=self.plain, headers=headers)


def load_assets() -> dict[str, Asset]:
    """Return the files of `web/static` by the path at which they are served."""
    root = resources.files("fairlead.web") / "static"
    assets = {f"/static/{name}": _asset(file) for name, file in _walk(root, "") if file.name[file.name.rfind(".") :] in _TYPES}
    assets["/"] = assets["/static/index.html"]
    return assets


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _asset(file: Traversable) -> Asset:
    plain = file.read_bytes()
    etag = f'"{hashlib.blake2b(plain, digest_size=12).hexdigest()}"'
    return Asset(_TYPES[file.name[file.name.rfind(".") :]], etag, plain, gzip.compress(plain, 9, mtime=0))
