"""The one-file build's own rules: which sources, which names, what stops it. The file itself is tested in tests/e2e."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from onefile import cache, capture, check, compare, distributions, pack, sources
from onefile.errors import BuildError
from onefile.parts import PARTS, Part
from onefile.target import KINDS, Target

GLIBC_X86 = Target("x86_64", "glibc")


def test_patches_are_chosen_by_pattern_in_the_order_of_the_series(tmp_path: Path) -> None:
    folder = tmp_path / "debian" / "patches"
    folder.mkdir(parents=True)
    (folder / "series").write_text("b-CVE-2.patch\n# a comment\nlayout.diff\na-CVE-1.patch -p1\n")
    chosen = sources.chosen_patches(tmp_path, ("*", "!layout*"))
    assert [patch.name for patch in chosen] == ["b-CVE-2.patch", "a-CVE-1.patch"]


@pytest.mark.real
def test_a_pin_that_has_vanished_names_its_successor(tmp_path: Path) -> None:
    pin = sources.locked()[1]["libyaml"]
    gone = pin._replace(version="0.0-1", files={"libyaml_0.0.orig.tar.gz": "0" * 64})
    with pytest.raises(BuildError, match=r"libyaml 0\.0-1: the mirror has no .*; its successor is 0\.\d.*: run build/dev lock"):
        sources.fetch(gone, tmp_path)


def test_every_locked_source_is_used_and_has_its_hashes() -> None:
    suite, pins = sources.locked()
    assert suite == "trixie"
    assert set(pins) == {part.source for part in PARTS if part.source and not part.source.startswith("pypi:")}
    assert all(pin.version and pin.license and all(len(digest) == 64 for digest in pin.files.values()) for pin in pins.values())


def test_every_locked_distribution_is_built_by_one_part() -> None:
    built = [name for part in PARTS if part.source.startswith("pypi:") for name in distributions.wanted(part, PARTS)]
    assert sorted(built) == sorted(distributions.locked())
    assert {"aiokafka", "async-timeout", "packaging", "typing-extensions"} <= set(built)


@pytest.mark.parametrize(
    ("output", "module"),
    [
        ("/w/build/lib.linux-x86_64-cpython-313/aiohttp/_websocket/mask.cpython-313-x86_64-linux-gnu.so", "aiohttp._websocket.mask"),
        ("/w/target/x86_64-unknown-linux-gnu/release/deps/liborjson.so", "orjson.orjson"),
        ("/w/target/release/deps/libserde_derive-1a2b.so", None),
        ("/w/conftest", None),
    ],
)
def test_a_module_is_named_by_where_it_is_built(output: str, module: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTURE_CRATES", "orjson=orjson.orjson")
    assert capture.module_name(output) == module


def test_a_part_has_another_key_when_what_it_is_made_from_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def keys(*parts: Part, target: Target = GLIBC_X86) -> tuple[str, str]:
        builder = cache.Builder(target, parts)
        return builder.key("tools"), builder.key("zlib")

    tools, zlib = Part("tools"), Part("zlib", "zlib", ("tools",))
    first = keys(tools, zlib)
    assert keys(tools, zlib) == first
    assert keys(tools, zlib._replace(spare=("x",))) == (first[0], keys(tools, zlib._replace(spare=("x",)))[1]) != first
    assert all(a != b for a, b in zip(keys(tools._replace(inputs=("LICENSE",)), zlib), first, strict=True))
    other = keys(tools, zlib, target=Target("aarch64", "glibc"))
    assert other[0] != first[0]
    assert other[1] != first[1]
    assert keys(tools._replace(host=True), zlib, target=Target("aarch64", "glibc"))[0] == keys(tools._replace(host=True), zlib)[0]


def test_a_module_that_does_not_compile_fails_the_packing(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "broken.py").write_text("def f(:\n")
    plan = {"modules": [str(tmp_path / "modules")], "files": {}, "extensions": [], "version": "1", "out": str(tmp_path)}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run([sys.executable, pack.__file__, str(tmp_path / "plan.json")], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "SyntaxError" in done.stderr


def test_what_is_left_out_by_name_or_pattern_is_not_packed(tmp_path: Path) -> None:
    for name in (
        "fairlead/_native/__init__",
        "fairlead/_native/kept",
        "fairlead/_native/kept_pure",
        "packaging/licenses/spdx",
        "packaging/version",
    ):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert [module.name for module in pack._modules(tmp_path)] == ["fairlead._native", "fairlead._native.kept", "packaging.version"]


def test_a_file_that_needs_more_than_the_old_glibc_is_refused() -> None:
    with pytest.raises(BuildError, match=r"needs libtinfo\S*; only glibc's own libraries are allowed.*above 2\.17"):
        check.check(Path("/bin/bash"), GLIBC_X86)


def test_a_kind_without_a_recipe_is_told(tmp_path: Path) -> None:
    assert Target("s390x", "musl") not in KINDS
    done = subprocess.run(["build/binary", "--arch", "s390x", "--libc", "musl"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no recipe for s390x with musl; allowed are x86_64 with glibc, x86_64 with musl, aarch64 with glibc" in done.stderr


def test_what_differs_between_two_files_is_told_by_section(tmp_path: Path) -> None:
    files = []
    for word in ("one", "two"):
        source = tmp_path / f"{word}.c"
        source.write_text(f'#include <stdio.h>\nint main(void) {{ return puts("{word}") < 0; }}\n')
        files.append(tmp_path / word)
        subprocess.run(["gcc", "-Wl,--build-id=none", "-o", str(files[-1]), "-x", "c", str(source)], check=True)
    assert compare.differences(files[0], files[0]) == []
    told = [line for line in compare.differences(*files) if line.startswith(".rodata:")]
    assert len(told) == 1
    assert "b'one" in told[0].replace("\\x01\\x00\\x02\\x00", "")
