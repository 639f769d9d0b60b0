"""The forms that kernels have for vector instructions beside the portable one, in C: here and, by qemu-user, on other processors."""

import functools
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INCLUDE = HERE.parents[1] / "native" / "include"
CFLAGS = ["-static", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", f"-I{INCLUDE}", f"-I{HERE}"]

KERNELS = ["blocks", "newlines", "json_text", "line_level", "string_end", "sign", "crc32c", "primes"]
MACHINES = {"here": ("gcc", []), "aarch64": ("aarch64-linux-gnu-gcc", ["qemu-aarch64-static"])}
"""Processor -> its compiler, and what runs its programs; qemu-user's has every extension."""
ON_AARCH64 = {
    **{kernel: {"portable", "neon"} for kernel in ("blocks", "newlines", "json_text", "line_level", "primes")},
    **{kernel: {"neon"} for kernel in ("string_end", "sign")},
    "crc32c": {"portable", "steps", "lanes"},
}
"""Kernel -> its forms; of what is chosen when it is compiled there is no other."""

Outcomes = dict[str, dict[str, dict[int, str]]]
"""Kernel -> form -> size of the text -> digest of what it came to."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forms")


@functools.cache
def outcomes(folder: Path, machine: str, *flags: str) -> Outcomes:
    """Compile forms.c for a processor and run it there, once."""
    compiler, emulator = MACHINES[machine]
    program = folder / "-".join([machine, *flags])
    subprocess.run([compiler, *CFLAGS, *flags, HERE / "forms.c", "-o", program], check=True, timeout=120)
    told = subprocess.run([*emulator, program], stdout=subprocess.PIPE, check=True, text=True, timeout=300).stdout
    found: Outcomes = defaultdict(lambda: defaultdict(dict))
    for line in told.splitlines():
        kernel, form, size, digest = line.split()
        found[kernel][form][int(size)] = digest
    return found


def portable(folder: Path, machine: str) -> Outcomes:
    return outcomes(folder, machine, "-DFAIRLEAD_PORTABLE")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("machine", MACHINES)
def test_every_form_does_what_the_portable_one_does(folder: Path, machine: str, kernel: str) -> None:
    wanted = portable(folder, machine)[kernel]["portable"]
    assert len(wanted) >= 64
    for form, told in outcomes(folder, machine)[kernel].items():
        assert told.keys() == wanted.keys(), form
        assert [size for size in wanted if told[size] != wanted[size]] == [], f"{form} differs at these sizes"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_portable_form_does_the_same_on_every_processor(folder: Path, kernel: str) -> None:
    first, *others = (portable(folder, machine)[kernel] for machine in MACHINES)
    assert set(first) == {"portable"}
    assert [other for other in others if other != first] == []


def test_every_kernel_has_its_form_for_aarch64(folder: Path) -> None:
    assert {kernel: set(forms) for kernel, forms in outcomes(folder, "aarch64").items()} == ON_AARCH64
