"""aiohttp's import reads no certificates, and leaves nothing changed behind."""

import subprocess
import sys


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_import_reads_no_certificates_and_restores_ssl() -> None:
    before = "import ssl; real = ssl.SSLContext.set_default_verify_paths; from fairlead.net.aio import aiohttp; "
    stores = "[context.cert_store_stats()['x509'] for context in (c._SSL_CONTEXT_VERIFIED, c._SSL_CONTEXT_UNVERIFIED)]"
    told = f"from aiohttp import connector as c; print(ssl.SSLContext.set_default_verify_paths is real, {stores})"
    assert run(before + told) == "True [0, 0]"


def test_a_context_that_aiohttp_makes_itself_trusts_nobody() -> None:
    code = "import ssl; from fairlead.net.aio import aiohttp; from aiohttp import connector as c; v = c._SSL_CONTEXT_VERIFIED; "
    assert run(code + "print(v.verify_mode is ssl.CERT_REQUIRED, v.check_hostname)") == "True True"
