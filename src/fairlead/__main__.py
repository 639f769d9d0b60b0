"""The entry point: answers `--version` at once and hands everything else to the command table."""

import sys


def main() -> int:
    """Run the command line in `sys.argv` and return its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from fairlead import __version__

        sys.stdout.write(f"fairlead {__version__}\n")
        return 0
    from fairlead.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
