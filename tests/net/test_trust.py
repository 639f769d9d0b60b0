"""Whom to trust: a file that is named, else the host's store wherever it lies."""

import ssl
from pathlib import Path
from typing import Any, cast

import pytest

from fairlead.core.errors import UsageError
from fairlead.net import trust
from tests.support.certificate import make_certificate

# typeshed takes paths for never None, which they are where nothing is there.
NOWHERE = ssl.DefaultVerifyPaths(*cast(tuple[str, ...], (None, None, "SSL_CERT_FILE", "/none", "SSL_CERT_DIR", "/none")))


def common_names(context: ssl.SSLContext) -> set[object]:
    """Return the names of the authorities that a context trusts."""
    authorities = cast(list[dict[str, Any]], context.get_ca_certs())
    return {dict(pair for row in authority["subject"] for pair in row).get("commonName") for authority in authorities}


def test_a_store_elsewhere_than_openssl_was_built_for_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = make_certificate(tmp_path, "red-hat")
    monkeypatch.setattr(trust, "BUNDLES", (str(tmp_path / "absent.pem"), str(bundle)))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: NOWHERE)
    assert "red-hat" in common_names(trust.client_context())


def test_a_file_that_is_named_goes_before_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = make_certificate(tmp_path, "host")
    own, _ = make_certificate(tmp_path, "own")
    monkeypatch.setattr(trust, "BUNDLES", (str(bundle),))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: NOWHERE)
    assert common_names(trust.client_context(str(own))) == {"own"}


def test_a_host_without_a_store_trusts_nobody_and_says_nothing_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "BUNDLES", ())
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: NOWHERE)
    assert trust.client_context().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), ("no certificate\n", "not PEM")])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=f"CA file {file}: {reason}; give PEM certificates"):
        trust.client_context(str(file))
