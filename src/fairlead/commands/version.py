"""`fairlead version`: what this program is, what it was built from, and what is loaded."""

import importlib
import json
import os
import pkgutil
import platform
import sys
from importlib import resources
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import click

import fairlead
from fairlead import _native


def native_modules() -> list[str]:
    """Return the names of the compiled kernels; each is imported, so a broken build fails here and not in silence."""
    names = [module.name for module in pkgutil.iter_modules(_native.__path__) if not module.name.endswith("_pure")]
    for name in names:
        loaded = importlib.import_module(f"fairlead._native.{name}")
        assert str(loaded.__file__).endswith(tuple(EXTENSION_SUFFIXES)), f"{name} is not compiled"
    return names


def build_info() -> dict[str, Any]:
    """Return what the build wrote beside the package: the commit, or `unknown`."""
    file = resources.files(fairlead) / "build_info.json"
    info: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"commit": "unknown"}
    return info


def _cpu_features() -> list[str]:
    wanted = ("sse4_2", "avx2", "avx512bw", "avx512vl", "pclmulqdq", "asimd", "crc32")
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
            line = next((line for line in stream if line.startswith(("flags", "Features"))), "")
    except OSError:
        return []
    present = set(line.split())
    return [feature for feature in wanted if feature in present]


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Tell the version, what it was built from and what is loaded."""
    info = {
        "version": fairlead.__version__,
        **build_info(),
        "python": platform.python_version(),
        "libc": os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else "unknown",
        "platform": f"{sys.platform}-{platform.machine()}",
        "cpu_features": _cpu_features(),
        "native": native_modules(),
    }
    if as_json:
        click.echo(json.dumps(info))
        return
    for key, value in info.items():
        click.echo(f"{key + ':':<14}{' '.join(value) if isinstance(value, list) else value}")
