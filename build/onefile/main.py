"""The command line of the one-file build."""

import argparse
import sys
import time

from onefile import sources
from onefile.assemble import assemble, path_of
from onefile.cache import Builder, cache_folder
from onefile.errors import BuildError
from onefile.target import KINDS, Target


def main() -> int:
    """Build what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="build/binary", description="Build the one file and check it.")
    parser.add_argument("--arch", default="x86_64", help="the processor, as `uname -m` says it")
    parser.add_argument("--libc", default="glibc", choices=("glibc", "musl"), help="musl: a static file that needs no C library")
    parser.add_argument("--print-path", action="store_true", help="say where the file is put, and build nothing")
    parser.add_argument("--lock", action="store_true", help="move the pins of Debian sources to what the mirror serves, and build nothing")
    arguments = parser.parse_args()
    target = Target(arguments.arch, arguments.libc)
    try:
        if target not in KINDS:
            raise BuildError(f"no recipe for {target.arch} with {target.libc}; allowed are {', '.join(map(' with '.join, KINDS))}")
        if arguments.print_path:
            print(path_of(target))
            return 0
        if arguments.lock:
            sources.move(cache_folder() / "sources")
            return 0
        builder = Builder(target)
        begin = time.monotonic()
        builder.build()
        file = assemble(builder)
    except BuildError as error:
        print(f"build/binary: {error}", file=sys.stderr)
        return 2
    took = time.monotonic() - begin
    print(f"build/binary: {file} ({file.stat().st_size / 1e6:.1f} MB) in {took:.0f} s", file=sys.stderr)
    return 0
