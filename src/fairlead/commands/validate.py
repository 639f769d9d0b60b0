"""`fairlead validate`: every fault of a configuration file, and what it asks of this host, before anything runs."""

import json
import sys

import click
import msgspec

from fairlead.commands.settings import AgentSettings, CollectSettings, UpSettings
from fairlead.core import config
from fairlead.core.errors import Finding, SettingsError


@click.command("validate")
@click.argument("file")
@click.option(
    "--for", "purpose", type=click.Choice(["up", "agent", "collect"]), help="The command that will read it. Default: by its keys."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON array.")
def command(file: str, purpose: str | None, as_json: bool) -> int:
    """Check FILE: types, unknown keys, paths, permissions, inotify limits, free space.

    Exit code: 0 clean, 1 warnings only, 2 any error.
    """
    findings = find(file, purpose)
    if sys.platform != "linux":
        click.echo(f"fairlead: this is {sys.platform}: what only Linux can tell (limits of inotify) is not checked", err=True)
    if as_json:
        click.echo(json.dumps([msgspec.to_builtins(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(str(finding))
    if any(finding.severity == "error" for finding in findings):
        return 2
    return 1 if findings else 0


def find(file: str, purpose: str | None) -> list[Finding]:
    """Return the findings of a file for a purpose; UsageError where it cannot be read."""
    from fairlead.commands.preflight import check_all

    kinds: dict[str, type[UpSettings | AgentSettings | CollectSettings]] = {
        "up": UpSettings,
        "agent": AgentSettings,
        "collect": CollectSettings,
    }
    # Once: it may be a pipe.
    data = config.read(file)
    kind = kinds[purpose or _guess(data, file)]
    try:
        settings, located = config.decode(data, file, kind)
    except SettingsError as error:
        return error.findings
    return check_all(settings, located)


def _guess(data: bytes, file: str) -> str:
    """Return the command that a file is for: only the agent's has a sink, and only the collector's a source."""
    keys = config.top_level_keys(data, file)
    return "agent" if "sink" in keys else "collect" if "source" in keys else "up"
