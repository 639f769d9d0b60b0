"""The entry point: answers `--version` at once, does what is measured with little around it, and hands all else to the command table."""

import gc
import sys

_START_UP_ALLOCATIONS = 100_000
"""What is imported stays: collections during start-up find nothing. `runtime.run` sets the interpreter's own threshold again."""


def main() -> int:
    """Run the command line in `sys.argv` and return its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from fairlead import __version__

        sys.stdout.write(f"fairlead {__version__}\n")
        return 0
    if sys.argv[1:3] == ["bench", "prime"]:
        from fairlead.bench.prime import run_plain

        if (code := run_plain(sys.argv[3:])) is not None:
            return code
    gc.set_threshold(_START_UP_ALLOCATIONS)
    from fairlead.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
