"""A compiler driver that also keeps what it links: each `-shared` link is done a second time as one relocatable object.

Called as `capture.py DRIVER... -- ARGS...`. Of `-o .../pkg/mod.so` it leaves $CAPTURE_DIR/pkg.mod.o, in which PyInit_mod is the only global
symbol and is named PyInit_pkg__mod: objects of many modules can then be linked into one file without their names meeting. Static
libraries on the command line are folded in for what is needed of them.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_OBJECT = re.compile(r"\.(o|os|a|rlib|lo)$")
_HOST_ONLY = re.compile(r"--target=|-m64$")  # cc-rs and cargo name the target in clang's words; zig has its own


def main() -> int:
    """Run the driver, and capture what it linked; return its exit code."""
    split = sys.argv.index("--")
    driver, arguments = sys.argv[1:split], sys.argv[split + 1 :]
    if any("zig" in word for word in driver):
        arguments = [argument for argument in arguments if not _HOST_ONLY.match(argument)]
    expanded = list(_expanded(arguments))
    module = module_name(os.path.abspath(_output(expanded))) if {"-shared", "-o"} <= set(expanded) else None
    if module and module in _crates().values() and not os.environ["NATIVE"]:
        # This machine's linker cannot link what cargo built for another one: the object stands in its place.
        shutil.copyfile(_capture(module, expanded), _output(expanded))
        return 0
    code = subprocess.run([*driver, *arguments], check=False).returncode
    if code == 0 and module:
        _capture(module, expanded)
    return code


def _expanded(arguments: Sequence[str]) -> Iterator[str]:
    for argument in arguments:
        if argument.startswith("@"):
            yield from _expanded(shlex.split(Path(argument[1:]).read_text()))
        else:
            yield argument


def _output(arguments: Sequence[str]) -> str:
    return arguments[arguments.index("-o") + 1]


def _crates() -> dict[str, str]:
    return dict(pair.split("=") for pair in os.environ.get("CAPTURE_CRATES", "").split())


def _capture(module: str, arguments: Sequence[str]) -> Path:
    folders = re.findall(r"^-L\n?(.+)$", "\n".join(arguments), re.MULTILINE)
    objects = [argument for argument in arguments if _OBJECT.search(argument) and not argument.startswith("-")]
    for library in (argument[2:] for argument in arguments if argument.startswith("-l")):
        found = next((path for folder in folders if (path := Path(folder, f"lib{library}.a")).exists()), None)
        if found:
            objects.append(str(found))
    init = f"PyInit_{module.rpartition('.')[2]}"
    target = Path(os.environ["CAPTURE_DIR"], f"{module}.o")
    draft = target.with_suffix(".draft")
    link = [os.environ["BINUTILS_LD"], "-r", "-o", str(draft), "-u", init, "--gc-sections", "--force-group-allocation", "-S"]
    if os.environ["TARGET_ARCH"] == "riscv64":
        # Else it thins out .eh_frame and leaves relocations to what is gone, which the last link refuses.
        link.append("--traditional-format")
    subprocess.run([*link, "--start-group", *objects, "--end-group"], check=True)
    rename = [f"--keep-global-symbol={init}", "--strip-debug", "-R", ".note.GNU-stack"]
    subprocess.run([os.environ["BINUTILS_OBJCOPY"], *rename, str(draft)], check=True)
    unique = f"PyInit_{module.replace('.', '__')}"
    subprocess.run([os.environ["BINUTILS_OBJCOPY"], "--redefine-sym", f"{init}={unique}", str(draft), str(target)], check=True)
    draft.unlink()
    return target


def module_name(output: str) -> str | None:
    """Return the dotted name of a module from where it is built, or None for what is no module (a build script, a macro of cargo)."""
    if match := re.search(r"/lib\.[^/]*cpython-\d+/(.*?)\.[^/]*so$", output):
        return match[1].replace("/", ".")
    if match := re.search(r"/deps/lib([^/.]+)\.so$", output):
        return _crates().get(match[1])
    return None


if __name__ == "__main__":
    sys.exit(main())
