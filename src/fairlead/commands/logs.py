"""`fairlead logs QUERY`: searches and follows the stored lines, also while `fairlead up` runs."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import click
import msgspec
import orjson

from fairlead.core import statedir
from fairlead.core.clock import SystemClock
from fairlead.core.errors import UsageError
from fairlead.core.record import ERROR_LEVELS
from fairlead.core.units import Duration
from fairlead.store.interface import LogQuery, StoredRecord, to_ecs
from fairlead.store.query import level_name, parse_query
from fairlead.store.settings import StoreSettings
from fairlead.store.sqlite import SqliteStore, open_store

TEXT_LIMIT = 1000
_POLL_S = 0.2


@click.command("logs", context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, type=click.UNPROCESSED)
@click.option("--follow", "-f", is_flag=True, help="Go on with lines as they are stored.")
@click.option("--since", metavar="TIME", help="RFC 3339, seconds since the epoch, or how long ago: 1h30m.")
@click.option("--until", metavar="TIME", help="As --since.")
@click.option("--file", "files", metavar="GLOB", multiple=True, help="Lines of files whose path matches.")
@click.option("--level", "levels", metavar="NAME", multiple=True, help="Lines of this level, such as error.")
@click.option("--limit", type=click.IntRange(1), help=f"The newest so many lines. Default: {TEXT_LIMIT}, with --json all.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as an ECS object, oldest first.")
@click.option("--state-dir", metavar="DIR", help="Where the store lives. Default: as fairlead up.")
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
) -> int:
    """Search the stored log lines.

    QUERY: words are ANDed; "..." is a phrase; -word excludes; file:GLOB, host:NAME and level:NAME restrict. Empty matches all.
    """
    asked = parse_query(" ".join(query), _time_ns(since, "--since"), _time_ns(until, "--until"))
    asked = msgspec.structs.replace(asked, files=asked.files + files, levels=asked.levels + tuple(map(level_name, levels)))
    folder = Path(state_dir) if state_dir else statedir.default_path()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with contextlib.closing(open_store(folder, StoreSettings(), SystemClock(), read_only=True)) as store:
        newest_id = store.newest_id()
        if limit is None and (as_json or follow):
            found: Iterator[StoredRecord] = store.scan(asked)
        else:
            found = _newest(store, asked, limit or TEXT_LIMIT, told=limit is None)
        show = _json_line if as_json else _text_line
        _print((record for record in found if record.id <= newest_id), show, stop)
        while follow and not stop.is_set():
            before, newest_id = newest_id, store.newest_id()
            if newest_id > before:
                _print((record for record in store.scan(asked, before) if record.id <= newest_id), show, stop)
            else:
                stop.wait(_POLL_S)
    return 0


def _newest(store: SqliteStore, asked: LogQuery, limit: int, *, told: bool) -> Iterator[StoredRecord]:
    found = store.search(asked, limit + 1)
    if len(found) > limit and told:
        click.echo(f"fairlead: the newest {limit} lines; --limit N or --json shows more", err=True)
    yield from found[-limit:]


def _print(records: Iterator[StoredRecord], show: Callable[[StoredRecord], bytes], stop: threading.Event) -> None:
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


def _time_ns(text: str | None, option: str) -> int | None:
    """Return nanoseconds since the epoch of what an option says."""
    if text is None:
        return None
    try:
        return time.time_ns() - int(Duration.parse(text) * 1e9)
    except ValueError:
        pass
    try:
        return int(float(text) * 1e9)
    except (ValueError, OverflowError):
        pass
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1e9)
    except ValueError:
        raise UsageError(
            f"{option}: {text!r} is not a time; allowed is RFC 3339, seconds since the epoch, or a duration such as 1h30m"
        ) from None
