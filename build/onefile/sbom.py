"""The bill of materials of one built file, as a CycloneDX 1.6 document. All of it is read off the file, so a foreign one need not run.

Made again of the same file it is the same document: its number comes from the file's hash, its time from the commit.
https://cyclonedx.org/docs/1.6/json/
"""

import datetime
import hashlib
import json
import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

from onefile import sources
from onefile.cache import CHECKOUT
from onefile.errors import BuildError

SUFFIX = ".cdx.json"
_BEGIN = b'{"commit": "'
_OTHER_PURLS = {
    "uPlot": "pkg:npm/uplot",
    "zig runtime (compiler-rt, libunwind)": "pkg:pypi/ziglang",
    "Rust standard library": "pkg:generic/rust-std",
}
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
"""Trove classifiers that mean one licence; `BSD License` may mean several, so it stays a name."""
_EXPRESSION = re.compile(r"\(*[\w.+-]+\)*(?: (?:AND|OR|WITH) \(*[\w.+-]+\)*)*")


def write(file: Path) -> Path:
    """Write the bill of a built file beside it, as FILE.cdx.json, and return its path."""
    info = build_info(file)
    written = file.with_name(file.name + SUFFIX)
    written.write_text(json.dumps(document(file, info, checkout_version(), timestamp(info["commit"])), indent=1) + "\n")
    return written


def build_info(file: Path) -> dict[str, Any]:
    """Return what `fairlead version --json` tells of the build, found in the file's archive."""
    data = file.read_bytes()
    at = data.find(_BEGIN)
    while at >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(data[at : at + (1 << 20)].decode("utf-8", "replace"))
        except ValueError:
            found = {}
        if {"commit", "kind", "inputs"} <= found.keys():
            return dict(found)
        at = data.find(_BEGIN, at + 1)
    raise BuildError(f"{file} holds no list of its inputs; is it the one file?")


def document(file: Path, info: dict[str, Any], version: str, made_at: str | None) -> dict[str, Any]:
    """Return the document; `info` is that of `build_info`, `made_at` an RFC 3339 time or None."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    suite = sources.locked()[0]
    debian = sources.locked()[1].keys()
    parts = [_component(part, _purl(part["name"], part["version"], part["name"] in debian, suite)) for part in info["inputs"]]
    root = f"pkg:generic/fairlead@{quote(version)}?kind={quote(info['kind'])}"
    metadata: dict[str, Any] = {
        "component": {
            "type": "application",
            "bom-ref": root,
            "name": "fairlead",
            "version": version,
            "purl": root,
            "licenses": [{"expression": "Apache-2.0"}],
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "properties": [
                {"name": f"fairlead:{name}", "value": str(info[name])} for name in ("commit", "kind", "libc_kind", "libc_floor")
            ],
        }
    }
    if made_at:
        metadata["timestamp"] = made_at
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": metadata,
        "components": parts,
        "dependencies": [{"ref": root, "dependsOn": sorted(part["bom-ref"] for part in parts)}],
        # What a component brings along in its own archive (libuv in uvloop, crates in orjson) is part of that component.
        "compositions": [{"aggregate": "incomplete", "assemblies": [root]}],
    }


def checkout_version() -> str:
    """Return the version of the source that stands here."""
    match = re.search(r'^__version__ = "(.*)"$', (CHECKOUT / "src/fairlead/__init__.py").read_text(), re.MULTILINE)
    if match is None:
        raise BuildError("no __version__ in src/fairlead/__init__.py")
    return match[1]


def timestamp(commit: str) -> str | None:
    """Return SOURCE_DATE_EPOCH, else the commit's time, as RFC 3339; None for a commit that is not known here."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds:
        argv = ["git", "show", "-s", "--format=%ct", commit.removesuffix("-dirty")]
        seconds = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout.strip()
    if not seconds:
        return None
    if not seconds.isdecimal():
        raise BuildError(f"SOURCE_DATE_EPOCH is {seconds!r}; allowed are seconds since 1970")
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _component(part: dict[str, Any], purl: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": part["name"], "version": part["version"], "purl": purl}
    if part["license"]:
        found["licenses"] = [_license(part["license"])]
    if part["sha256"]:
        found["hashes"] = [{"alg": "SHA-256", "content": digest} for digest in part["sha256"]]
    return found


def _license(told: str) -> dict[str, Any]:
    """Return an SPDX expression where the words are one, or can be read as one; else the words as a name."""
    words = " AND ".join(_CLASSIFIERS.get(word, word) for word in told.split(" AND "))
    return {"expression": words} if _EXPRESSION.fullmatch(words) else {"license": {"name": told}}


def _purl(name: str, version: str, from_debian: bool, suite: str) -> str:
    """Return the package URL (https://github.com/package-url/purl-spec): Debian's sources, a few by name, all else is PyPI's."""
    shown = quote(version, safe=":~")
    if from_debian:
        return f"pkg:deb/debian/{name}@{shown}?arch=source&distro={suite}"
    return f"{_OTHER_PURLS.get(name) or 'pkg:pypi/' + name.lower().replace('_', '-')}@{shown}"
