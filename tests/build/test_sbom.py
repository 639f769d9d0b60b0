"""The bill of materials, against CycloneDX's own schema and the rules of package URLs and SPDX."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_expression
from cyclonedx.validation.json import JsonStrictValidator
from onefile import sbom, sources
from onefile.errors import BuildError
from packageurl import PackageURL


def inputs() -> list[dict[str, Any]]:
    """Return inputs as the build lists them: Debian's of the lock, and one of each other origin."""
    debian = [
        {"name": pin.name, "version": pin.version, "license": pin.license, "sha256": sorted(pin.files.values())}
        for pin in sources.locked()[1].values()
    ]
    return [
        *debian,
        {"name": "uvloop", "version": "0.23.0", "license": "Apache Software License AND MIT License", "sha256": ["a" * 64]},
        {"name": "typing_extensions", "version": "4.16.0", "license": "PSF-2.0", "sha256": ["b" * 64]},
        {"name": "msgspec", "version": "0.19.0", "license": "BSD License", "sha256": ["c" * 64]},
        {"name": "Rust standard library", "version": "1.96.0", "license": "MIT OR Apache-2.0", "sha256": []},
        {
            "name": "zig runtime (compiler-rt, libunwind)",
            "version": "0.17.1",
            "license": "MIT AND Apache-2.0 WITH LLVM-exception",
            "sha256": [],
        },
        {"name": "uPlot", "version": "1.6.32", "license": "MIT", "sha256": ["d" * 64, "e" * 64]},
        {"name": "unlicensed", "version": "1", "license": "", "sha256": []},
    ]


INFO = {"commit": "0" * 12, "kind": "linux-x86_64-static", "libc_kind": "musl", "libc_floor": None, "inputs": inputs()}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A file with what the packing leaves in one: its code, which names the key, too, and the build's JSON in the midst of bytes."""
    file = tmp_path / "fairlead-linux-x86_64-static"
    file.write_bytes(b'\x7fELF\xff{"commit": "unknown"}\x00{"commit": "\xff' + json.dumps(INFO).encode() + b"\x00\xff" * 1000)
    return file


def document(built: Path) -> dict[str, Any]:
    return sbom.document(built, INFO, "1.2.3", "2026-01-02T03:04:05Z")


def test_the_document_fits_the_schema(built: Path) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(document(built))) is None
    broken = document(built)
    broken["components"][0]["hashes"][0]["content"] = "no digest"
    assert validator.validate_str(json.dumps(broken)) is not None


def test_the_schema_is_the_strict_one_without_a_time_as_well(built: Path) -> None:
    found = sbom.document(built, INFO, "1.2.3", None)
    assert "timestamp" not in found["metadata"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found)) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps({**found, "more": 1})) is not None


def test_what_the_build_left_in_the_file_is_found(built: Path) -> None:
    assert sbom.build_info(built) == INFO


def test_a_file_without_inputs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b'{"commit": "1"}')
    with pytest.raises(BuildError, match="holds no list of its inputs"):
        sbom.build_info(tmp_path / "other")


def test_the_same_file_gives_the_same_document_and_another_file_another_number(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767323045")
    written = sbom.write(built)
    first = written.read_bytes()
    assert written.name == "fairlead-linux-x86_64-static.cdx.json"
    assert sbom.write(built).read_bytes() == first
    found = json.loads(first)
    assert found["metadata"]["timestamp"] == "2026-01-02T03:04:05Z"
    assert found["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(built.read_bytes()).hexdigest()}]
    built.write_bytes(built.read_bytes() + b"\x00")
    assert json.loads(sbom.write(built).read_bytes())["serialNumber"] != found["serialNumber"]


def test_the_time_is_the_commits_and_none_where_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    told = sbom.timestamp("HEAD-dirty")
    assert told is not None
    assert told.endswith("Z")
    assert sbom.timestamp("unknown") is None
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(BuildError, match="SOURCE_DATE_EPOCH is 'yesterday'; allowed are seconds"):
        sbom.timestamp("HEAD")


@pytest.mark.parametrize(
    ("name", "purl"),
    [
        ("zlib", "pkg:deb/debian/zlib@1:1.3.dfsg%2Breally1.3.1-1?arch=source&distro=trixie"),
        ("typing_extensions", "pkg:pypi/typing-extensions@4.16.0"),
        ("uPlot", "pkg:npm/uplot@1.6.32"),
        ("zig runtime (compiler-rt, libunwind)", "pkg:pypi/ziglang@0.17.1"),
    ],
)
def test_a_component_is_named_where_it_comes_from(built: Path, name: str, purl: str) -> None:
    found = {part["name"]: part["purl"] for part in document(built)["components"]}
    if name == "zlib":  # its version moves with the lock
        purl = purl.replace("1:1.3.dfsg%2Breally1.3.1-1", sources.locked()[1]["zlib"].version.replace("+", "%2B"))
    assert found[name] == purl


def test_every_package_url_and_reference_is_well_formed(built: Path) -> None:
    found = document(built)
    parts = found["components"]
    assert [PackageURL.from_string(part["purl"]).to_string() for part in parts] == [part["purl"] for part in parts]
    assert len({part["bom-ref"] for part in parts}) == len(parts)
    assert found["dependencies"][0]["dependsOn"] == sorted(part["bom-ref"] for part in parts)


def test_every_expression_is_one_of_spdx_and_other_words_are_names(built: Path) -> None:
    told = {part["name"]: part.get("licenses") for part in document(built)["components"]}
    expressions = [row["expression"] for rows in told.values() for row in rows or () if "expression" in row]
    assert [text for text in expressions if not is_expression(text)] == []
    assert told["uvloop"] == [{"expression": "Apache-2.0 AND MIT"}]
    assert told["msgspec"] == [{"license": {"name": "BSD License"}}]
    assert told["unlicensed"] is None
