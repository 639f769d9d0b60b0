"""Self-signed certificates, as openssl makes them."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that is its own authority; return its file and the key's."""
    pair = folder / f"{name}.pem", folder / f"{name}.key"
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    places = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(pair[0]), "-keyout", str(pair[1])]
    subprocess.run(["openssl", "req", "-x509", *options, *places], check=True, capture_output=True)
    return pair
