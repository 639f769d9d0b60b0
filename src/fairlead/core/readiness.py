"""Readiness as the parts of a running program tell it, in the manner of Kubernetes' `/readyz?verbose`."""

from collections.abc import Callable

Check = Callable[[], str]
"""Returns an empty string when all is well, else the reason in a line."""


class Readiness:
    """Named checks; a part registers its own and the page and `/readyz` ask them all."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Register a check under a name such as `store`."""
        self._checks[name] = check

    def problems(self) -> dict[str, str]:
        """Return the reason for each check by name; an empty string where all is well."""
        return {name: check() for name, check in self._checks.items()}

    def report(self) -> tuple[bool, str]:
        """Return whether all is well, and the verbose text: `[+]NAME ok` or `[-]NAME failed: REASON` a line."""
        problems = self.problems()
        ready = not any(problems.values())
        lines = [f"[-]{name} failed: {reason}" if reason else f"[+]{name} ok" for name, reason in problems.items()]
        return ready, "\n".join([*lines, f"readyz check {'passed' if ready else 'failed'}"]) + "\n"
