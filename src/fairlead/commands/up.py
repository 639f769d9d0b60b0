"""`fairlead up`: metrics, logs, store and page of this host, in one process and without a configuration."""

import click

from fairlead.commands.settings import UpSettings
from fairlead.core import config, logsetup, runtime
from fairlead.core.errors import UsageError
from fairlead.core.units import Size
from fairlead.logs.settings import LogInput
from fairlead.metrics.settings import parse_intervals


@click.command("up")
@click.option("--config", "-c", "config_file", metavar="FILE", help="Settings; flags go before them.")
@click.option(
    "--state-dir", metavar="DIR", help="Where the store lives. Default: /var/lib/fairlead for root, else the XDG state directory."
)
@click.option("--memory", is_flag=True, help="Keep everything in memory, without a state directory; gone at the end.")
@click.option("--listen", metavar="HOST:PORT", help="Address of the page. Default: 127.0.0.1:9320.")
@click.option("--allowed-host", "allowed_hosts", metavar="NAME", multiple=True, help="A further name that a Host header may bear.")
@click.option("--token-file", metavar="FILE", help="Bearer token that the page and the API ask for.")
@click.option("--tls-cert", metavar="FILE", help="PEM certificate chain.")
@click.option("--tls-key", metavar="FILE", help="PEM private key.")
@click.option("--logs", "log_globs", metavar="GLOB", multiple=True, help="Logs to follow; replaces the default set.")
@click.option("--backfill", metavar="SIZE", help="Newest bytes of a file that are read at the first start. Default: 64MiB.")
@click.option("--interval", metavar="KEY=PERIOD,...", default="", help="Periods of collectors, such as cpu=1s,memory=5s.")
@click.option("--log-level", type=click.Choice(logsetup.LEVELS), help="Fairlead's own log. Default: info.")
@click.option("--log-format", type=click.Choice(logsetup.FORMATS), help="Default: text.")
def command(memory: bool, **flags: str | tuple[str, ...] | None) -> int:
    """Watch this host: the terminal says where the page is."""

    def read() -> UpSettings:
        return settings_from(dict(flags))

    settings = read()
    logsetup.set_up(settings.log_level, settings.log_format)
    from fairlead.commands.host import HostMonitor

    return runtime.run(HostMonitor(settings, read, in_memory=memory).run())


def settings_from(flags: dict[str, str | tuple[str, ...] | None]) -> UpSettings:
    """Return the file's settings with the flags laid over them; SettingsError or UsageError where one is wrong."""
    file = flags.pop("config_file")
    settings = config.load(file, UpSettings)[0] if isinstance(file, str) else UpSettings()
    merged = {name: getattr(settings, name) for name in settings.__struct_fields__}
    globs, interval, backfill = flags.pop("log_globs"), flags.pop("interval"), flags.pop("backfill")
    if globs:
        merged["logs"] = [LogInput(paths=list(globs))]
    if isinstance(interval, str) and interval:
        merged["metrics"] = settings.metrics | parse_intervals(interval)
    merged.update({name: list(value) if isinstance(value, tuple) else value for name, value in flags.items() if value})
    try:
        if isinstance(backfill, str):
            merged["backfill"] = Size.parse(backfill)
        return UpSettings(**merged)
    except ValueError as error:
        raise UsageError(str(error)) from None
