"""TLS of the listener; its certificate is loaded again when the files change, for the connections to come."""

import ssl
from pathlib import Path

from fairlead.core.errors import UsageError
from fairlead.core.logsetup import Log

log = Log("tls")


class Certificate:
    """A certificate chain and key on disk, and the context that serves them."""

    def __init__(self, certificate: str, key: str) -> None:
        self._files = (Path(certificate), Path(key))
        self._stamp = self._look()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._load(self.context)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"tls_cert, tls_key: {certificate}, {key}: {_reason(error)}") from None

    def reload_if_changed(self) -> bool:
        """Load the pair again if a file changed; a broken pair is told, and the old one goes on."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            # Tried apart first: a pair that does not fit must not leave half of itself behind.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except (OSError, ssl.SSLError) as error:
            log.warning("certificate not reloaded, the old one goes on", error=_reason(error))
            return False
        log.info("certificate reloaded")
        return True

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._files[0], self._files[1])

    def _look(self) -> tuple[tuple[int, int], ...]:
        found = []
        for file in self._files:
            try:
                facts = file.stat()
            except OSError:
                found.append((0, 0))
            else:
                found.append((facts.st_mtime_ns, facts.st_ino))
        return tuple(found)


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or str(error)
