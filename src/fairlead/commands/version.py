"""`fairlead version`: what this program is, what it was built from, and what is loaded."""

import importlib
import json
import pkgutil
import platform
import sys
from collections.abc import Iterator
from importlib import resources
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import click

import fairlead
from fairlead import _native
from fairlead._native import cpu
from fairlead.core.errors import UsageError
from fairlead.core.system import system

_KERNELS = "fairlead._native."


def native_modules() -> list[str]:
    """Return the names of the compiled kernels; each is imported, so a broken build fails here and not in silence."""
    linked = sorted(name.removeprefix(_KERNELS) for name in sys.builtin_module_names if name.startswith(_KERNELS))
    names = linked or [module.name for module in pkgutil.iter_modules(_native.__path__) if not module.name.endswith("_pure")]
    for name in names:
        loaded = importlib.import_module(_KERNELS + name)
        assert linked or str(loaded.__file__).endswith(tuple(EXTENSION_SUFFIXES)), f"{name} is not compiled"
    return names


def build_info() -> dict[str, Any]:
    """Return what the build wrote beside the package: the commit, or `unknown`; in the one file also its kind and inputs."""
    file = resources.files(fairlead) / "build_info.json"
    info: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"commit": "unknown"}
    return info


def license_texts() -> Iterator[str]:
    """Yield the licences of all that is inside; from source, of the distributions that are installed."""
    file = resources.files(fairlead) / "licenses.txt"
    if file.is_file():
        yield file.read_text(encoding="utf-8")
        return
    from importlib.metadata import distributions

    for distribution in sorted(distributions(), key=lambda one: one.name.lower()):
        texts = [
            path for path in distribution.files or () if path.match("*.dist-info/**/LICEN[CS]E*") or path.match("*.dist-info/LICEN[CS]E*")
        ]
        yield f"{distribution.name} {distribution.version}\n\n" + "\n".join(path.read_text() for path in texts)


def _libc() -> str:
    """Return the C library in use with its version; musl, which is inside the static file, does not tell its own."""
    return system.libc_version() or ("musl" if build_info().get("libc_kind") == "musl" else "unknown")


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every input of the build.")
@click.option("--licenses", is_flag=True, help="Print the licences of everything inside.")
def command(as_json: bool, licenses: bool) -> None:
    """Tell the version, what it was built from and what is loaded."""
    if as_json and licenses:
        raise UsageError("--json and --licenses exclude each other; give one")
    if licenses:
        for text in license_texts():
            click.echo(text)
        return
    info = {
        "version": fairlead.__version__,
        **build_info(),
        "python": platform.python_version(),
        "libc": _libc(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "cpu_features": cpu.features(),
        "native": native_modules(),
    }
    if as_json:
        click.echo(json.dumps(info))
        return
    for key, value in info.items():
        if key != "inputs":
            click.echo(f"{key + ':':<14}{' '.join(value) if isinstance(value, list) else value}")
