"""What `logs:`, `redact:` and `multiline:` ask of this host: a part of preflight.py."""

import re
import sys
from collections.abc import Iterator, Sequence

import msgspec

from fairlead.commands.settings import AgentSettings, CollectSettings, UpSettings
from fairlead.core.errors import Finding
from fairlead.core.findings import Located, Path_
from fairlead.core.system import system
from fairlead.logs.backtracking import slow_line
from fairlead.logs.discover import Found, discover
from fairlead.logs.settings import LogInput


def check_logs(settings: UpSettings | AgentSettings | CollectSettings, located: Located) -> Iterator[Finding]:
    """Yield what keeps the files of `logs:` from being found or followed."""
    if isinstance(settings, CollectSettings):
        return
    files: set[str] = set()
    absolute: list[LogInput] = []
    for index, log_input in enumerate(settings.logs):
        patterns = [pattern for pattern in log_input.paths if pattern.startswith("/")]
        for place, pattern in enumerate(log_input.paths):
            key: Path_ = ("logs", index, "paths", place)
            if pattern not in patterns:
                yield located.finding(key, f"{pattern} is not absolute", "a path or glob that begins with /")
                continue
            found = discover(msgspec.structs.replace(log_input, paths=[pattern]), ())
            files.update(one.path for one in found)
            # Of the paths that nobody wrote, a host has some.
            if not found and key in located.values:
                yield located.finding(key, f"{pattern} matches no file now", severity="warning")
            yield from _check_problems(found, key, located)
        if patterns:
            absolute.append(msgspec.structs.replace(log_input, paths=patterns))
    yield from _check_limits(len(files), absolute, located)


def _check_problems(found: Sequence[Found], key: Path_, located: Located) -> Iterator[Finding]:
    """Yield what keeps files from being followed, each kind of problem once."""
    paths: dict[str, list[str]] = {}
    for one in found:
        if one.problem:
            paths.setdefault(one.problem, []).append(one.path)
    for told, those in paths.items():
        problem, _, remedy = told.partition("; ")
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        yield located.finding(key, f"{those[0]}{more} {problem}", remedy, "warning")


def _check_limits(files: int, log_inputs: Sequence[LogInput], located: Located) -> Iterator[Finding]:
    if sys.platform == "linux":
        from fairlead.commands.preflight_inotify import check_inotify

        yield from check_inotify(log_inputs, located)
    descriptors = system.descriptor_limit()
    if descriptors is not None and files + 64 > descriptors:
        yield located.finding(
            ("logs",),
            f"{files} files match, and this user may open {descriptors}: those idle for longest are closed between their writes",
            f"ulimit -n {2 * files} keeps what is deleted while it is open",
            "warning",
        )


def check_patterns(settings: UpSettings | AgentSettings | CollectSettings, located: Located) -> Iterator[Finding]:
    """Yield what is wrong with the regular expressions, and those that could go astray."""
    if isinstance(settings, CollectSettings):
        return
    for index, pattern in enumerate(settings.redact):
        try:
            matches_nothing = re.compile(pattern).match("") is not None
        except re.error as error:
            yield located.finding(("redact", index), f"not a regular expression: {error}")
            continue
        if matches_nothing:
            yield located.finding(("redact", index), "matches the empty text", "a pattern that matches something", "warning")
        yield from _check_backtracking(pattern, ("redact", index), located)
    for index, log_input in enumerate(settings.logs):
        if log_input.multiline is not None:
            # That it is one is asked as the file is decoded.
            yield from _check_backtracking(log_input.multiline.start, ("logs", index, "multiline", "start"), located)


def _check_backtracking(pattern: str, key: Path_, located: Located) -> Iterator[Finding]:
    line = slow_line(pattern)
    if line is not None:
        yield located.finding(
            key, f"takes too long on a line such as {line[:20]!r}...: all else would wait", "no repetition within a repetition", "warning"
        )
