"""What a recipe works with: the compiler's wrappers, the places of what it needs, and of its environment only what it may know."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from onefile.parts import Part
from onefile.target import HOST

if TYPE_CHECKING:
    from onefile.cache import Builder

HERE = Path(__file__).parent
CFLAGS = "-O2 -fPIC -g0 -ffunction-sections -fdata-sections"
_PASSED = re.compile(r"^(PIP_\w+|\w+_proxy|\w+_PROXY|SSL_CERT_FILE|CARGO_(HOME|REGISTRIES\w*|NET\w*)|HOME|LANG)$")
"""What of the caller's environment a recipe sees: how registries are reached."""


def environment(builder: "Builder", part: Part, work: Path, out: Path) -> dict[str, str]:
    """Return what a recipe sees; the compiler wrappers are written into `work`.

    They are called by their bare names, and paths are mapped: what is built must not tell where it was built.
    """
    tools, python = builder.result("tools"), builder.result("python")
    names = _write_wrappers(work / "wrappers", tools, builder.cache)
    native = builder.host is builder
    return {
        **{name: value for name, value in os.environ.items() if _PASSED.match(name)},
        **builder.target.environment,
        **{f"DEP_{need.upper()}": str(builder.result(need)) for need in part.needs},
        **{name.upper(): name for name in names},
        "PATH": f"{work}/wrappers:{tools}/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "CFLAGS": CFLAGS, "LDFLAGS": "", "JOBS": str(os.cpu_count() or 2), "OUT": str(out), "CHECKOUT": str(HERE.parents[1]),
        "NEEDS": " ".join(str(builder.result(need)) for need in part.needs if need not in ("tools", "python")),
        "PYTHON": f"{builder.host.result('python')}/bin/python3.13", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(tools) if native else f"{tools}:{python}/sysconfig", "TARGET_PYTHON": str(python),
        "NATIVE": "1" if native else "",
        "HOST_TRIPLE": HOST.triple, "HOST_RUST": HOST.environment["TARGET_RUST"],
        "CAPTURE_DIR": str(out / "objects"), "CAPTURE_CRATES": "orjson=orjson.orjson",
        "BINUTILS_LD": f"{builder.target.binutils}ld", "BINUTILS_OBJCOPY": f"{builder.target.binutils}objcopy",
        "ZIG_GLOBAL_CACHE_DIR": str(builder.cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
        "SOURCE_DATE_EPOCH": "0", "LC_ALL": "C.UTF-8", "TMPDIR": str(work),
    }  # fmt: skip


def _write_wrappers(folder: Path, tools: Path, cache: Path) -> list[str]:
    """Write the compiler's names: cc, cxx, ar, ranlib, and the same that capture what they link."""
    zig, capture = f"{tools}/ziglang/zig", f"python3 -I {HERE}/capture.py"
    options = f'-target "$TARGET_ZIG" -fno-sanitize=undefined -Wno-date-time -ffile-prefix-map={cache}=/fairlead'
    commands = {
        "cc": f"{zig} cc {options}",
        "cxx": f"{zig} c++ {options}",
        "ar": f"{zig} ar",
        "ranlib": f"{zig} ranlib",
        "capture_cc": f"{capture} {zig} cc {options} --",
        "capture_cxx": f"{capture} {zig} c++ {options} --",
        "capture_rust": f"{capture} gcc --",
    }
    folder.mkdir(exist_ok=True)
    for name, command in commands.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (folder / name).chmod(0o755)
    return list(commands)
