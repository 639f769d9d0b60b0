"""One process under measurement: wall clock, user and system CPU time and peak resident memory by wait4(2), and what it printed.

A process that is forked and then executes another program passes its own peak on (exec keeps the old image's peak in the signal
struct), so a shell forks what is measured and leaves it to us as an orphan: the least that can be measured is the shell's own 2 MB.
Time begins when the forked shell, which waits for that, is told to execute the program. Where there is no shell, or orphans cannot
be adopted (macOS), the process is spawned directly and its peak is at least that of this process.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fairlead.bench.measured import ContenderError, Measured

assert sys.platform != "win32"

_FORK = 'exec 3<&0; out=$1 err=$2; shift 2; { read -r _ <&3 && exec "$@" 3<&-; } >"$out" 2>"$err" & echo $!'
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_TOLD_CHARACTERS = 2000


def measure(argv: Sequence[str], timeout_s: float) -> Measured:
    """Run a program to its end; ContenderError where its exit code is not 0."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        start = _forked_by_shell if shutil.which("sh") and _adopts_orphans() else _spawned
        with start(argv, out, err) as (pid, group, begin_s), _killed_after(timeout_s, group):
            _, status, usage = os.wait4(pid, 0)
            wall_s = time.perf_counter() - begin_s
        if status:
            told = err.read_text(errors="replace").strip()[-_TOLD_CHARACTERS:]
            raise ContenderError(f"{' '.join(argv)}: {_ending(status, wall_s >= timeout_s)}{f': {told}' if told else ''}")
        return Measured(wall_s, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES, out.read_text(errors="replace"))


@contextlib.contextmanager
def _forked_by_shell(argv: Sequence[str], out: Path, err: Path) -> Iterator[tuple[int, int, float]]:
    """Yield the process id, the group that dies with the block, and when it was told to go."""
    waiting, go = os.pipe()
    try:
        shell = subprocess.Popen(
            ["sh", "-c", _FORK, "sh", str(out), str(err), *argv], stdin=waiting, stdout=subprocess.PIPE, start_new_session=True
        )
        told, _ = shell.communicate()
        with _group_killed(shell.pid):
            begin_s = time.perf_counter()
            os.write(go, b"\n")
            yield int(told), shell.pid, begin_s
    finally:
        os.close(waiting)
        os.close(go)


@contextlib.contextmanager
def _spawned(argv: Sequence[str], out: Path, err: Path) -> Iterator[tuple[int, int, float]]:
    """Yield the same of a direct child."""
    flags = os.O_WRONLY | os.O_CREAT
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(out), flags, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(err), flags, 0o600),
    ]
    begin_s = time.perf_counter()
    try:
        pid = os.posix_spawnp(argv[0], list(argv), os.environ, file_actions=actions, setpgroup=0)
    except OSError as error:
        raise ContenderError(f"{argv[0]}: {error.strerror}") from error
    with _group_killed(pid):
        yield pid, pid, begin_s


@contextlib.contextmanager
def _group_killed(group: int) -> Iterator[None]:
    """Leave nothing of the group behind."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-group, os.WNOHANG)[0]:
                pass


@contextlib.contextmanager
def _killed_after(timeout_s: float, group: int) -> Iterator[None]:
    """Kill the group where the block takes longer."""
    timer = threading.Timer(timeout_s, os.killpg, (group, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _adopts_orphans() -> bool:
    """Make this process the one that orphaned descendants are handed to, where the system can."""
    if sys.platform != "linux":
        return False
    from fairlead._native.oscalls import adopt_orphans

    return adopt_orphans()


def _ending(status: int, late: bool) -> str:
    code = os.waitstatus_to_exitcode(status)
    if late:
        return "not done in time, and killed"
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
