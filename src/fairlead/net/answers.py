"""How the server answers: JSON, errors of one shape, and the headers that every answer bears."""

from typing import Any

import msgspec
import orjson

from fairlead.net.aio import web

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_COMPRESSED_FROM_BYTES = 1400


class ErrorBody(msgspec.Struct, frozen=True):
    """What is wrong, where, and what is allowed."""

    what: str
    where: str = ""
    allowed: str = ""


class ApiError(Exception):
    """Ends a request with an error answer."""

    def __init__(self, status: int, what: str, where: str = "", allowed: str = "", retry_after_s: int = 0) -> None:
        super().__init__(what)
        self.status, self.body, self.retry_after_s = status, ErrorBody(what, where, allowed), retry_after_s

    def answer(self) -> web.Response:
        """Return it as a response."""
        response = json_answer({"error": msgspec.to_builtins(self.body)}, self.status)
        if self.retry_after_s:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="fairlead"'
        return response


def json_answer(value: Any, status: int = 200) -> web.Response:  # noqa: ANN401 - whatever JSON can hold
    """Return a value as a JSON answer that no cache keeps."""
    body = orjson.dumps(value, default=msgspec.to_builtins)
    return bounded(web.Response(body=body, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}))


def text_answer(text: str | bytes, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> web.Response:
    """Return text that no cache keeps."""
    body = text.encode() if isinstance(text, str) else text
    return bounded(web.Response(body=body, status=status, headers={"Content-Type": content_type, "Cache-Control": "no-store"}))


def bounded(response: web.Response) -> web.Response:
    """Let a larger answer be compressed for those who accept it."""
    if isinstance(response.body, bytes) and len(response.body) >= _COMPRESSED_FROM_BYTES:
        response.enable_compression()
    return response
