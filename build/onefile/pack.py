"""Packs compiled Python and files into the archive that the launcher carries. Run by the very interpreter that the file holds.

Every module goes in as marshalled code; one that does not compile fails the build. What no command imports is left out by name.
"""

import json
import marshal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
FROZEN = ("encodings", "encodings.aliases", "encodings.utf_8")
"""What the interpreter imports before the importer is there."""
_ALIGN = 16

LEFT_OUT = frozenset(
    # the standard library's: tests, tools for developers, what needs a terminal, a display or modules that are not built
    "antigravity cProfile compileall curses dbm doctest idlelib lib2to3 modulefinder nturl2path pdb profile pstats pty py_compile pyclbr "
    "pydoc pydoc_data rlcompleter symtable tabnanny test this timeit tkinter trace tracemalloc turtle turtledemo unittest venv webbrowser "
    "wsgiref xmlrpc zipapp _aix_support _android_support _apple_support _ios_support _osx_support _pyrepl __hello__ __phello__ "
    "asyncio.windows_events asyncio.windows_utils ctypes.macholib multiprocessing.popen_spawn_win32 encodings.mbcs encodings.oem site "
    # third-party: what only documentation or colouring of source needs
    "pygments markdown_it mdurl aiohttp.pytest_plugin aiohttp.test_utils aiohttp.worker uvloop._testbase "
    "click.testing rich._win32_console rich._windows rich._windows_renderer bin "
    # the pure twins of the kernels are their specification, never used to work
    "fairlead._native.linescan_pure fairlead._native.procparse_pure".split()
)


class Module(NamedTuple):
    """A module's file; `package` says whether it is one."""

    name: str
    file: Path
    package: bool


def main(plan_file: str) -> None:
    """Read the plan (JSON: `modules` and `files` as roots, `extra` names to files, `extensions`, `version`, `out`) and write the archive."""
    plan = json.loads(Path(plan_file).read_text())
    out = Path(plan["out"])
    entries: dict[str, tuple[bytes, str]] = {}
    sizes: dict[str, int] = {}
    for root in plan["modules"]:
        for module in _modules(Path(root)):
            entries[module.name] = (_compiled(module), "PACKAGE" if module.package else "MODULE")
    for name, file in {"_importer": "importer.py", "_archive_files": "files.py", "_start": "start.py"}.items():
        entries[name] = (_compiled(Module(name, HERE / "launcher" / file, package=False)), "MODULE")
    for name, file in plan["files"].items():
        entries[f"data:{name}"] = (Path(file).read_bytes(), "DATA")
    blob, rows = bytearray(), []
    for name in sorted(entries, key=str.encode):
        data, kind = entries[name]
        blob.extend(bytes(-len(blob) % _ALIGN))
        rows.append(f'{{"{name}", {len(blob)}u, {len(data)}u, {kind}}},')
        blob.extend(data)
        top = name.removeprefix("data:").partition("." if kind != "DATA" else "/")[0]
        sizes[top] = sizes.get(top, 0) + len(data)
    (out / "archive.bin").write_bytes(blob)
    (out / "table.h").write_text(_table(rows, plan["extensions"], plan["version"]))
    (out / "archive.S").write_text(
        '.section .rodata.archive,"a",@progbits\n.balign 64\n.globl archive_start\narchive_start:\n'
        f'.incbin "{out}/archive.bin"\n.section .note.GNU-stack,"",@progbits\n'
    )
    (out / "sizes.json").write_text(json.dumps(dict(sorted(sizes.items(), key=lambda pair: -pair[1])), indent=1))


def _modules(root: Path) -> Iterator[Module]:
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if package else parts)
        if not name or any(".".join(parts[: i + 1]) in LEFT_OUT for i in range(len(parts))):
            continue
        if all(part.isidentifier() for part in parts):
            yield Module(name, file, package)


def _compiled(module: Module) -> bytes:
    shown = f"/onefile/{module.name.replace('.', '/')}{'/__init__' if module.package else ''}.py"
    return marshal.dumps(compile(module.file.read_bytes(), shown, "exec", dont_inherit=True, optimize=0))


def _table(rows: list[str], extensions: list[str], version: str) -> str:
    inits = {name: f"PyInit_{name.replace('.', '__')}" for name in extensions}
    return "\n".join(
        (
            f'#define VERSION "{version}"',
            "static const Entry ENTRIES[] = {", *rows, "};",
            f"static const char *const FROZEN[] = {{{', '.join(f'\"{name}\"' for name in FROZEN)}}};",
            *(f"extern PyObject *{init}(void);" for init in inits.values()),
            "static struct _inittab EXTENSIONS[] = {", *(f'{{"{name}", {init}}},' for name, init in inits.items()), "{NULL, NULL},", "};\n",
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
