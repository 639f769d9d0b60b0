#!/usr/bin/env python3
"""Fetches the page's library from npm by its locked hash: `fetch.py OUT` fills OUT/assets.

npm is the machine's, or the one that build/lock/node.txt pins.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE_LIBRARY = ("dist/uPlot.esm.js", "dist/uPlot.min.css")
NAMED = ("package.json", "package-lock.json")


def fetch(out: Path) -> Path:
    """Return the folder of the library below OUT/assets, fetched where the lock has changed; CalledProcessError where npm fails."""
    folder = out.resolve() / "assets"
    library, mark = folder / "node_modules" / "uplot", folder / ".locked"
    lock = (HERE / "package-lock.json").read_bytes()
    if not (mark.is_file() and mark.read_bytes() == lock and library.is_dir()):
        npm = shutil.which("npm") or _from_wheel(out.resolve() / "node")
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMED:
            shutil.copyfile(HERE / name, folder / name)
        path = os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")])
        argv = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(argv, cwd=folder, env={**os.environ, "PATH": path}, check=True)
        mark.write_bytes(lock)
    return library


def _from_wheel(folder: Path) -> str:
    """Return the npm that a wheel ships, in an environment of its own; its Python is the one that runs this."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    argv = [programs / "pip", "install", "-q", "--require-hashes", "--no-deps", "-r", HERE.parent / "lock" / "node.txt"]
    subprocess.run(argv, check=True)
    npm = shutil.which("npm", path=programs)
    assert npm, f"no npm in {programs}"
    return npm


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
