"""The text of a systemd unit for a long-running command, as narrow as its work allows.

The user `fairlead` is a dynamic one unless the host has a static one of that name; it reads logs by the groups adm and
systemd-journal, and writes its state directory only. Options: systemd.service(5), systemd.exec(5). Left out on purpose:
`ProtectProc=`, `PrivateNetwork=`, `PrivateUsers=`, `ProtectHostname=` (it would not see the host's mounts, network, groups and name).
"""

import grp
import os
import re
from collections.abc import Iterator, Sequence

import msgspec

from fairlead.commands.settings import AgentSettings, CollectSettings, UpSettings
from fairlead.core.errors import UsageError
from fairlead.net.listen import is_loopback, split_listen

USER = "fairlead"
GROUPS = ("adm", "systemd-journal")
"""Whose members may read /var/log on Debian, and the journal everywhere; one that the host lacks is left out."""
STATE_ROOT = "/var/lib"
_PLAIN = re.compile(r"[A-Za-z0-9_./@:+,=-]+")
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

Settings = UpSettings | AgentSettings | CollectSettings


class Kind(msgspec.Struct, frozen=True):
    """A command that can be a service."""

    description: str
    settings: type[Settings]
    needs_config: bool
    state_dir: str


KINDS = {
    "up": Kind("Fairlead: metrics, logs and page of this host", UpSettings, False, f"{STATE_ROOT}/fairlead"),
    "agent": Kind("Fairlead: ships logs and metrics of this host", AgentSettings, True, f"{STATE_ROOT}/fairlead-agent"),
    "collect": Kind("Fairlead: collects logs and metrics of many hosts", CollectSettings, True, f"{STATE_ROOT}/fairlead-collect"),
}
"""All may run on one host, so that each has a state directory of its own."""


def render(kind: str, name: str, program: Sequence[str], config_path: str | None, settings: Settings | None) -> str:
    """Return the unit's text; UsageError where a path cannot be written in a unit."""
    state_dir = os.path.normpath(settings.state_dir if settings and settings.state_dir else _default_state_dir(kind, name))
    argv = [*program, kind, "--state-dir", state_dir, *(["--config", config_path] if config_path else [])]
    groups = " ".join(group for group in GROUPS if group_exists(group))
    online = _needs_network(settings)
    ports = [split_listen(listen)[1] for listen in listens(settings)]
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
            *_writable(state_dir, sink_file_of(settings)),
            *_SANDBOX.format(capabilities="CAP_NET_BIND_SERVICE" if any(0 < port < 1024 for port in ports) else "").splitlines(),
        ],
        "Install": ["WantedBy=multi-user.target"],
    }
    head = f"# Written by `fairlead service install {kind}`. Changes of your own: systemctl edit {name}\n"
    return head + "".join(f"\n[{section}]\n" + "".join(f"{line}\n" for line in lines) for section, lines in sections.items())


def _default_state_dir(kind: str, name: str) -> str:
    return KINDS[kind].state_dir if name == f"fairlead-{kind}" else f"{STATE_ROOT}/{name}"


def _needs_network(settings: Settings | None) -> bool:
    """Tell whether the service reaches out, or listens on an address that comes with the network."""
    if settings is None:
        return False
    if isinstance(settings, AgentSettings):
        reaches_out = settings.sink.http is not None or settings.sink.kafka is not None
    else:
        reaches_out = isinstance(settings, CollectSettings) and settings.source.kafka is not None
    return reaches_out or any(not is_loopback(split_listen(listen)[0]) for listen in listens(settings))


def listens(settings: Settings | None) -> list[str]:
    """Return the addresses that a command listens on."""
    if settings is None:
        return []
    http = settings.source.http if isinstance(settings, CollectSettings) else None
    return [listen for listen in (settings.listen, http.listen if http else "") if listen]


def _writable(state_dir: str, sink_file: str) -> Iterator[str]:
    """Yield what lets the service write: a state directory that systemd makes and owns where it can, and the folder of the file sink."""
    folder = state_dir.removeprefix(f"{STATE_ROOT}/")
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


def sink_file_of(settings: Settings | None) -> str:
    """Return the path of the file sink, or nothing."""
    return settings.sink.file.path if isinstance(settings, AgentSettings) and settings.sink.file else ""


def group_exists(name: str) -> bool:
    """Tell whether the host has this group."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
