"""`json`: lines of JSON decoded into a typed model that is checked, and encoded again."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from fairlead.bench.cache import cache_folder
from fairlead.bench.case import Case, Contender, Goal, Programs
from fairlead.bench.json_events import event_lines

EVENTS = 200_000
_GO, _OURS, _PYTHON = "Go encoding/json", "fairlead, msgspec", "Python json and dataclasses"


def make_file() -> Path:
    """Return a file of EVENTS events, a JSON object a line; made once and kept."""
    file = cache_folder() / f"bench-events-{EVENTS}.ndjson"
    if not file.exists():
        with NamedTemporaryFile(dir=file.parent, delete=False) as stream:
            stream.writelines(event_lines(EVENTS))
        Path(stream.name).replace(file)
    return file


def _contenders(programs: Programs) -> Sequence[Contender]:
    file = str(make_file())
    return [
        Contender(_OURS, "fairlead", programs.ours("bench", "work", "json", "msgspec", file)),
        Contender(_PYTHON, "python", programs.ours("bench", "work", "json", "python", file)),
        programs.go(_GO, "jsonmodel", file),
    ]


CASE = Case(
    "json",
    "decode a line of JSON to a typed model and encode it",
    "events",
    EVENTS,
    _contenders,
    _GO,
    (Goal(_OURS, _GO, "kernel_s", 1), Goal(_OURS, _PYTHON, "kernel_s", 2)),
)
