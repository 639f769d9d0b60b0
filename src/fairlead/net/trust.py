"""Whom to trust over TLS: a file of certificates, or the host's own store, wherever its distribution keeps it."""

import ssl
from pathlib import Path

from fairlead.core.errors import UsageError

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL 7 and later
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, BSD
)
"""The same places as Go's crypto/x509 looks at (root_linux.go)."""


def client_context(ca_file: str = "") -> ssl.SSLContext:
    """Return a context that verifies servers by `ca_file`, or by the host's store: SSL_CERT_FILE, OpenSSL's own place, then BUNDLES.

    UsageError where a file cannot be read. A host without a store is no error here: each connection will say that it cannot verify.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        if not ca_file and ssl.get_default_verify_paths().cafile is None and (bundle := _host_bundle()):
            context.load_verify_locations(cafile=bundle)
    except OSError as error:
        reason = "not PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"CA file {ca_file or _host_bundle()}: {reason}; give PEM certificates") from None
    return context


def _host_bundle() -> str | None:
    return next((bundle for bundle in BUNDLES if Path(bundle).is_file()), None)
