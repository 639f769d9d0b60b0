"""The state directory: where it is, that it is ours alone, and who we are (the agent id, minted once)."""

import fcntl
import os
import socket
import uuid
from pathlib import Path

from fairlead.core.errors import StateError, UsageError


def default_path() -> Path:
    """Return /var/lib/fairlead for root, the XDG state directory otherwise; UsageError where neither can be known."""
    if os.geteuid() == 0:
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
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{path}: {error.strerror}; give a directory that can be written with --state-dir DIR") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            raise StateError(
                f"{path}: in use by another fairlead{f' (pid {holder})' if holder else ''}; stop it or give another --state-dir"
            ) from None
        try:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
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
        return fresh

    def close(self) -> None:
        """Give up the lock."""
        os.close(self._lock)


def mint_agent_id() -> str:
    """Return a new agent id."""
    return str(uuid.uuid4())


def write_atomically(file: Path, data: bytes) -> None:
    """Replace a file's content so that a reader, and a crash, finds the old or the new; raises OSError."""
    draft = file.with_name(f"{file.name}.new")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def host_name() -> str:
    """Return the host's name as every record and sample bears it."""
    return socket.gethostname()
