"""The command line of the one-file build."""

import argparse
import sys

from onefile.cache import Builder
from onefile.errors import BuildError
from onefile.target import KINDS, Target


def main() -> int:
    """Build what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="build/binary", description="Build the one file and check it.")
    parser.add_argument("--arch", default="x86_64", help="the processor, as `uname -m` says it")
    parser.add_argument("--libc", default="glibc", choices=("glibc", "musl"))
    arguments = parser.parse_args()
    target = Target(arguments.arch, arguments.libc)
    try:
        if target not in KINDS:
            raise BuildError(f"no recipe for {target.arch} with {target.libc} yet; allowed are {', '.join(f'{k.arch} with {k.libc}' for k in KINDS)}")
        builder = Builder(target)
        builder.build()
    except BuildError as error:
        print(f"build/binary: {error}", file=sys.stderr)
        return 2
    return 0
