"""Packs compiled Python and files into the archive that the launcher carries. Run by the very interpreter that the file holds.

Every module goes in as marshalled code; one that does not compile fails the build. What no command imports is left out by name.
"""

import json
import marshal
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
FROZEN = ("encodings", "encodings.aliases", "encodings.utf_8")
"""What the interpreter imports before the importer is there."""
_ALIGN = 16

_NAMES = [name for line in (HERE / "left-out.txt").read_text().splitlines() if not line.startswith("#") for name in line.split()]
LEFT_OUT = frozenset(name for name in _NAMES if "*" not in name)
LEFT_OUT_PATTERNS = tuple(name for name in _NAMES if "*" in name)


class Module(NamedTuple):
    """A module's file; `package` says whether it is one."""

    name: str
    file: Path
    package: bool


def main(plan_file: str) -> None:
    """Read the plan (JSON: folders of `modules`, `files` by name, names of `extensions`, `version`, folder `out`) and write the archive."""
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
        if not name or any(_left_out(".".join(parts[: i + 1])) for i in range(len(parts))):
            continue
        if all(part.isidentifier() for part in parts):
            yield Module(name, file, package)


def _left_out(name: str) -> bool:
    return name in LEFT_OUT or any(fnmatchcase(name, pattern) for pattern in LEFT_OUT_PATTERNS)


def _compiled(module: Module) -> bytes:
    shown = f"/proc/self/onefile/{module.name.replace('.', '/')}{'/__init__' if module.package else ''}.py"
    return marshal.dumps(compile(module.file.read_bytes(), shown, "exec", dont_inherit=True, optimize=0))


def _table(rows: list[str], extensions: list[str], version: str) -> str:
    frozen = ", ".join(json.dumps(name) for name in FROZEN)
    inits = {name: f"PyInit_{name.replace('.', '__')}" for name in extensions}
    return "\n".join(
        (
            f'#define VERSION "{version}"',
            "static const Entry ENTRIES[] = {", *rows, "};",
            f"static const char *const FROZEN[] = {{{frozen}}};",
            *(f"extern PyObject *{init}(void);" for init in inits.values()),
            "static struct _inittab EXTENSIONS[] = {", *(f'{{"{name}", {init}}},' for name, init in inits.items()), "{NULL, NULL},", "};\n",
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
