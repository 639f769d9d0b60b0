"""`build/dev bench [SCENARIO...]`: runs scenarios (no name: all) and writes their figures to bench/RESULTS.md."""

import importlib
import pkgutil
import sys

from bench import report, scenarios


def main() -> int:
    """Run what the command line names."""
    known = sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__))
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        print(f"bench: no scenario {', '.join(sorted(unknown))}; allowed are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in chosen:
        print(f"bench: {name}", file=sys.stderr)
        report.wait_until_quiet()
        measured_on = report.machine()
        section = importlib.import_module(f"bench.scenarios.{name}").measure()
        report.write(section, measured_on)
        for row in section.rows:
            print("  " + "  ".join(row))
        for goal in section.goals:
            print(f"  {'met ' if goal.met else 'MISSED'} {goal.text}: {goal.figure:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
