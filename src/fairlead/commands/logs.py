"""`fairlead logs QUERY`: searches and follows the stored lines, also while `fairlead up` runs."""

import difflib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
import msgspec
import orjson

from fairlead.commands.opening import reading
from fairlead.core.errors import UsageError
from fairlead.core.record import ERROR_LEVELS, LEVELS
from fairlead.core.units import Duration
from fairlead.store.interface import LogQuery, RecordId, StoredRecord, to_ecs
from fairlead.store.query import level_name, parse_query

if TYPE_CHECKING:
    from fairlead.store.opensearch.store import OpenSearchStore
    from fairlead.store.sqlite import SqliteStore

TEXT_LIMIT = 1000
_POLL_S = 0.2
_MOST_LINES = 10**9
_NEVER_NS = (1 << 63) - 1
"""The last time that a store can hold; what is asked for beyond it, or as far before 1970, means the same."""
_WORD = "\0"
"""Before a word that begins with a dash: no argument of a process can hold it."""


class _Search(click.Command):
    """Takes `-word` as a word of the query, as it is no option; `--word` is refused, as it is more likely a mistyped one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, with dashed words taken apart from options."""
        return super().parse_args(ctx, list(self._mark_words(ctx, args)))

    def _mark_words(self, ctx: click.Context, args: Sequence[str]) -> Iterator[str]:
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        known = {name: not option.is_flag for option in options for name in option.opts}
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                yield arg
                yield from rest
                return
            name = arg.partition("=")[0] if arg.startswith("--") else arg
            if name in known:
                yield arg
                if name == arg and known[name] and (value := next(rest, None)) is not None:
                    yield value
            elif arg.startswith("--"):
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"did you mean {near[0]}? " if near else ""
                raise click.UsageError(f"No such option: {name}; {meant}words that begin with -- stand behind a -- of its own", ctx)
            else:
                yield _WORD + arg if arg.startswith("-") else arg


@click.command("logs", cls=_Search)
@click.argument("query", nargs=-1, type=click.UNPROCESSED)
@click.option("--follow", "-f", is_flag=True, help="Go on with lines as they are stored.")
@click.option("--since", metavar="TIME", help="RFC 3339, seconds since the epoch, or how long ago: 1h30m.")
@click.option("--until", metavar="TIME", help="As --since.")
@click.option("--file", "files", metavar="GLOB", multiple=True, help="Lines of files whose path matches.")
@click.option("--level", "levels", metavar="NAME", multiple=True, help="Lines of this level, such as error.")
@click.option("--limit", type=click.IntRange(1, _MOST_LINES), help=f"The newest so many lines. Default: {TEXT_LIMIT}, with --json all.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as an ECS object, oldest first.")
@click.option("--state-dir", metavar="DIR", help="Where the store lives. Default: as fairlead up.")
@click.option("--config", "-c", "config_file", metavar="FILE", help="The store that fairlead collect -c FILE writes to.")
def command(
    query: tuple[str, ...],
    follow: bool,
    since: str | None,
    until: str | None,
    files: tuple[str, ...],
    levels: tuple[str, ...],
    limit: int | None,
    as_json: bool,
    state_dir: str | None,
    config_file: str | None,
) -> int:
    """Search the stored log lines.

    QUERY: words are ANDed; "..." is a phrase; -word excludes; file:GLOB, host:NAME and level:NAME restrict. Empty matches all.
    """
    words = " ".join(word.removeprefix(_WORD) for word in query)
    asked = parse_query(words, _time_ns(since, "--since"), _time_ns(until, "--until"))
    _hint_at_unknown(asked.levels)
    asked = msgspec.structs.replace(asked, files=asked.files + files, levels=asked.levels + tuple(map(_level, levels)))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    show = _json_line if as_json else _text_line
    with reading(config_file, state_dir) as store:
        mark = store.mark() if follow else None
        shown: set[RecordId] = set()
        if limit is None and (as_json or follow):
            _print(store.scan(asked, upto=mark), show, stop)
        else:
            found = _newest(store, asked, limit or TEXT_LIMIT, told=limit is None)
            # What came behind the mark before the search was made is found by both.
            shown = {record.id for record in found}
            _print(found, show, stop)
        while mark is not None and not stop.is_set():
            before, mark = mark, store.mark()
            if mark == before:
                stop.wait(_POLL_S)
            else:
                _print((record for record in store.scan(asked, before, mark) if record.id not in shown), show, stop)
    return 0


def _newest(store: "SqliteStore | OpenSearchStore", asked: LogQuery, limit: int, *, told: bool) -> list[StoredRecord]:
    found = store.search(asked, limit + 1)
    if len(found) > limit and told:
        click.echo(f"fairlead: the newest {limit} lines; --limit N or --json shows more", err=True)
    return found[-limit:]


def _print(records: Iterable[StoredRecord], show: Callable[[StoredRecord], bytes], stop: threading.Event) -> None:
    for record in records:
        if stop.is_set():
            return
        sys.stdout.buffer.write(show(record))
    sys.stdout.buffer.flush()


def _json_line(record: StoredRecord) -> bytes:
    return orjson.dumps(to_ecs(record)) + b"\n"


def _text_line(record: StoredRecord) -> bytes:
    """Return a line for people; what would steer a terminal is shown, not done."""
    when = datetime.fromtimestamp(record.record.timestamp_ns / 1e9).astimezone().isoformat(timespec="milliseconds")
    message = "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in record.record.message)
    if sys.stdout.isatty():
        colour = 31 if record.record.level in ERROR_LEVELS else 33 if record.record.level == "warning" else 0
        return f"\x1b[2m{when} {record.path}\x1b[0m \x1b[{colour}m{message}\x1b[0m\n".encode(errors="backslashreplace")
    return f"{when} {record.path} {message}\n".encode(errors="backslashreplace")


def _level(text: str) -> str:
    name = level_name(text)
    if name not in LEVELS:
        raise UsageError(f"--level: {text!r} is not a level; allowed are {', '.join(LEVELS)}")
    return name


def _hint_at_unknown(levels: Iterable[str]) -> None:
    """Tell of a `level:NAME` that no line has; every text is a query, so it is no error."""
    for name in levels:
        if name not in LEVELS:
            click.echo(f"fairlead: level:{name} matches nothing; levels are {', '.join(LEVELS)}", err=True)


def _time_ns(text: str | None, option: str) -> int | None:
    """Return nanoseconds since the epoch of what an option says, as far as a store can count."""
    if text is None:
        return None
    for parse in (_ago_s, float, _date_s):
        try:
            return max(-_NEVER_NS, min(int(parse(text) * 1e9), _NEVER_NS))
        except (ValueError, OverflowError):
            continue
    raise UsageError(
        f"{option}: {text[:80]!r} is not a time; allowed is RFC 3339, seconds since the epoch, or a duration up to 36500d such as 1h30m"
    )


def _ago_s(text: str) -> float:
    return time.time() - Duration.parse(text)


def _date_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
