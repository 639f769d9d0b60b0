"""`fairlead service install`: a systemd unit for a long-running command, as narrow as its work allows.

The user `fairlead` is a dynamic one unless the host has a static one of that name; it reads logs by the groups adm and
systemd-journal, and writes its state directory only. Options: systemd.service(5), systemd.exec(5). Left out on purpose:
`ProtectProc=`, `PrivateNetwork=`, `PrivateUsers=`, `ProtectHostname=` (it would not see the host's mounts, network, groups and name).
"""

import grp
import os
import pwd
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from fairlead.commands.settings import AgentSettings, UpSettings
from fairlead.core import config, statedir
from fairlead.core.errors import SettingsError, UsageError
from fairlead.web.settings import is_loopback, split_listen

UNIT_DIR = "/etc/systemd/system"
USER = "fairlead"
GROUPS = ("adm", "systemd-journal")
"""Whose members may read /var/log on Debian, and the journal everywhere; one that the host lacks is left out."""
_STATE_ROOT = "/var/lib"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_PLAIN = re.compile(r"[A-Za-z0-9_./@:+,=-]+")
_HIDDEN = ("/tmp/", "/var/tmp/")  # noqa: S108 - the folders that PrivateTmp= replaces, not a file in them
_SANDBOX = """\
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077"""

Settings = UpSettings | AgentSettings


class _Kind(msgspec.Struct, frozen=True):
    """A command that can be a service."""

    description: str
    settings: type[UpSettings] | type[AgentSettings]
    needs_config: bool
    state_dir: str


KINDS = {
    "up": _Kind("Fairlead: metrics, logs and page of this host", UpSettings, False, f"{_STATE_ROOT}/fairlead"),
    "agent": _Kind("Fairlead: ships logs and metrics of this host", AgentSettings, True, f"{_STATE_ROOT}/fairlead-agent"),
}
"""Both may run on one host, so that each has a state directory of its own."""


@click.group("service")
def command() -> None:
    """Install as a systemd service."""


@command.command("install")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--config", "-c", "config_file", metavar="FILE", help="Settings of the service; agent needs them.")
@click.option("--name", metavar="NAME", help="Name of the unit. Default: fairlead-up, fairlead-agent.")
@click.option("--unit-dir", metavar="DIR", default=UNIT_DIR, show_default=True, help="Where the unit is written.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit and write nothing.")
@click.option("--force", is_flag=True, help="Replace a unit of this name that differs.")
def install(kind: str, config_file: str | None, name: str | None, unit_dir: str, only_print: bool, force: bool) -> None:
    """Write a hardened systemd unit that runs `fairlead up` or `fairlead agent` as a user of its own."""
    name = (name or f"fairlead-{kind}").removesuffix(".service")
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name {name!r}: a name has letters, digits, _ . and - only, at most 128, and begins with a letter or digit")
    if KINDS[kind].needs_config and not config_file:
        raise UsageError(f"fairlead {kind} needs its settings; give --config FILE")
    settings, config_path = _read(KINDS[kind], config_file)
    program = program_argv()
    unit = render(kind, name, program, config_path, settings)
    if not only_print:
        _write(Path(unit_dir, f"{name}.service"), unit, force)
    else:
        click.echo(unit, nl=False)
    for hint in _hints([program[0], *([config_path] if config_path else [])], settings):
        click.echo(f"fairlead: note: {hint}", err=True)


def program_argv() -> list[str]:
    """Return what starts this program from anywhere, by absolute paths; UsageError where its file is gone."""
    if "_archive" not in sys.builtin_module_names:
        return [sys.executable, "-I", "-m", "fairlead"]
    path = os.readlink("/proc/self/exe")
    if not Path(path).is_file():
        raise UsageError("the file of this running program is gone; call it again by the path where it shall stay")
    return [path]


def _read(kind: _Kind, config_file: str | None) -> tuple[Settings | None, str | None]:
    """Return the settings and the file's absolute path; SettingsError with its places where a service could not start with it."""
    if config_file is None:
        return None, None
    settings, located = config.load(config_file, kind.settings)
    wrong = [
        located.finding(path, f"{value} is relative, and a service starts in /", "an absolute path")
        for path, value in _paths(settings)
        if value and not value.startswith("/")
    ]
    if wrong:
        raise SettingsError(sorted(wrong))
    _check_sink(settings, located)
    return settings, os.path.abspath(config_file)


def _paths(settings: Settings) -> Iterator[tuple[config.Path_, str]]:
    """Yield the files and folders that settings name, by their keys."""
    for key in ("state_dir", "token_file", "tls_cert", "tls_key"):
        yield (key,), getattr(settings, key)
    if isinstance(settings, AgentSettings):
        for sink, key in (("file", "path"), ("http", "token_file"), ("http", "ca_file")):
            if chosen := getattr(settings.sink, sink):
                yield ("sink", sink, key), getattr(chosen, key)


def _check_sink(settings: Settings, located: config.Located) -> None:
    """Raise SettingsError where the file sink's folder is not there: the service would not start, as it cannot be let write to it."""
    path = _sink_file(settings)
    if path and not os.path.isdir(os.path.dirname(path)):
        problem = f"{os.path.dirname(path)} is not a directory"
        raise SettingsError([located.finding(("sink", "file", "path"), problem, "a file in a folder that is there")])


def _sink_file(settings: Settings | None) -> str:
    return settings.sink.file.path if isinstance(settings, AgentSettings) and settings.sink.file else ""


def render(kind: str, name: str, program: Sequence[str], config_path: str | None, settings: Settings | None) -> str:
    """Return the unit's text; UsageError where a path cannot be written in a unit."""
    state_dir = os.path.normpath(settings.state_dir if settings and settings.state_dir else _default_state_dir(kind, name))
    argv = [*program, kind, "--state-dir", state_dir, *(["--config", config_path] if config_path else [])]
    groups = " ".join(group for group in GROUPS if _group_exists(group))
    online = _needs_network(settings)
    port = split_listen(settings.listen)[1] if settings and settings.listen else 0
    sections = {
        "Unit": [
            f"Description={KINDS[kind].description}",
            *(["Wants=network-online.target"] if online else []),
            f"After={'network-online' if online else 'network'}.target",
        ],
        "Service": [
            "Type=notify",
            "NotifyAccess=main",
            # A colon before the program: $ has no meaning in what follows.
            f"ExecStart=:{' '.join(map(quote, argv))}",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "Restart=always",
            "RestartSec=5s",
            "WatchdogSec=30s",
            "TimeoutStopSec=30s",
            "LimitNOFILE=65536",
            "",
            "DynamicUser=yes",
            f"User={USER}",
            *([f"SupplementaryGroups={groups}"] if groups else []),
            *_writable(state_dir, _sink_file(settings)),
            *_SANDBOX.format(capabilities="CAP_NET_BIND_SERVICE" if 0 < port < 1024 else "").splitlines(),
        ],
        "Install": ["WantedBy=multi-user.target"],
    }
    head = f"# Written by `fairlead service install {kind}`. Changes of your own: systemctl edit {name}\n"
    return head + "".join(f"\n[{section}]\n" + "".join(f"{line}\n" for line in lines) for section, lines in sections.items())


def _default_state_dir(kind: str, name: str) -> str:
    return KINDS[kind].state_dir if name == f"fairlead-{kind}" else f"{_STATE_ROOT}/{name}"


def _needs_network(settings: Settings | None) -> bool:
    """Tell whether the service reaches out, or listens on an address that comes with the network."""
    if settings is None:
        return False
    sends = isinstance(settings, AgentSettings) and settings.sink.http is not None
    return sends or bool(settings.listen and not is_loopback(split_listen(settings.listen)[0]))


def _writable(state_dir: str, sink_file: str) -> Iterator[str]:
    """Yield what lets the service write: a state directory that systemd makes and owns where it can, and the folder of the file sink."""
    folder = state_dir.removeprefix(f"{_STATE_ROOT}/")
    if folder != state_dir and _PLAIN.fullmatch(folder) and ":" not in folder:
        yield f"StateDirectory={folder}"
        yield "StateDirectoryMode=0700"
    else:
        yield f"ReadWritePaths={quote_path(state_dir)}"
    if sink_file:
        yield f"ReadWritePaths={quote_path(os.path.normpath(os.path.dirname(sink_file)))}"


def quote(word: str) -> str:
    """Return a word of a command line as systemd.syntax(7) and systemd.unit(5) want it; UsageError where no unit can hold it."""
    _check_text(word)
    word = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quote_path(path: str) -> str:
    """Return a path of a list such as ReadWritePaths=, where backslashes are not heeded; UsageError where no unit can hold it."""
    _check_text(path)
    if any(character in path for character in "\\\"'"):
        raise UsageError(f"{path!r}: a unit cannot name a folder with a quote or a backslash in it; give another")
    path = path.replace("%", "%%")
    return path if _PLAIN.fullmatch(path) else f'"{path}"'


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{text!r}: a unit holds UTF-8 only; give another path") from None
    if not text.isprintable():
        raise UsageError(f"{text!r}: a unit cannot hold control characters; give another path")


def _write(file: Path, unit: str, force: bool) -> None:
    """Write the unit unless it is there as it shall be, and tell what comes next."""
    try:
        there = file.read_bytes() if file.exists() or file.is_symlink() else None
        if there != unit.encode():
            if there is not None and not force:
                raise UsageError(f"{file} exists and differs; look at --print, or replace it with --force")
            statedir.write_atomically(file, unit.encode())
            file.chmod(0o644)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; run as root, or give --unit-dir DIR or --print") from None
    unit_name = file.name if str(file.parent) == UNIT_DIR else str(file.absolute())
    click.echo(f"{'unchanged' if there == unit.encode() else 'wrote'} {file}\nnext:\n  systemctl daemon-reload")
    click.echo(f"  systemctl enable --now {unit_name}")
    if there is not None:
        click.echo(f"  systemctl restart {file.name}")


def _hints(files: Sequence[str], settings: Settings | None) -> Iterator[str]:
    """Yield what the service's user will not be able to do on this host, as far as modes tell."""
    writes = _folders_written(settings)
    named = [path for key, path in _paths(settings) if path and key[-1] not in ("state_dir", "path")] if settings else []
    make_user = "" if _user_ids() else f"useradd --system {USER}, then "
    for path in (*files, *named, *writes):
        if os.path.realpath(path).startswith(_HIDDEN):
            yield f"{path}: the service has a /tmp of its own and will not find it; move it"
        elif path in writes and not _may(path, stat.S_IWOTH | stat.S_IXOTH):
            yield f"{path}: the user {USER} cannot write there; {make_user}chown {USER} it"
        elif path not in writes and not _may(path, stat.S_IROTH):
            yield f"{path}: the user {USER} cannot read it; move it or open it, or {make_user}chown {USER} it"


def _folders_written(settings: Settings | None) -> list[str]:
    """Return the folders that the service writes to and systemd does not make for it."""
    state_dir = settings.state_dir if settings else ""
    foreign = [state_dir] if state_dir and not state_dir.startswith(f"{_STATE_ROOT}/") else []
    sink_file = _sink_file(settings)
    return [*foreign, *([os.path.dirname(sink_file)] if sink_file else [])]


def _may(path: str, wanted: int) -> bool:
    """Tell whether the service's user has the `wanted` bits (those of others) of a path and may pass the folders above it."""
    above = Path(os.path.realpath(path)).parents
    return _allows(path, wanted) and all(_allows(str(folder), stat.S_IXOTH) for folder in above)


def _allows(path: str, wanted: int) -> bool:
    try:
        facts = os.stat(path)
    except OSError:
        return False
    ids = _user_ids()
    groups = {*ids[1:], *(grp.getgrnam(group).gr_gid for group in GROUPS if _group_exists(group))}
    in_group = 3 if facts.st_gid in groups else 0
    shift = 6 if facts.st_uid in ids[:1] else in_group
    return facts.st_mode >> shift & wanted == wanted


def _user_ids() -> list[int]:
    """Return uid and group ids of the static user, none where there is none."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return []
    return [user.pw_uid, *os.getgrouplist(USER, user.pw_gid)]


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
