"""`fairlead service install`: writes a systemd unit (systemd_unit.py has its text), and tells what its user will not be able to do."""

import grp
import os
import pwd
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from fairlead.commands.settings import AgentSettings, CollectSettings
from fairlead.commands.systemd_unit import GROUPS, KINDS, STATE_ROOT, USER, Kind, Settings, group_exists, render, sink_file_of
from fairlead.core import config, durable
from fairlead.core.errors import SettingsError, UsageError
from fairlead.core.findings import Located, Path_
from fairlead.core.program import program_argv
from fairlead.net.kafka.connection import KafkaConnection

UNIT_DIR = "/etc/systemd/system"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_HIDDEN = ("/tmp/", "/var/tmp/")  # noqa: S108 - the folders that PrivateTmp= replaces, not a file in them


@click.group("service")
def command() -> None:
    """Install as a systemd service."""


@command.command("install")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--config", "-c", "config_file", metavar="FILE", help="Settings of the service; agent and collect need them.")
@click.option("--name", metavar="NAME", help="Name of the unit. Default: fairlead- and the command.")
@click.option("--unit-dir", metavar="DIR", default=UNIT_DIR, show_default=True, help="Where the unit is written.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit and write nothing.")
@click.option("--force", is_flag=True, help="Replace a unit of this name that differs.")
def install(kind: str, config_file: str | None, name: str | None, unit_dir: str, only_print: bool, force: bool) -> None:
    """Write a hardened systemd unit that runs `fairlead up`, `fairlead agent` or `fairlead collect` as a user of its own."""
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


def _read(kind: Kind, config_file: str | None) -> tuple[Settings | None, str | None]:
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


def _paths(settings: Settings) -> Iterator[tuple[Path_, str]]:
    """Yield the files and folders that settings name, by their keys."""
    for key in ("state_dir", "token_file", "tls_cert", "tls_key"):
        yield (key,), getattr(settings, key)
    if isinstance(settings, AgentSettings):
        for sink, key in (("file", "path"), ("http", "token_file"), ("http", "ca_file")):
            if chosen := getattr(settings.sink, sink):
                yield ("sink", sink, key), getattr(chosen, key)
        yield from _kafka_paths(("sink", "kafka"), settings.sink.kafka)
    if isinstance(settings, CollectSettings):
        for key in ("tokens_file", "tls_cert", "tls_key"):
            if http := settings.source.http:
                yield ("source", "http", key), getattr(http, key)
        yield from _kafka_paths(("source", "kafka"), settings.source.kafka)


def _kafka_paths(at: Path_, connection: KafkaConnection | None) -> Iterator[tuple[Path_, str]]:
    if connection is not None and connection.tls is not None:
        for key in ("ca_file", "cert_file", "key_file"):
            yield (*at, "tls", key), getattr(connection.tls, key)
    if connection is not None and connection.sasl is not None:
        yield (*at, "sasl", "password_file"), connection.sasl.password_file


def _check_sink(settings: Settings, located: Located) -> None:
    """Raise SettingsError where the file sink's folder is not there: the service would not start, as it cannot be let write to it."""
    path = sink_file_of(settings)
    if path and not os.path.isdir(os.path.dirname(path)):
        problem = f"{os.path.dirname(path)} is not a directory"
        raise SettingsError([located.finding(("sink", "file", "path"), problem, "a file in a folder that is there")])


def _write(file: Path, unit: str, force: bool) -> None:
    """Write the unit unless it is there as it shall be, and tell what comes next."""
    try:
        there = file.read_bytes() if file.exists() or file.is_symlink() else None
        if there != unit.encode():
            if there is not None and not force:
                raise UsageError(f"{file} exists and differs; look at --print, or replace it with --force")
            durable.write_atomically(file, unit.encode())
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
    foreign = [state_dir] if state_dir and not state_dir.startswith(f"{STATE_ROOT}/") else []
    sink_file = sink_file_of(settings)
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
    groups = {*ids[1:], *(grp.getgrnam(group).gr_gid for group in GROUPS if group_exists(group))}
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
