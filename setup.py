"""Builds native/*.pyx into fairlead._native.*, and puts the page's library into the package; everything else stands in pyproject.toml."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

OUT = Path("build/out")
LINUX = {"lastsignal", "oscalls", "procparse"}
"""Kernels that no other system can compile; what imports them runs on Linux only."""
LIBRARIES = {"compress": ["lz4", "zstd"], "kafkabatch": ["lz4", "zstd"]}
FLAGS = ["-O3", "-Wall", "-Wno-unused-function", *(["-fno-plt"] if sys.platform == "linux" else [])]

kernels = [pyx for pyx in sorted(Path("native").glob("*.pyx")) if sys.platform == "linux" or pyx.stem not in LINUX]
extensions = [
    Extension(
        f"fairlead._native.{pyx.stem}",
        [str(pyx)],
        include_dirs=["native/include"],
        libraries=LIBRARIES.get(pyx.stem, []),
        extra_compile_args=FLAGS,
        depends=[str(header) for header in Path("native/include").glob("*.h")],
    )
    for pyx in kernels
]


def add_made(package: Path, source: Path) -> None:
    """Put into a copy of the package what its source does not hold: the page's library and the commit."""
    vendor = package / "web" / "static" / "vendor"
    if not (vendor / "uPlot.LICENSE").is_file():
        fetched = runpy.run_path("build/assets/fetch.py")
        library = fetched["fetch"](OUT)
        vendor.mkdir(parents=True, exist_ok=True)
        for name in fetched["PAGE_LIBRARY"]:
            shutil.copy(library / name, vendor)
        shutil.copyfile(library / "LICENSE", vendor / "uPlot.LICENSE")
    told = package / "build_info.json"
    if not told.is_file() and (source / ".git").exists() and shutil.which("git"):
        argv = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        commit = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
        if commit:
            told.write_text(json.dumps({"commit": commit}) + "\n")


class BuildPackage(build_py):
    """The package as it is installed; what an earlier build left there and the source no longer has is removed first."""

    def run(self) -> None:
        package = Path(self.build_lib) / "fairlead"
        for file in [file for file in package.rglob("*") if file.is_file() and not self._is_kernel(file)]:
            file.unlink()
        super().run()
        if not self.editable_mode:
            add_made(package, Path())

    def _is_kernel(self, file: Path) -> bool:
        return file.suffix in (".so", ".pyd") and file.name.partition(".")[0] in {pyx.stem for pyx in kernels}


class SourceArchive(sdist):
    """The source archive: what is fetched is inside, so that building from it takes no npm."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, [file for file in files if not Path(file).is_relative_to(OUT)])
        add_made(Path(base_dir) / "src" / "fairlead", Path())


OUT.mkdir(parents=True, exist_ok=True)
directives = {"language_level": 3, "autotestdict": False, "auto_pickle": False}
setup(
    ext_modules=cythonize(extensions, build_dir=str(OUT / "cython"), compiler_directives=directives, quiet=True),
    cmdclass={"build_py": BuildPackage, "sdist": SourceArchive},
    options={
        "build": {"build_base": str(OUT / "setuptools")},
        "build_ext": {"parallel": os.cpu_count()},
        "egg_info": {"egg_base": str(OUT)},
    },
)
