"""Finds the CPythons that a wheel is built for."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
_USABLE = "import ensurepip, pathlib, sqlite3, ssl, sysconfig; assert (pathlib.Path(sysconfig.get_path('include')) / 'Python.h').exists()"


def interpreter(version: str) -> str:
    """Return a CPython of a version that makes environments and has headers; AssertionError says what to install where there is none."""
    tried = []
    for file in _candidates(version):
        tried.append(file)
        if subprocess.run([file, "-c", _USABLE], capture_output=True, check=False).returncode == 0:
            return file
    raise AssertionError(
        f"no CPython {version} with venv, sqlite3, ssl and headers (tried: {', '.join(tried) or 'nothing'}); install it: "
        f"apt-get install python{version}-venv python{version}-dev, or where the distribution has none pyenv install {version}"
    )


def _candidates(version: str) -> Iterator[str]:
    name = f"python{version}"
    for folder in os.get_exec_path():
        if (file := shutil.which(name, path=folder)) is not None:
            yield file
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"), reverse=True))
