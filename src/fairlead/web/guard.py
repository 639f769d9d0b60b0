"""Who is let in: the Host header against DNS rebinding, the token, and how often a wrong one may be tried."""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from fairlead.core.clock import Clock
from fairlead.core.errors import UsageError
from fairlead.net.aio import web
from fairlead.net.answers import ApiError
from fairlead.net.attempts import WrongTokens
from fairlead.net.listen import is_loopback, split_listen
from fairlead.web.settings import WebSettings

COOKIE = "fairlead_session"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class Guard:
    """Decides on each request; holds the token, and nothing else of it leaves."""

    def __init__(self, settings: WebSettings, clock: Clock) -> None:
        self._wrong = WrongTokens(clock)
        host, _ = split_listen(settings.listen)
        self._hosts = {host.lower(), *(name.lower() for name in settings.allowed_hosts)}
        if is_loopback(host) or host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            self._hosts.update(_LOOPBACK_NAMES)
        self._token = _read_token(settings.token_file) if settings.token_file else b""
        self._session = hmac.new(self._token, b"fairlead session 1", hashlib.sha256).hexdigest() if self._token else ""
        self._secure = bool(settings.tls_cert)

    def check_host(self, request: web.BaseRequest) -> None:
        """Refuse a Host header that is not ours: a page elsewhere whose name was pointed here."""
        name = _name(request.headers.get("Host", ""))
        if name in self._hosts:
            return
        # The address that was connected to is ours, whatever it is; a rebound name is never an address.
        own = request.transport.get_extra_info("sockname") if request.transport else None
        if not own or name != str(own[0]).lower():
            allowed = "give --allowed-host NAME, or allowed_hosts in the configuration, to serve another name"
            raise ApiError(421, "this name is not served here", "header Host", allowed)

    def is_known(self, request: web.BaseRequest) -> bool:
        """Tell whether a request bears the token or a session; everybody is known where no token is set."""
        if not self._token:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(_octets(given.strip()), self._token):
            return True
        try:
            cookie = SimpleCookie(request.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(_octets(cookie.value), self._session.encode())

    def check_known(self, request: web.BaseRequest) -> None:
        """Refuse who is not known, and after many wrong tokens everybody who is not, for a while."""
        if self.is_known(request):
            return
        if "Authorization" in request.headers:
            self._wrong.count()
        raise ApiError(401, "a token is needed", "header Authorization", "Bearer TOKEN, or the cookie that the login sets")

    def log_in(self, given: str) -> str:
        """Return the Set-Cookie value for a right token; ApiError for a wrong one."""
        if not self._token or not hmac.compare_digest(given.strip().encode(), self._token):
            self._wrong.count()
            raise ApiError(401, "wrong token", "token")
        return f"{COOKIE}={self._session}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{'; Secure' if self._secure else ''}"

    def check_origin(self, request: web.BaseRequest) -> None:
        """Refuse a POST that another site's page sends."""
        origin = request.headers.get("Origin")
        if origin is not None and _name(origin.partition("://")[2]) != _name(request.headers.get("Host", "")):
            raise ApiError(403, "sent by another site", "header Origin")


def _name(host: str) -> str:
    """Return a Host header without its port and brackets, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _octets(header: str) -> bytes:
    """Return a header's value as it was sent; aiohttp keeps octets that are no UTF-8 as surrogates."""
    return header.encode(errors="surrogateescape")


def _read_token(file: str) -> bytes:
    try:
        token = Path(file).read_bytes().strip()
    except OSError as error:
        raise UsageError(f"token_file: {file}: {error.strerror}") from None
    if not token:
        raise UsageError(f"token_file: {file} is empty; write a token into it")
    return token
