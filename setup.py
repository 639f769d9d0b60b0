"""Builds native/*.pyx into fairlead._native.*; everything else stands in pyproject.toml."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

LIBRARIES = {"compress": ["lz4", "zstd"], "kafkabatch": ["lz4", "zstd"]}

extensions = [
    Extension(
        f"fairlead._native.{pyx.stem}",
        [str(pyx)],
        include_dirs=["native/include"],
        libraries=LIBRARIES.get(pyx.stem, []),
        extra_compile_args=["-O3", "-fno-plt", "-Wall", "-Wno-unused-function"],
        depends=[str(header) for header in Path("native/include").glob("*.h")],
    )
    for pyx in sorted(Path("native").glob("*.pyx"))
]
directives = {"language_level": 3, "autotestdict": False, "auto_pickle": False}
setup(ext_modules=cythonize(extensions, build_dir="build/out/cython", compiler_directives=directives, quiet=True))
