"""What following files by inotify asks of this host, which only Linux can tell: a part of preflight_logs.py."""

import errno
import os
from collections.abc import Iterator, Sequence

from fairlead._native import oscalls
from fairlead.core.errors import Finding
from fairlead.core.findings import Located
from fairlead.logs import inotify_limits
from fairlead.logs.discover import watched_directories
from fairlead.logs.settings import LogInput


def check_inotify(log_inputs: Sequence[LogInput], located: Located) -> Iterator[Finding]:
    """Yield which of inotify's limits the files of these inputs run into."""
    places = watched_directories(log_inputs)
    needed, limit = len(places.folders) + len(places.files), inotify_limits.watches()
    if limit.value is not None and needed > limit.value:
        yield located.finding(("logs",), f"{needed} directories are to be watched, and {limit.told()}", limit.remedy(needed), "warning")
    try:
        os.close(oscalls.inotify_init())
    except OSError as error:
        limit = inotify_limits.instances()
        told = f"{limit.told()} and all are taken" if error.errno == errno.EMFILE else error.strerror
        yield located.finding(("logs",), f"no inotify, files would be polled: {told}", limit.remedy(), "warning")
