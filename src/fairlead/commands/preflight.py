"""What a configuration needs of this host: each check yields findings at the key that asks for it."""

import os
import re
import resource
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from fairlead.commands.settings import AgentSettings, UpSettings
from fairlead.core import statedir
from fairlead.core.config import Located, Path_
from fairlead.core.errors import FairleadError, Finding
from fairlead.logs.discover import find_files
from fairlead.web.settings import is_loopback

Settings = UpSettings | AgentSettings
Check = Callable[[Settings, Located], Iterator[Finding]]

INOTIFY_LIMITS = Path("/proc/sys/fs/inotify")


def check_all(settings: Settings, located: Located) -> list[Finding]:
    """Return every finding, in the order of the file."""
    checks: Sequence[Check] = (_check_state_dir, _check_logs, _check_redact, _check_secrets, _check_tls, _check_sink)
    return sorted(finding for check in checks for finding in check(settings, located))


def _check_state_dir(settings: Settings, located: Located) -> Iterator[Finding]:
    key: Path_ = ("state_dir",)
    try:
        path = Path(settings.state_dir) if settings.state_dir else statedir.default_path()
    except FairleadError as error:
        yield located.finding(key, str(error))
        return
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not existing.is_dir():
        yield located.finding(key, f"{existing} is not a directory")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield located.finding(key, f"{existing} cannot be written by uid {os.geteuid()}", "a directory of this user")
    elif isinstance(settings, UpSettings):
        facts = os.statvfs(existing)
        free = facts.f_bavail * facts.f_frsize
        if free < settings.store.max_size:
            yield located.finding(
                ("store", "max_size"),
                f"{settings.store.max_size} bytes may be kept in {existing}, which has {free} bytes free",
                "less, or another state_dir",
                "warning",
            )


def _check_logs(settings: Settings, located: Located) -> Iterator[Finding]:
    files: set[str] = set()
    for index, log_input in enumerate(settings.logs):
        for place, pattern in enumerate(log_input.paths):
            key: Path_ = ("logs", index, "paths", place)
            if not pattern.startswith("/"):
                yield located.finding(key, f"{pattern} is not absolute", "a path or glob that begins with /")
                continue
            found = find_files([pattern], log_input.exclude)
            files.update(found)
            if not found:
                yield located.finding(key, f"{pattern} matches no file now", severity="warning")
            unreadable = sorted(file for file in found if not os.access(file, os.R_OK))
            if unreadable:
                more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
                yield located.finding(key, f"{unreadable[0]}{more} cannot be read", "run as root or in the group adm", "warning")
    yield from _check_limits(files, located)


def _check_limits(files: set[str], located: Located) -> Iterator[Finding]:
    folders = {os.path.dirname(file) for file in files}
    watches = _limit("max_user_watches")
    if watches is not None and len(folders) > watches:
        yield located.finding(
            ("logs",),
            f"{len(folders)} directories are to be watched, and fs.inotify.max_user_watches is {watches}",
            f"sysctl fs.inotify.max_user_watches={2 * len(folders)} or fewer directories",
            "warning",
        )
    if _limit("max_user_instances") == 0:
        yield located.finding(("logs",), "fs.inotify.max_user_instances is 0", "at least 1", "warning")
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors != resource.RLIM_INFINITY and len(files) + 64 > descriptors:
        yield located.finding(
            ("logs",),
            f"{len(files)} files match, and this user may open {descriptors}",
            f"ulimit -n {2 * len(files)} or fewer files",
            "warning",
        )


def _limit(name: str) -> int | None:
    try:
        return int((INOTIFY_LIMITS / name).read_text())
    except (OSError, ValueError):
        return None


def _check_redact(settings: Settings, located: Located) -> Iterator[Finding]:
    for index, pattern in enumerate(settings.redact):
        try:
            matches_nothing = re.compile(pattern).match("") is not None
        except re.error as error:
            yield located.finding(("redact", index), f"not a regular expression: {error}")
            continue
        if matches_nothing:
            yield located.finding(("redact", index), "matches the empty text", "a pattern that matches something", "warning")


def _check_secrets(settings: Settings, located: Located) -> Iterator[Finding]:
    files: list[tuple[Path_, str]] = [(("token_file",), settings.token_file), (("tls_key",), settings.tls_key)]
    if isinstance(settings, AgentSettings) and settings.sink.http:
        files.append((("sink", "http", "token_file"), settings.sink.http.token_file))
    for key, file in files:
        if not file:
            continue
        try:
            content, mode = Path(file).read_bytes(), Path(file).stat().st_mode
        except OSError as error:
            yield located.finding(key, f"{file}: {error.strerror}", "a file that this user can read")
            continue
        if not content.strip():
            yield located.finding(key, f"{file} is empty")
        if mode & 0o077:
            yield located.finding(key, f"{file} can be read by others (mode {mode & 0o777:04o})", f"chmod 600 {file}", "warning")


def _check_tls(settings: Settings, located: Located) -> Iterator[Finding]:
    if settings.tls_cert and settings.tls_key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or "not a PEM pair"
            yield located.finding(("tls_cert",), f"the pair cannot be loaded: {reason}", "a PEM certificate chain and its key")


def _check_sink(settings: Settings, located: Located) -> Iterator[Finding]:
    if not isinstance(settings, AgentSettings):
        return
    if file := settings.sink.file:
        folder = Path(file.path).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            yield located.finding(("sink", "file", "path"), f"{folder} is not a directory that can be written")
    if http := settings.sink.http:
        url = urlsplit(http.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            yield located.finding(("sink", "http", "url"), f"{http.url} is not an http or https URL")
        elif url.scheme == "http" and http.token_file and not is_loopback(url.hostname):
            yield located.finding(("sink", "http", "url"), "the token would travel unencrypted", "https", "warning")
        if http.ca_file and not os.access(http.ca_file, os.R_OK):
            yield located.finding(("sink", "http", "ca_file"), f"{http.ca_file} cannot be read")
