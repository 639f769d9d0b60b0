"""Puts the parts together: the archive is packed, the launcher compiled, everything linked, and the file checked."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from onefile import check, inventory
from onefile.cache import CHECKOUT, HERE, Builder
from onefile.errors import BuildError
from onefile.target import DEFAULT, Target

OUT = CHECKOUT / "build" / "out"
LAUNCHER = ("main", "init", "floor")
LIBRARIES = ("lz4", "zstd")
"""What several kernels use: it is in the file once, while a library that one module uses is folded into that module's object."""
THREAD_STACK = 8 << 20
"""Bytes of a thread's stack, as glibc gives it; musl gives 128 KiB, too little for the interpreter's own limit of recursion."""


def path_of(target: Target) -> Path:
    """Return where the file of a kind is put, relative to the checkout."""
    return (OUT / f"fairlead-{target.name}").relative_to(CHECKOUT)


def assemble(builder: Builder) -> Path:
    """Return the finished file, build/out/fairlead-KIND; build/out/fairlead is a link to it."""
    if missing := [str(file) for file in inventory.PAGE_LIBRARY if not file.exists()]:
        raise BuildError(f"{missing[0]} is not there; build by `build/dev binary`, which fetches the page's library")
    work = OUT / "onefile" / builder.target.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    extensions = sorted(name for part in builder.parts for name in part.modules)
    objects = [builder.result(part.name) / "objects" / f"{name}.o" for part in builder.parts for name in part.modules]
    version = _version()
    components = inventory.components(builder)
    (work / "build_info.json").write_text(json.dumps(inventory.build_info(builder, version, components)))
    (work / "licenses.txt").write_text(inventory.license_texts(builder, components))
    told = {f"fairlead/{name}": f"{work}/{name}" for name in ("build_info.json", "licenses.txt")}
    plan = {
        "modules": [f"{builder.result('python')}/lib/python3.13", *map(str, inventory.site_folders(builder)), f"{CHECKOUT}/src"],
        "files": {**_static_files(), **inventory.metadata_files(builder), **told},
        "extensions": extensions,
        "version": version,
        "out": str(work),
    }  # fmt: skip
    (work / "plan.json").write_text(json.dumps(plan))
    # Not -I, which ignores PYTHONHASHSEED: the order of a constant set would differ from build to build.
    interpreter = [f"{builder.host.result('python')}/bin/python3.13", "-s", "-P", "-B"]
    _run([*interpreter, str(HERE / "pack.py"), str(work / "plan.json")], {"PYTHONHASHSEED": "0"})
    file = CHECKOUT / path_of(builder.target)
    _link(builder, work, objects, file.with_name(file.name + ".new"))
    check.check(file.with_name(file.name + ".new"), builder.target)
    file.with_name(file.name + ".new").replace(file)
    if builder.target == DEFAULT:
        link = OUT / "fairlead"
        link.unlink(missing_ok=True)
        link.symlink_to(file.name)
    return file


def _link(builder: Builder, work: Path, objects: list[Path], file: Path) -> None:
    zig = [f"{builder.result('tools')}/ziglang/zig", "cc", "-target", builder.target.environment["TARGET_ZIG"], "-fno-sanitize=undefined"]
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(builder.cache / "zig"), "ZIG_LOCAL_CACHE_DIR": str(work / "zig"), "PATH": "/usr/bin:/bin"}
    python = builder.result("python")
    for name in LAUNCHER:
        source = ["-c", str(HERE / "launcher" / f"{name}.c"), "-o", f"{work}/{name}.o"]
        _run([*zig, "-O2", "-fPIC", f"-I{python}/include/python3.13", f"-I{work}", *source], environment)
    _run([*zig, "-c", f"{work}/archive.S", "-o", f"{work}/archive.o"], environment)
    libraries = [f"{builder.result(name)}/lib/lib{name}.a" for name in LIBRARIES]
    static = []
    if builder.target.libc == "musl":
        static = [f"{builder.result('mimalloc')}/lib/mimalloc.o", "-static", f"-Wl,-z,stack-size={THREAD_STACK}"]
    _run(
        [*zig, "-o", str(file), *(f"{work}/{name}.o" for name in (*LAUNCHER, "archive")), *map(str, objects),
         f"{python}/lib/libpython-whole.a", *libraries, *static, "-Wl,--gc-sections", "-Wl,-z,noexecstack", "-Wl,-z,relro", "-Wl,-s",
         "-lunwind", "-lm", "-ldl", "-lpthread", "-lutil", "-lrt"],
        environment,
    )  # fmt: skip


def _run(argv: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise BuildError(f"{Path(argv[0]).name} {argv[-1]}: {(done.stderr or done.stdout).strip()[-3000:]}")


def _version() -> str:
    match = re.search(r'__version__ = "(.*)"', (CHECKOUT / "src/fairlead/__init__.py").read_text())
    assert match, "no __version__ in src/fairlead/__init__.py"
    return match[1]


def _static_files() -> dict[str, str]:
    """Return the page's files and the library that it loads: name in the archive -> file."""
    root = CHECKOUT / "src"
    files = {str(file.relative_to(root)): str(file) for file in sorted((root / "fairlead/web/static").rglob("*")) if file.is_file()}
    return files | {f"fairlead/web/static/vendor/{file.name}": str(file) for file in inventory.PAGE_LIBRARY}
