from os import PathLike

IN_MODIFY: int
IN_ATTRIB: int
IN_CLOSE_WRITE: int
IN_MOVED_FROM: int
IN_MOVED_TO: int
IN_CREATE: int
IN_DELETE: int
IN_DELETE_SELF: int
IN_MOVE_SELF: int
IN_Q_OVERFLOW: int
IN_IGNORED: int
IN_ISDIR: int
IN_ONLYDIR: int
IN_UNMOUNT: int

def inotify_init() -> int: ...
def inotify_watch(fd: int, path: str | bytes | PathLike[str], mask: int) -> int: ...
def inotify_unwatch(fd: int, wd: int) -> None: ...
def inotify_parse(data: bytes) -> list[tuple[int, int, int, bytes]]: ...
def birth_ns(fd: int) -> int: ...
def adopt_orphans() -> bool:
    """Make this process the child subreaper of its descendants (prctl(2), Linux 3.4); False where the kernel refuses."""
