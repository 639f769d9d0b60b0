"""What a module of the standard library holds on an operating system, by typeshed, whose stubs say so with `if sys.platform == ...`."""

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import mypy

STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"


def names(module: str, platform: str) -> set[str]:
    """Return the names that a module defines on a platform, by its stub alone: what it imports does not count."""
    file = STUBS / f"{module.replace('.', '/')}.pyi"
    if not file.exists():
        file = STUBS / module.replace(".", "/") / "__init__.pyi"
    return set(_defined(ast.parse(file.read_text()).body, platform))


def imported(source: Path) -> set[str]:
    """Return the modules of the standard library that the files below a folder import."""
    found: set[str] = set()
    for file in source.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return {name for name in found if name.partition(".")[0] in sys.stdlib_module_names}


def _defined(body: Sequence[ast.stmt], platform: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.If():
                yield from _defined(node.body if _holds(node.test, platform) else node.orelse, platform)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _holds(test: ast.expr, platform: str) -> bool:
    """Tell whether a condition of a stub holds; typing's specification bounds what they are."""
    values = {"sys": type("sys", (), {"platform": platform, "version_info": sys.version_info}), "TYPE_CHECKING": True}
    return bool(eval(compile(ast.Expression(test), "stub", "eval"), {"__builtins__": {}}, values))
