"""The limits of inotify(7): what one is called, what it is now, and how it is raised.

ENOSPC says "No space left on device" and EMFILE "Too many open files"; neither is what is meant.
"""

import os

import msgspec

SYSCTL_ROOT = "/proc/sys"


class Limit(msgspec.Struct, frozen=True):
    """A limit by its sysctl name; its value is None where it cannot be known."""

    name: str
    value: int | None

    def told(self) -> str:
        """Return name and value."""
        return f"{self.name} is {'unknown' if self.value is None else self.value}"

    def remedy(self, needed: int = 0) -> str:
        """Return the command that raises it to twice what it is, or what is needed."""
        return f"sysctl -w {self.name}={2 * max(self.value or 0, needed, 64)}"


def watches() -> Limit:
    """Return what bounds the watches of this user: ENOSPC of inotify_add_watch."""
    return _lowest("fs.inotify.max_user_watches", "user.max_inotify_watches")


def instances() -> Limit:
    """Return what bounds the inotify descriptors of this user: EMFILE of inotify_init1."""
    return _lowest("fs.inotify.max_user_instances", "user.max_inotify_instances")


def queued_events() -> Limit:
    """Return how many events wait at most before IN_Q_OVERFLOW tells that some were dropped."""
    return _lowest("fs.inotify.max_queued_events")


def _lowest(*names: str) -> Limit:
    """Return the limit that is reached first: the first of these is the host's, and a user namespace has its own (namespaces(7))."""
    found = [limit for name in names if (limit := Limit(name, _read(name))).value is not None]
    return min(found, key=lambda limit: limit.value or 0, default=Limit(names[0], None))


def _read(name: str) -> int | None:
    try:
        descriptor = os.open(f"{SYSCTL_ROOT}/{name.replace('.', '/')}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return int(os.read(descriptor, 32))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
