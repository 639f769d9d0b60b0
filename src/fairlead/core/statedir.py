"""The state directory: where it is, that it is ours alone, and who we are (the agent id, minted once)."""

import errno
import os
import socket
import stat
import uuid
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from fairlead.core.durable import sync_folder, write_atomically
from fairlead.core.errors import StateError, UsageError
from fairlead.core.system import system

_MARKS = ("lock", "agent-id", "store.db", "spool", "checkpoint.a", "checkpoint.b", "checkpoint.json")
"""What tells that a directory is a state directory already."""
_OURS = ("lock", "agent-id*", "store.db*", "spool", "checkpoint*", "dead-letters.ndjson*", "poison.ndjson*", "verdict.json*", "lost+found")
"""All that lies in one, and what a file system of its own begins with."""

_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - what is refused


def default_path() -> Path:
    """Return /var/lib/fairlead for root, the XDG state directory otherwise; UsageError where neither can be known."""
    if system.is_root():
        return Path("/var/lib/fairlead")
    if base := os.environ.get("XDG_STATE_HOME"):
        return Path(base) / "fairlead"
    try:
        return Path.home() / ".local/state/fairlead"
    except RuntimeError:
        raise UsageError("no HOME and no passwd entry, so there is no default state directory; give --state-dir DIR") from None


class StateDir:
    """An open state directory with its lock held; close it to let another process have it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _keep_private(path)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | system.O_BINARY, 0o600)
        except OSError as error:
            raise StateError(f"{path}: {error.strerror}; give a directory that can be written with --state-dir DIR") from None
        try:
            system.lock(self._lock)
        except OSError:
            holder = system.read_at(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            raise StateError(
                f"{path}: in use by another fairlead{f' (pid {holder})' if holder else ''}; stop it or give another --state-dir"
            ) from None
        try:
            os.ftruncate(self._lock, 0)
            system.write_at(self._lock, [f"{os.getpid()}\n".encode()], 0)
            self.agent_id = self._mint_agent_id()
        except OSError as error:
            os.close(self._lock)
            raise StateError(f"{path}: {error.strerror}; free some space or give another --state-dir") from None

    def _mint_agent_id(self) -> str:
        file = self.path / "agent-id"
        if file.exists() and (known := file.read_text().strip()):
            return known
        fresh = mint_agent_id()
        write_atomically(file, f"{fresh}\n".encode())
        sync_folder(self.path)
        return fresh

    def close(self) -> None:
        """Give up the lock."""
        os.close(self._lock)


def _keep_private(path: Path) -> None:
    """Make the directory, for its owner alone; one that is there already is closed to others only where nothing but ours lies in it.

    StateError where others use it; raises OSError.
    """
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        facts = path.stat()
    else:
        return
    if not stat.S_ISDIR(facts.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    refuse_shared(path)
    if facts.st_uid == system.user_id() and _is_ours_alone(os.listdir(path)):
        path.chmod(0o700)


def _is_ours_alone(names: Iterable[str]) -> bool:
    return all(any(fnmatchcase(name, ours) for ours in _OURS) for name in names)


def refuse_shared(path: Path) -> None:
    """Raise StateError where others use a directory that is there already; raises OSError."""
    with os.scandir(path) as entries:
        owners = {entry.name: entry.stat(follow_symlinks=False).st_uid for entry in entries}
    if str(path.resolve()) in _SHARED:
        raise StateError(f"{path}: shared by all users; give --state-dir a directory of its own, such as {path}/fairlead")
    foreign = sorted(name for name, owner in owners.items() if owner != system.user_id() and name != "lost+found")
    if foreign and not any(name in owners for name in _MARKS):
        raise StateError(f"{path}: {foreign[0]} in it belongs to another user; give --state-dir a directory of its own")


def mint_agent_id() -> str:
    """Return a new agent id."""
    return str(uuid.uuid4())


def host_name() -> str:
    """Return the host's name as every record and sample bears it."""
    return socket.gethostname()
