"""What the one file asks of the host's loader, by readelf; and that the build's own check refuses a file that asks for more."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.kind import kind_of
from tests.rig.emulation import machine_of

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1", "riscv64": "ld-linux-riscv64-lp64d.so.1"}
GLIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"}
FLOORS = {"x86_64": (2, 17), "aarch64": (2, 17), "riscv64": (2, 27)}
"""glibc's first release for riscv64 was 2.27."""


def readelf(option: str, file: Path) -> str:
    return subprocess.run(["readelf", "--wide", option, str(file)], capture_output=True, text=True, check=True).stdout


@pytest.mark.kind("glibc")
def test_only_glibc_is_needed(binary: Path) -> None:
    assert set(re.findall(r"Shared library: \[(.*)\]", readelf("--dynamic", binary))) <= GLIBC | {LOADERS[machine_of(binary)]}


@pytest.mark.kind("glibc")
def test_no_symbol_is_newer_than_the_floor(binary: Path) -> None:
    told = readelf("--version-info", binary)
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"Name: GLIBC_([\d.]+)", told)}
    assert max(versions) <= FLOORS[machine_of(binary)]
    assert {name.partition("_")[0] for name in re.findall(r"Name: (\S+)", told)} == {"GLIBC"}


@pytest.mark.kind("glibc")
def test_every_symbol_that_must_be_there_has_a_version_of_glibc(binary: Path) -> None:
    undefined = re.findall(r"(GLOBAL|WEAK) +\w+ +UND (\S+)", readelf("--dyn-syms", binary))
    assert len(undefined) > 100
    assert not [name for bind, name in undefined if bind == "GLOBAL" and "@GLIBC_" not in name]


@pytest.mark.kind("static")
def test_the_static_file_needs_no_library_and_no_loader(binary: Path) -> None:
    assert "(NEEDED)" not in readelf("--dynamic", binary)
    assert "INTERP" not in readelf("--segments", binary)
    assert not re.search(r"(GLOBAL|WEAK) +\w+ +UND \S+", readelf("--dyn-syms", binary))


def test_the_loader_finds_neither_a_search_path_nor_an_executable_stack(binary: Path) -> None:
    dynamic = readelf("--dynamic", binary)
    assert not re.search("RPATH|RUNPATH|TEXTREL", dynamic)
    [stack] = re.findall(r"GNU_STACK.*", readelf("--segments", binary))
    assert " RW " in stack
    assert not re.search(r"LOAD.* RWE ", readelf("--segments", binary))


def test_the_build_s_check_takes_the_file(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "build")
    from onefile import check
    from onefile.target import Target

    check.check(binary, Target(machine_of(binary), "glibc" if "glibc" in kind_of(binary) else "musl"))


def test_the_build_s_check_refuses_what_asks_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "build")
    from onefile import check
    from onefile.errors import BuildError
    from onefile.target import KINDS

    wrong = tmp_path / "wrong"
    (tmp_path / "wrong.c").write_text("int main(void) { return 0; }\n")
    options = ["-Wl,-rpath,/opt/lib", "-Wl,-z,execstack"]
    subprocess.run(["gcc", "-o", str(wrong), str(tmp_path / "wrong.c"), *options], check=True, capture_output=True)
    with pytest.raises(BuildError, match=r"symbols above 2\.17: __libc_start_main@GLIBC_2\.34.*has RUNPATH; has an executable stack"):
        check.check(wrong, KINDS[0])
    with pytest.raises(BuildError, match=r"needs libtinfo\.so\.6; only glibc's own libraries are allowed.*needs glibc symbols above"):
        check.check(Path("/bin/bash"), KINDS[0])
